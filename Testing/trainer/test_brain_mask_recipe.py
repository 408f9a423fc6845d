"""Training a brain mask: what the simulated heads show, and that a network learns from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_training import entries, head_labels, write_config

from mrstyle.errors import InputError
from mrstyle.models.card import load_card
from mrstyle_trainer.anatomies import Anatomy, LabelTable
from mrstyle_trainer.brain_samples import BrainMaskSamples, brain_hull
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.simulate import SimulationConfig

SIZE = 32
NETWORK = {"channels": [8, 16, 16]}


@pytest.fixture
def anatomy(heads: Path) -> Anatomy:
    table = LabelTable.read(heads / "table.yaml")
    return Anatomy("head", table.classes(head_labels(5, 120), "head"), table)


@pytest.fixture
def config(heads: Path, tmp_path: Path) -> Callable[..., TrainingConfig]:
    def make(**changes: Any) -> TrainingConfig:
        changes["simulation"] = {"size": SIZE} | changes.get("simulation", {})
        content = entries(heads, "crl", **changes)
        content |= {"recipe": "brain_mask", "network": NETWORK}
        content["card"] = {"training": {"data": []}}
        return read_config(write_config(tmp_path / "config.yaml", content))

    return make


def samples(anatomy: Anatomy, **changes: Any) -> BrainMaskSamples:
    config = SimulationConfig.model_validate(
        {"size": 48, "stripped_probability": 0.0, "lesion_probability": 0.0, "noise": 0.0} | changes
    )
    return BrainMaskSamples([anatomy], config, seed=3, length=12)


def test_the_hull_adds_fluid_between_folds_alone(heads: Path) -> None:
    table = LabelTable.read(heads / "table.yaml")
    labels = np.full((40, 60, 60), 507, np.int16)
    labels[5:35, 5:55, 5:55] = 24
    labels[10:30, 15:45, 15:45] = 3
    labels[18:30, 15:45, 28:32] = 24  # a sulcus of 4 mm
    hull = brain_hull(Anatomy("folded", table.classes(labels, "folded"), table))
    expected = np.isin(labels, 3)
    expected[18:30, 15:45, 28:32] = True
    # At its mouth, a closing rounds the sulcus.
    assert np.array_equal(hull[:26], expected[:26])
    assert (hull != expected).sum() < 0.02 * expected.sum()


def test_the_spinal_cord_is_no_brain(anatomy: Anatomy, heads: Path, tmp_path: Path) -> None:
    entry = "\ncord: {labels: [512], tissue: brainstem, inside: brain}\n"
    path = tmp_path / "table.yaml"
    path.write_text((heads / "table.yaml").read_text() + entry)
    table = LabelTable.read(path)
    labels = head_labels(5, 64)
    labels[:8, 30:34, 30:34] = 512
    hull = brain_hull(Anatomy("head", table.classes(labels, "head"), table))
    assert hull.any()
    assert not hull[:8].any()


def test_a_sample_depends_on_its_index_alone(anatomy: Anatomy) -> None:
    first, again = samples(anatomy)[4], samples(anatomy)[4]
    other = samples(anatomy)[5]
    assert torch.equal(first["content"], again["content"])
    assert torch.equal(first["target"], again["target"])
    assert not torch.equal(first["content"], other["content"])


def test_content_without_skull_is_zero_beyond_the_brain(anatomy: Anatomy) -> None:
    # Inverted contrasts included: what was never measured is 0 in them as well.
    for item in (samples(anatomy, stripped_probability=1.0)[index] for index in range(12)):
        inside, image = item["target"] > 0, item["content"]
        grown = torch.nn.functional.max_pool3d(item["target"][None], 7, 1, 3)[0] > 0
        assert inside.any()
        assert image[~grown].abs().max() == 0


def test_contrasts_differ_from_sample_to_sample(anatomy: Anatomy) -> None:
    ratios = []
    for index in range(12):
        item = samples(anatomy)[index]
        image, inside = item["content"], item["target"] > 0
        if inside.sum() > 100:
            ratios.append(float(image[inside].mean() / image[~inside & (image > 0.1)].mean()))
    assert max(ratios) > 1.3 * min(ratios)


def test_training_finds_more_of_the_brain_than_at_its_start(
    config: Callable[..., TrainingConfig], tmp_path: Path
) -> None:
    loop = {"steps": 60, "validation_every": 5, "warmup_steps": 5, "learning_rate": 5e-3, "ema_decay": 0.8}
    run = tmp_path / "run"
    progress, ending = fit(config(loop=loop), run)
    assert ending == "finished"
    assert progress.score_name == "Dice coefficient"
    lines = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
    scores = [line["validation_score"] for line in lines if line.get("validation_score") is not None]
    assert scores[-1] > scores[0] + 0.1
    assert scores[-1] > 0.6


def test_an_exported_package_says_what_it_is_for(
    config: Callable[..., TrainingConfig], tmp_path: Path
) -> None:
    run, package = tmp_path / "run", tmp_path / "package"
    fit(config(loop={"steps": 2, "validation_every": 2}), run)
    export(run, package)
    card = load_card(package)
    assert card.task == "brain_mask"
    assert card.target_kinds == ()
    assert card.accepts.dim == 3
    assert [figure.metric.split(" to ")[0] for figure in card.figures] == ["Dice coefficient"]
    assert 0 <= card.figures[0].value <= 1


def test_a_size_that_the_network_cannot_divide_is_refused(config: Callable[..., TrainingConfig]) -> None:
    with pytest.raises(InputError, match=r"simulation\.size is 36; choose a multiple of 8"):
        build_recipe(config(simulation={"size": 36}))


def test_a_wrong_network_is_refused(config: Callable[..., TrainingConfig]) -> None:
    wrong = config().model_copy(update={"network": {"channels": [8]}})
    with pytest.raises(InputError, match="cannot be built"):
        build_recipe(wrong)


def test_dice_of_masks() -> None:
    from mrstyle_trainer.recipes.brain_mask import dice

    truth = torch.zeros(3, 1, 8, 8, 8)
    truth[:2, :, :4] = 1
    mask = torch.zeros_like(truth)
    mask[0, :, :4] = 1
    mask[1, :, 2:6] = 1
    expected = torch.tensor([1.0, (2 * 128 + 1) / (512 + 1), 1.0])
    assert np.allclose(dice(mask, truth), expected)
