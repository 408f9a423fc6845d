"""Simulated contrasts of one head: what a network may rely on when it learns synthesis from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mrstyle.methods import build
from mrstyle.physics.signal import signal
from mrstyle.presets import PRESETS
from mrstyle.sequence_vector import SEQUENCE_DIM, acquisition_of, parameters_of, sequence_vector
from mrstyle_trainer.config import TrainingConfig, parse_config
from mrstyle_trainer.contrasts import SimulatedContrasts
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.losses import alike, fitted, laplace
from mrstyle_trainer.recipes.crl import cropped
from mrstyle_trainer.sequences import FSE, SYNTHESIS_KINDS, seen_sequences

Config = Callable[..., TrainingConfig]
CONFIGS = Path(__file__).parents[2] / "trainer" / "configs"


def contrasts(config: TrainingConfig) -> SimulatedContrasts:
    return load_samples(config, "training", SimulatedContrasts)


def test_a_sample_depends_on_seed_and_index_alone(small_config: Config) -> None:
    forward, backward = contrasts(small_config()), contrasts(small_config())
    drawn = {index: forward[index] for index in (0, 1)}
    for index in (1, 0):
        for name, value in backward[index].items():
            assert torch.equal(value, drawn[index][name]), name
    assert not torch.equal(drawn[0]["scans"], drawn[1]["scans"])


def test_truths_are_the_signals_of_the_maps(small_config: Config) -> None:
    """Up to the blur of a truth, which leaves the inside of a tissue as it is."""
    item = contrasts(small_config(simulation={"texture": [0, 0], "lesion_probability": 0}))[3]
    pd, r1, r2 = item["maps"]
    for truth, level, parameters in zip(
        item["truths"][:, 0], item["truth_levels"], item["parameters"].tolist(), strict=True
    ):
        expected = signal(pd, 1000 / r1, 1000 / r2, acquisition_of(parameters)) / level * item["kept"]
        assert (truth - expected).abs().median() < 0.01


def test_every_sequence_comes_with_its_numbers_and_its_kind(small_config: Config) -> None:
    drawn = contrasts(small_config())
    for index in range(12):
        item = drawn[index]
        for kind, parameters, exact in zip(
            item["kinds"], item["parameters"].tolist(), item["exact"].tolist(), strict=True
        ):
            acquisition = acquisition_of(parameters)
            assert sequence_vector(acquisition) == pytest.approx(exact, abs=1e-5)
            assert PRESETS[list(PRESETS)[kind]].acquisitions[3.0].family == acquisition.family
        assert 0 < (item["vectors"] - item["exact"]).abs().max() < 0.2
        flags = (item["exact"] == 0) | (item["exact"] == 1)
        assert torch.equal(item["vectors"][flags], item["exact"][flags])


def test_fixed_sequences_come_in_their_order(small_config: Config) -> None:
    item = contrasts(small_config(simulation={"sequences": ["fse-7", "fse-1"]}))[0]
    assert item["scans"].shape[0] == 2
    for name, parameters in zip(("fse-7", "fse-1"), item["parameters"], strict=True):
        torch.testing.assert_close(parameters, torch.tensor(parameters_of(FSE[name])))


def test_kinds_are_those_that_a_model_can_name() -> None:
    assert list(SYNTHESIS_KINDS) == list(PRESETS)


def test_the_two_sequences_for_testing_are_outside_of_what_is_seen() -> None:
    """Neither the fourth nor the sixth of the paper's table lies in the range of any kind."""
    for name in ("fse-4", "fse-6"):
        for seen in seen_sequences(()):
            low, high = seen.echo_time_ms
            assert seen.family != "spin_echo" or not low <= FSE[name].echo_time_ms <= high


def test_a_vector_reads_back() -> None:
    for acquisition in FSE.values():
        assert acquisition_of(parameters_of(acquisition)) == acquisition
        assert len(sequence_vector(acquisition)) == SEQUENCE_DIM


def test_a_gain_does_not_count() -> None:
    image = torch.rand(2, 3, 8, 8)
    output, gain = fitted(image * 4, image)
    torch.testing.assert_close(output, image)
    torch.testing.assert_close(gain, torch.full((2, 3, 1, 1), 0.25))


def test_features_that_are_alike_up_to_scale_cost_least() -> None:
    one = torch.rand(1, 1, 4, 8, 8)
    assert alike(torch.cat([one, 3 * one + 1], dim=1)).item() == pytest.approx(-1, abs=1e-3)
    assert alike(torch.cat([one, -one], dim=1)).item() == pytest.approx(1, abs=1e-3)
    assert alike(torch.rand(1, 3, 4, 64, 64)).abs().item() < 0.1


def test_a_claimed_spread_costs_least_where_it_is_true() -> None:
    error = torch.distributions.Laplace(0.0, 0.3).sample((20_000,))
    costs = {
        spread: laplace(
            error, torch.zeros(()), torch.tensor(spread).log(), torch.ones(()).expand(20_000)
        ).item()
        for spread in (0.1, 0.3, 0.9)
    }
    assert min(costs, key=lambda spread: costs[spread]) == 0.3


def test_crops_are_cut_at_one_place_from_all_images() -> None:
    rows = torch.arange(10.0)[:, None].expand(10, 10)
    batch: dict[str, Tensor] = {
        "scans": rows.expand(2, 3, 1, 10, 10),
        "truths": rows.expand(2, 3, 1, 10, 10),
        "kept": rows.expand(2, 10, 10),
        "corners": torch.tensor([[0.0, 0.0], [0.999, 0.5]]),
        "vectors": torch.zeros(2, 3, 11),
    }
    cut = cropped(batch, 6)
    assert cut["scans"].shape == (2, 3, 1, 6, 6)
    assert [cut[name][1, ..., 0, 0].flatten()[0].item() for name in ("scans", "truths", "kept")] == [4, 4, 4]
    assert torch.equal(cropped(batch, 16)["scans"], batch["scans"])


def test_the_published_configuration_has_the_published_size() -> None:
    config = parse_config(CONFIGS / "crl-faithful.yaml")
    with torch.device("meta"):
        network = build(config.recipe, config.network)
    assert sum(each.numel() for each in network.parameters()) == 38_951_169
    assert config.simulation.context == config.network["context"]
