"""Training from a folder of real series: what is found and left out, who validates, and that something is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from series_fixtures import (
    NETWORK,
    TIMES_S,
    kidney,
    prostate,
    write,
    write_frames,
    write_people,
    write_unusable,
)

from mrstyle.errors import InputError
from mrstyle.methods import build
from mrstyle.models.package import load_package, save_package
from mrstyle_trainer.config import TrainingConfig, read_config, read_saved_config
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.real_series import SeriesWindows
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.series_folder import SeriesData, find_series, series_of
from mrstyle_trainer.templates import new_config


def configured(place: Path, folder: Path, **changes: Any) -> TrainingConfig:
    """A small configuration, read from a file; ``changes`` take the place of its parts, those of data are added."""
    values: dict[str, Any] = {
        "recipe": "spatiotemporal",
        "network": NETWORK,
        "losses": {"adversarial": 0.0},
        "loop": {
            "steps": 40,
            "batch_size": 4,
            "learning_rate": 1e-2,
            "warmup_steps": 5,
            "ema_decay": 0.9,
            "precision": "32-true",
            "validation_every": 20,
            "validation_samples": 8,
            "loader_processes": 0,
        },
    }
    data = {"kind": "dce_series", "folder": str(folder), "patch": [48, 48]} | changes.pop("data", {})
    path = place / "config.yaml"
    path.write_text(yaml.safe_dump(values | changes | {"data": data}))
    return read_config(path)


def samples_of(config: TrainingConfig, part: Any = "training") -> SeriesWindows:
    samples = load_samples(config, part, build_recipe(config).samples)
    assert isinstance(samples, SeriesWindows)
    return samples


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("series"))


def tiny_package(folder: Path) -> Path:
    """A network with random weights to learn on from."""
    torch.manual_seed(0)
    fields = {
        "schema_version": 1,
        "id": "tiny-dce",
        "version": "1.0.0",
        "title": "Tiny",
        "description": "Random weights.",
        "method": "spatiotemporal",
        "config": NETWORK,
        "accepts": {
            "dim": 2,
            "body_part": "kidney",
            "contrasts": ["T1w"],
            "skull": "any",
            "minimum_size_voxels": 32,
            "spacing_mm": [0.4, 8.0],
        },
        "target_kinds": ["enhancement"],
        "sites": [],
        "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "CC-BY-4.0",
        "bf16_psnr_db": 50.0,
        "citation": "This test.",
        "recipe": None,
    }
    save_package(folder, fields, build("spatiotemporal", NETWORK))
    return folder


def test_every_layout_is_found(people: Path) -> None:
    assert [(subject, path.relative_to(people).as_posix()) for subject, path in find_series(people)] == [
        ("anna", "anna.nii.gz"),
        ("bert", "bert"),
        ("sub-01", "sub-01/perf/sub-01_dce.nii.gz"),
        ("sub-02", "sub-02/ses-1/dce/sub-02_ses-1_dce.nii.gz"),
    ]


def test_frames_are_of_one_scale_and_in_the_right_domain(people: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, people)
    assert isinstance(config.data, SeriesData)
    series = [each for part in ("training", "validation") for each in series_of(config, config.data, part)[0]]
    assert {each.subject for each in series} == {"anna", "bert", "sub-01", "sub-02"}
    for each in series:
        assert each.frames.dtype == np.float16
        assert len(each.frames) == len(TIMES_S)
        # The bolus comes 20 s after the start, and takes a while.
        assert set(each.baseline) >= {0, 1, 2, 3}
        assert set(each.enhanced) >= set(range(6, len(TIMES_S)))
        first = each.frames[0].astype(np.float32)
        assert np.percentile(first[first > 0.1], 99.5) == pytest.approx(1.0, abs=0.15)
        assert each.frames[-1].astype(np.float32).mean() > 1.1 * first.mean()


def test_items_are_those_of_simulated_series(people: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, people)
    samples = samples_of(config)
    own = 0
    for index in range(12):
        item, again = samples[index], samples[index]
        assert all(torch.equal(item[name], again[name]) for name in item)
        assert item["content"].shape == (5, 48, 48)
        assert item["style"].shape == item["target"].shape == (2, 48, 48)
        assert item["paired"].item() == 0
        assert item["target"][1].mean() > item["target"][0].mean()
        own += torch.equal(item["style"], item["target"])
    assert 0 < own < 12
    held_out = samples_of(config, "validation")
    assert all(torch.equal(held_out[index]["style"], held_out[index]["target"]) for index in range(4))


def test_subjects_never_mix(people: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, people)
    training, validation = (
        {each.subject for each in samples_of(config, part).series} for part in ("training", "validation")
    )
    assert training | validation == {"anna", "bert", "sub-01", "sub-02"}
    assert not training & validation
    assert configured(tmp_path, people).data == config.data
    chosen = configured(tmp_path, people, data={"validation": ["bert"]})
    assert {each.subject for each in samples_of(chosen, "validation").series} == {"bert"}
    with pytest.raises(
        InputError, match=r"has carl, of whom .* has no usable series; it has those of anna, bert"
    ):
        configured(tmp_path, people, data={"validation": ["carl"]})
    with pytest.raises(InputError, match=r"two of them not in data.validation"):
        configured(tmp_path, people, data={"validation": ["anna", "bert", "sub-01"]})


def test_two_series_of_a_person_stay_together(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    for number in (1, 2):
        write(kidney(number), folder / f"sub-01_run-{number}.nii.gz")
    write(kidney(3), folder / "sub-02.nii.gz")
    write_frames(kidney(4), folder / "sub-03" / "visit" / "frames")
    assert [subject for subject, _ in find_series(folder)] == ["sub-01", "sub-01", "sub-02", "sub-03"]
    config = configured(tmp_path, folder, data={"validation": ["sub-01"]})
    assert len(samples_of(config, "validation").series) == 2


def test_what_cannot_be_used_is_left_out_and_said(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "series")
    write_unusable(folder)
    config = configured(tmp_path, folder)
    assert {each.subject for each in samples_of(config).series} < {"anna", "bert", "sub-01", "sub-02"}
    notes = samples_of(config).notes
    assert all(note.startswith("Left out: ") for note in notes)
    assert not samples_of(config, "validation").notes  # said once
    for words in (
        "short has 4 frames",
        "late is enhanced already",
        "flat of flat shows no enhancement",
        "give the seconds between them (data.interval_s)",
        "frame-3.nii.gz has another grid",
        "damaged.nii.gz is damaged",
    ):
        assert len([note for note in notes if words in note]) == 1, words
    assert len(notes) == 6
    # Times that no file tells can be given.
    timed = samples_of(configured(tmp_path, folder, data={"interval_s": 6.0}))
    assert not [note for note in timed.notes if "seconds between" in note]


def test_nothing_to_learn_from(tmp_path: Path, people: Path) -> None:
    write_unusable(tmp_path / "bad")
    with pytest.raises(InputError, match=r"has no series to learn from\. Left out: .*damaged"):
        configured(tmp_path, tmp_path / "bad")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"has no series to learn from\. Give files of several frames"):
        configured(tmp_path, tmp_path / "none")
    with pytest.raises(InputError, match="There is no folder"):
        configured(tmp_path, tmp_path / "nowhere")
    write(kidney(1), tmp_path / "one" / "sub-01.nii.gz")
    with pytest.raises(InputError, match=r"of 3 or more people.*has those of 1 \(sub-01\)"):
        configured(tmp_path, tmp_path / "one")
    plain = dict.fromkeys(("image", "content", "style", "cycle", "adversarial", "feature", "gram"), 0.0)
    with pytest.raises(InputError, match="no truth to learn from"):
        build_recipe(configured(tmp_path, people, losses=plain))
    with pytest.raises(InputError, match="the critics need 64 pixels"):
        build_recipe(configured(tmp_path, people, losses={}))
    config = configured(tmp_path, people)
    other = config.model_copy(update={"recipe": "anatomy_basis", "network": {}, "losses": {}})
    with pytest.raises(InputError, match="does not learn from data of kind dce_series"):
        load_samples(other, "training", build_recipe(other).samples)


def test_no_truth_is_used(people: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, people, losses={"adversarial": 0.0, "truth": 10.0})
    recipe = build_recipe(config)
    item = samples_of(config)[0]
    _, losses = next(recipe.phases(recipe.networks, {name: value[None] for name, value in item.items()}))
    assert set(losses) == {"image", "content", "style", "cycle", "feature", "gram"}


def test_a_model_learns_on_and_beats_its_start(people: Path, tmp_path: Path) -> None:
    """A few steps by Gram matrices alone bring frames nearer to those of that enhancement in people never seen."""
    config = configured(
        tmp_path,
        people,
        network={},
        initial=str(tiny_package(tmp_path / "tiny-dce")),
        losses={
            "image": 0.0,
            "content": 0.0,
            "style": 0.0,
            "cycle": 0.0,
            "adversarial": 0.0,
            "feature": 0.1,
            "gram": 10.0,
        },
        data={"validation": ["sub-02"]},
    )
    fit(config, tmp_path / "run", device="cpu")
    log = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    scores = {line["step"]: line["validation_psnr_db"] for line in log if not line["losses"]}
    assert scores[40] > scores[0] + 0.3
    assert read_saved_config(tmp_path / "run") == config
    card = export(tmp_path / "run", tmp_path / "package")
    assert card.training.description.startswith("Fine-tuned from tiny-dce")
    assert "unpaired windows of dynamic series of 3 subjects" in card.training.description
    assert "frames of the same series" in card.figures[0].metric
    assert load_package(tmp_path / "package").card.target_kinds == ("enhancement",)


def test_volumes_are_seen_in_runs_of_slices(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    for seed in range(3):
        write(prostate(seed), folder / f"sub-{seed}.nii.gz")
    network = NETWORK | {"dim": 3}
    config = configured(tmp_path, folder, network=network, data={"slices": 4, "patch": [32, 64]})
    item = samples_of(config)[0]
    # Rows are cut, and columns filled up with air.
    assert item["content"].shape == (5, 4, 32, 64)
    assert item["content"][..., 60:].abs().max() == 0
    recipe = build_recipe(config)
    batch = {name: value[None] for name, value in item.items()}
    assert recipe.predict(recipe.networks[recipe.main], batch).shape == batch["target"].shape
    with pytest.raises(InputError, match=r"has 8 slices of the patient; data.slices asks for 9"):
        configured(tmp_path, folder, network=network, data={"slices": 9})


def test_a_configuration_for_own_series(people: Path, tmp_path: Path) -> None:
    new_config("spatiotemporal", people, tmp_path / "Our kidneys.yaml")
    config = read_config(tmp_path / "Our kidneys.yaml")
    assert isinstance(config.data, SeriesData)
    assert len(config.data.validation) == 1
    assert config.card["id"] == "our-kidneys"
    assert build_recipe(config).networks
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="has no series to learn from"):
        new_config("spatiotemporal", tmp_path / "none", tmp_path / "other.yaml")
    assert not (tmp_path / "other.yaml").exists()
