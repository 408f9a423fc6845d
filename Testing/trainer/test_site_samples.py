"""Simulated sites as training samples: content, truth and gain of one head agree, and repeat."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_training import HEADS

from mrstyle.errors import InputError
from mrstyle.physics.sites import LOOK_TISSUES, SITES, look_of
from mrstyle_trainer.anatomies import Anatomy, LabelTable, read_label_map
from mrstyle_trainer.heads import Head
from mrstyle_trainer.simulate import SimulationConfig
from mrstyle_trainer.site_config import SitesConfig
from mrstyle_trainer.site_samples import (
    COARSE_SHAPE,
    RANDOM_SITE,
    Scanner,
    SimulatedSites,
    kinds_of,
    levels_of,
)
from mrstyle_trainer.traveling import TravelingSubject

PATCH = (32, 32, 32)


@pytest.fixture(scope="module")
def anatomies(heads: Path) -> list[Anatomy]:
    table = LabelTable.read(heads / "table.yaml")
    return [read_label_map(heads / name, table) for name in HEADS[:2]]


def samples(anatomies: list[Anatomy], **changes: object) -> SimulatedSites:
    sites = SitesConfig.model_validate({"patch": PATCH, "random_sources": 0.5} | changes)
    return SimulatedSites(
        anatomies, SimulationConfig.model_validate({"lesion_probability": 0.0}), 3, 40, sites
    )


def test_a_sample_is_the_same_whenever_it_is_asked_for(anatomies: list[Anatomy]) -> None:
    one, again, other = samples(anatomies)[4], samples(anatomies)[4], samples(anatomies)[5]
    for name, value in one.items():
        torch.testing.assert_close(value, again[name], rtol=0, atol=0)
    assert not torch.equal(one["content"], other["content"])


def test_sites_are_named_or_random(anatomies: list[Anatomy]) -> None:
    drawn = [samples(anatomies)[index] for index in range(24)]
    sources = {int(item["source"]) for item in drawn}
    assert RANDOM_SITE in sources
    assert sources - {RANDOM_SITE} <= set(range(6)) and len(sources) > 3


def test_the_gain_brings_a_scan_to_the_level_of_its_truth(anatomies: list[Anatomy]) -> None:
    """Taken and shown by the same site, so that only shading, scale and noise are between them."""
    only = samples(anatomies, names=["sim-3T-surface-coil"], random_sources=0.0, random_targets=0.0)
    for index in range(4):
        item = only[index]
        tissue = item["truth"] > 0.3
        leveled = item["content"] * item["log_gain"].exp()
        # The gain is off by some percent on purpose.
        assert (leveled - item["truth"])[tissue].abs().mean() < 0.2 * item["truth"][tissue].mean()
        raw = (item["content"] - item["truth"])[tissue].abs().mean()
        assert raw > (leveled - item["truth"])[tissue].abs().mean()


def test_slabs_come_with_the_neighboring_slices_first(anatomies: list[Anatomy]) -> None:
    item = samples(anatomies, patch=(3, 48, 48))[0]
    assert item["content"].shape == (1, 3, 48, 48)
    assert "coarse" not in item
    steps = item["truth"].diff(dim=1).abs().mean()
    spread = (item["truth"] - item["truth"].mean()).abs().mean()
    assert 0 < steps < spread


def test_whole_heads_come_along_with_blocks(anatomies: list[Anatomy]) -> None:
    item = samples(anatomies)[1]
    assert item["coarse"].shape == item["coarse_log_gain"].shape == (1, *COARSE_SHAPE)
    inside = item["coarse_weight"] > 0
    assert inside.any()
    assert torch.isfinite(item["coarse_log_gain"]).all()


def test_an_unknown_site_is_refused(anatomies: list[Anatomy]) -> None:
    with pytest.raises(InputError, match=r"Atlantis.*sim-3T-mprage"):
        samples(anatomies, names=["Atlantis"])


def test_a_traveling_subject_is_the_same_everywhere(anatomies: list[Anatomy]) -> None:
    """What one site shows as of another is that other's truth, but for where its gradients put things."""
    subject = TravelingSubject(anatomies[0], 1, SimulationConfig.model_validate({"lesion_probability": 0.0}))
    truths = [
        subject.truth("sim-3T-mprage", subject.voxels(site))
        for site in ("sim-3T-mprage", "sim-3T-surface-coil")
    ]
    assert abs(truths[0].array - truths[1].array).mean() < 0.02 * truths[0].array.mean()
    scan = subject.scan("sim-3T-surface-coil", subject.voxels("sim-3T-surface-coil"))
    assert scan.shape == truths[0].shape
    assert abs(scan.array - truths[0].array).mean() > 0.1 * truths[0].array.mean()


def test_fat_is_seen_where_it_mixes_with_muscle(anatomies: list[Anatomy]) -> None:
    """It is a kind of its own, at the level of the usual person's fat."""
    table = anatomies[0].table
    fat = 1 + LOOK_TISSUES.index("fat")
    kinds = kinds_of(table)
    soft = next(index for index, pair in enumerate(table.tissues) if pair == ("fat", "muscle"))
    assert kinds[soft].tolist() == [fat, 1 + len(LOOK_TISSUES)]
    site = SITES["sim-3T-mprage"]
    person = Head(anatomies[0]).person(torch.Generator().manual_seed(0), (0.0, 0.0, 0.0))
    levels = levels_of(person, Scanner(site))
    assert levels[fat - 1].item() == pytest.approx(look_of(site)[fat - 1].item(), rel=1e-3)


def test_another_scan_of_the_same_day_differs_in_noise_alone(anatomies: list[Anatomy]) -> None:
    person = TravelingSubject(anatomies[0], 1, SimulationConfig.model_validate({}))
    voxels = person.voxels("sim-3T-mprage")
    one, again, other = (person.scan("sim-3T-mprage", voxels, again=number).array for number in (0, 0, 1))
    assert (one == again).all()
    assert 0 < abs(one - other).mean() < 0.2 * one.mean()
