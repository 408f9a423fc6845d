"""Simulated pairs: what a network may rely on when it learns from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mrstyle_trainer.config import TrainingConfig
from mrstyle_trainer.data import StepBatches, load_samples
from mrstyle_trainer.pairs import ANCHORS, SimulatedPairs

Config = Callable[..., TrainingConfig]
SAMPLES = 24


def pairs(config: TrainingConfig) -> SimulatedPairs:
    return load_samples(config, "training", SimulatedPairs)


def samples(config: TrainingConfig) -> list[dict[str, Tensor]]:
    drawn = pairs(config)
    return [drawn[index] for index in range(SAMPLES)]


def middle(images: Tensor) -> np.ndarray:
    return images[len(images) // 2].numpy()


def edge_correlation(first: Tensor, second: Tensor) -> float:
    """Correlation of the gradient magnitudes of two slices, whatever their contrast."""
    edges = [np.hypot(*np.gradient(middle(image))).ravel() for image in (first, second)]
    return float(np.corrcoef(edges)[0, 1])


def mean_edge_correlation(drawn: list[dict[str, Tensor]], first: str, second: str) -> float:
    return float(np.mean([edge_correlation(sample[first], sample[second]) for sample in drawn]))


def test_a_sample_depends_on_seed_and_index_alone(small_config: Config) -> None:
    forward, backward = pairs(small_config()), pairs(small_config())
    drawn = {index: forward[index] for index in (0, 1, 2)}
    for index in (2, 0, 1):
        again = backward[index]
        for name, image in drawn[index].items():
            torch.testing.assert_close(again[name], image, rtol=0, atol=0, equal_nan=True)
    assert not torch.equal(drawn[0]["content"], drawn[1]["content"])
    other = pairs(small_config().model_copy(update={"seed": 5}))
    assert not torch.equal(drawn[0]["content"], other[0]["content"])


def test_content_and_target_show_one_head_and_the_reference_another(small_config: Config) -> None:
    drawn = samples(small_config(simulation={"noise": 0.01}))
    same = mean_edge_correlation(drawn, "content", "target")
    assert same > 0.6
    assert mean_edge_correlation(drawn, "reference", "swapped") > 0.6
    assert mean_edge_correlation(drawn, "reference", "target") < same - 0.3


def test_content_and_target_differ_in_contrast(small_config: Config) -> None:
    drawn = samples(small_config(simulation={"noise": 0.0}))
    differences = [np.abs(middle(sample["content"]) - middle(sample["target"])).mean() for sample in drawn]
    assert np.median(differences) > 0.05


def test_intensities_are_finite_and_scaled(small_config: Config) -> None:
    drawn = samples(small_config())
    for sample in drawn:
        for name in ("content", "reference", "target", "swapped"):
            assert sample[name].dtype == torch.float32
            assert torch.isfinite(sample[name]).all()
            assert sample[name].min() >= 0
        brain = sample["anchors"][: ANCHORS.index("white_matter") + 1]  # fat may be far brighter
        assert ((brain >= 0) & (brain < 1.5)).all()
    # A lesion, or the fat of a head whose reference has none, may be brighter than the scale.
    values = torch.cat([sample[name].flatten() for sample in drawn for name in ("content", "target")])
    assert (values > 1.5).float().mean() < 0.02


@pytest.mark.parametrize("stripped", [0.0, 1.0])
def test_the_995th_percentile_of_the_head_is_about_one(small_config: Config, stripped: float) -> None:
    drawn = samples(small_config(simulation={"stripped_probability": stripped}))
    levels = [
        np.percentile(middle(sample["target"])[middle(sample["target"]) > 0.02], 99.5) for sample in drawn
    ]
    assert np.median(levels) == pytest.approx(1.0, abs=0.25)


def test_a_stripped_scan_is_zero_outside_of_the_brain(small_config: Config) -> None:
    stripped = samples(small_config(simulation={"stripped_probability": 1.0, "mixed_probability": 0.0}))
    whole = samples(small_config(simulation={"stripped_probability": 0.0, "mixed_probability": 0.0}))
    for sample, same_with_skull in zip(stripped, whole, strict=True):
        outside = middle(sample["target"]) == 0
        assert outside.mean() > 0.1
        assert not middle(sample["content"])[outside].any()
        # The noise of a scan with its skull leaves no zeros.
        assert (middle(same_with_skull["content"]) == 0).mean() < 0.01


def test_anchors_are_intensities_of_tissues_that_the_table_has(small_config: Config) -> None:
    anchors = torch.stack([sample["anchors"] for sample in samples(small_config())])
    known = torch.isfinite(anchors).all(dim=0)
    in_table = ("csf", "gray_matter", "white_matter", "fat")
    assert [name for name, is_known in zip(ANCHORS, known, strict=True) if is_known] == list(in_table)


def test_processes_share_the_samples_of_a_step_and_a_resumed_training_goes_on() -> None:
    alone = list(StepBatches(0, 4, 6, rank=0, processes=1))
    ranks = [list(StepBatches(0, 4, 6, rank=rank, processes=3)) for rank in range(3)]
    for step, batch in enumerate(alone):
        assert sorted(index for rank in ranks for index in rank[step]) == batch
    assert list(StepBatches(2, 4, 6, rank=0, processes=1)) == alone[2:]
