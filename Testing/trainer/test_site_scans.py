"""Scans of several sites as training data: who is drawn together, who validates, and what is wrong with a folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from site_fixtures import PEOPLE, SPACING_MM, entries, write_people
from small_training import write_config

from mrstyle.errors import InputError
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.site_config import SitesConfig
from mrstyle_trainer.site_folder import SiteScan, SitesData, find_site_scans
from mrstyle_trainer.site_levels import block_gain, coarse_levels, framed
from mrstyle_trainer.site_samples import COARSE_SHAPE
from mrstyle_trainer.site_scans import Head, SiteScans

SITE_OF = {subject: site for subject, site, *_ in PEOPLE}


def config_of(tmp_path: Path, folder: Path, **changes: Any) -> TrainingConfig:
    return read_config(write_config(tmp_path / "config.yaml", entries(folder, **changes)))


def scans_of(config: TrainingConfig, part: Any) -> SiteScans:
    samples = load_samples(config, part, build_recipe(config).samples)
    assert isinstance(samples, SiteScans)
    return samples


def people(site: str, ages: list[float | None], sexes: str = "FM") -> list[Head]:
    """Heads without much of an image."""
    return [
        Head(
            SiteScan(
                Path(f"{site}{number}"), f"sub-{site}{number}", site, age, sexes[number % len(sexes)] or None
            ),
            torch.ones(4, 4, 4, dtype=torch.float16),
            torch.ones(1, 3, dtype=torch.int64),
            torch.ones(2, 2, 2),
            torch.zeros(2, 2, 2),
        )
        for number, age in enumerate(ages)
    ]


def drawn(heads: list[Head], count: int = 400) -> list[tuple[Head, Head]]:
    scans = SiteScans(heads, SitesConfig(names=("A", "B"), patch=(4, 4, 4)), 0, count)
    return [scans.pair(torch.Generator().manual_seed(seed), 0, 1) for seed in range(count)]


def test_some_of_each_site_validate_and_nobody_trains_too(tmp_path: Path, sites: Path) -> None:
    config = config_of(tmp_path, sites)
    assert config.sites.names == ("North", "South")
    assert isinstance(config.data, SitesData)
    assert {SITE_OF[subject] for subject in config.data.validation} == {"North", "South"}
    assert len(config.data.validation) == 2

    training, validation = (
        {head.scan.subject for of_site in scans_of(config, part).heads for head in of_site}
        for part in ("training", "validation")
    )
    assert validation == set(config.data.validation)
    assert training | validation == set(SITE_OF)
    assert not training & validation
    assert config_of(tmp_path, sites) == config


def test_items_of_blocks_and_of_slabs(tmp_path: Path, sites: Path) -> None:
    config = config_of(tmp_path, sites)
    scans = scans_of(config, "training")
    items = [scans[index] for index in range(12)]
    for item in items:
        assert item["content"].shape == item["reference"].shape == (1, 16, 16, 16)
        assert {int(item["source"]), int(item["target_site"])} == {0, 1}
        assert item["paired"] == 0
        assert torch.equal(item["target"], item["content"])
        assert item["content"].dtype == torch.float32
        assert 0.3 < item["content"].max() < 3
        assert item["content"].min() > -0.2
    assert {int(item["source"]) for item in items} == {0, 1}
    again = scans_of(config, "training")[3]
    assert all(torch.equal(value, items[3][name]) for name, value in again.items())

    slabs = SiteScans(
        [head for of_site in scans.heads for head in of_site],
        config.sites.model_copy(update={"patch": (3, 64, 64)}),
        0,
        8,
    )
    shapes = {slabs[index]["content"].shape for index in range(8)}
    assert shapes == {(1, 3, 64, 64)}
    # Slices as they are seen whole: around them there is air.
    assert all(slabs[index]["content"][0, 1].gt(0.1).float().mean() < 0.9 for index in range(8))


def test_gains_level_white_matter_and_take_out_shading(tmp_path: Path, sites: Path) -> None:
    head = scans_of(config_of(tmp_path, sites), "training").heads[0][0]
    shade = torch.linspace(-0.4, 0.4, head.image.shape[0])[:, None, None]
    image = head.image.float()
    for each, factor in ((image, 1.0), (0.5 * image * torch.exp(shade), 0.5)):
        coarse, log_gain = coarse_levels(each, [SPACING_MM] * 3)
        assert coarse.shape == log_gain.shape
        leveled = coarse * torch.exp(log_gain)
        brain = leveled[leveled.shape[0] // 2 : -6, 10:-10, 10:-10]
        assert brain.quantile(0.8) == pytest.approx(0.6, abs=0.12), factor
    slope = (log_gain[-8:].mean() - log_gain[:8].mean()).item()
    assert slope < -0.3, "what is brighter above is leveled"

    item = framed(coarse, log_gain)
    assert {value.shape for value in item.values()} == {(1, *COARSE_SHAPE)}
    part = block_gain(log_gain, [4, 5, 6], [8, 8, 8], list(log_gain.shape))
    torch.testing.assert_close(part, log_gain[4:12, 5:13, 6:14], rtol=0, atol=1e-4)


def test_voxels_are_brought_into_the_range_of_the_network(tmp_path: Path, sites: Path) -> None:
    parts = {"network": {"voxel_range_mm": [1.6, 2.0]}, "sites": {"voxel_mm": [1.6, 2.0]}}
    wide, fine = (
        scans_of(config_of(tmp_path, sites, **changes), "validation").heads[0][0] for changes in ({}, parts)
    )
    assert fine.image.shape == tuple(2 * size for size in wide.image.shape)
    assert fine.points.max() > wide.points.max()


def test_people_drawn_together_are_alike_in_age_and_sex() -> None:
    young, old = list(range(20, 60, 2)), list(range(40, 80, 2))
    pairs = drawn(people("A", young) + people("B", old))  # type: ignore[arg-type]
    ages = torch.tensor([[float(head.scan.age or 0) for head in pair] for pair in pairs])
    assert (ages[:, 0].mean() - ages[:, 1].mean()).abs() < 5, "20 years apart without matching"
    assert (ages[:, 0] - ages[:, 1]).abs().median() < 6
    same_sex = [one.scan.sex == other.scan.sex for one, other in pairs]
    assert sum(same_sex) > 0.9 * len(pairs)
    # Those who have nobody alike at the other site are seen, but rarely.
    assert 0 < sum(head.scan.age < 26 for head, _ in pairs) < 0.1 * len(pairs)  # type: ignore[operator]


def test_without_ages_everybody_is_drawn_alike() -> None:
    pairs = drawn(people("A", [None] * 5) + people("B", [None] * 5))
    for place in (0, 1):
        counts = [
            sum(pair[place].scan.path.name.endswith(str(number)) for pair in pairs) for number in range(5)
        ]
        assert min(counts) > 50


def test_nobody_is_the_reference_of_himself() -> None:
    heads = people("A", [30, 40]) + people("B", [30, 40])
    travelers = [
        replace(head, scan=replace(head.scan, subject=f"sub-{head.scan.age}", sex="F")) for head in heads
    ]
    assert all(one.scan.subject != other.scan.subject for one, other in drawn(travelers, 50))


def test_sites_of_sessions_and_other_tables(tmp_path: Path, sites: Path) -> None:
    folder = tmp_path / "bids"
    shutil.copytree(sites, folder)
    write_people(folder, tuple((name[4:], *rest) for name, *rest in PEOPLE), site="Scanner")
    session = folder / "sub-01" / "ses-2" / "anat"
    session.mkdir(parents=True)
    shutil.copy(folder / "sub-02/anat/sub-02_T1w.nii.gz", session / "sub-01_ses-2_T1w.nii.gz")
    shutil.copy(folder / "sub-02/anat/sub-02_T1w.nii.gz", session / "sub-01_ses-2_ce-gd_T1w.nii.gz")
    (folder / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tScanner\nses-2\tSouth\n")
    found = find_site_scans(SitesData(kind="sites", folder=str(folder)))
    assert [(scan.site, scan.age) for scan in found if scan.subject == "sub-01"] == [
        ("North", 21),
        ("South", 21),
    ]
    assert [(scan.age, scan.sex) for scan in found if scan.subject == "sub-08"] == [(89, None)]
    # Both of her scans are on the same side.
    config = config_of(tmp_path, folder)
    for part in ("training", "validation"):
        subjects = {head.scan.subject for of_site in scans_of(config, part).heads for head in of_site}
        assert ("sub-01" in subjects) == (("sub-01" in config.data.validation) == (part == "validation"))  # type: ignore[union-attr]


def test_scans_that_cannot_be_read_are_left_out_with_a_note(tmp_path: Path, sites: Path) -> None:
    folder = tmp_path / "bids"
    shutil.copytree(sites, folder)
    config = config_of(tmp_path, folder)
    assert isinstance(config.data, SitesData)
    broken = next(name for name in SITE_OF if name not in config.data.validation)
    (folder / broken / "anat" / f"{broken}_T1w.nii.gz").write_bytes(b"no image")
    scans = scans_of(config, "training")
    assert sum(map(len, scans.heads)) == 5
    assert f"{broken}_T1w" in scans.notes[0]
    assert scans.notes[0].startswith("1 of 6 scans were left out")


@pytest.mark.parametrize(
    ("spoil", "changes", "message"),
    [
        ("no table", {}, r"no participants\.tsv in .*columns participant_id and site"),
        (
            "no column",
            {},
            r"no column site \(its columns: participant_id, place, age, sex\).*data\.site_column",
        ),
        ("no scans", {}, r"no scans sub-…/anat/sub-…_T1w"),
        ("twice", {}, r"two lines for sub-01; .*sub-01/sub-01_sessions\.tsv"),
        ("", {"data": {"validation": ["sub-1"]}}, r"data\.validation has sub-1, .*such as sub-01"),
        ("", {"data": {"suffix": "T2w"}}, r"no scans .*_T2w"),
        ("", {"data": {"folder": "$NO_SUCH_FOLDER"}}, "set that environment variable"),
        ("", {"sites": {"names": ["North", "West"]}}, r"sites\.names has West; .* are North, South"),
        ("", {"sites": {"names": ["North"]}}, r"two or more sites .*North \(4\)"),
        ("one site", {}, r"two or more sites with 3 or more subjects each; .*North \(7\), South \(1\)"),
        ("", {"data": {"validation": ["sub-01"]}}, "site South has 0 of its 4 subjects in data.validation"),
        ("", {"data": {"validation": [*SITE_OF][:5]}}, "site North has 4 of its 4 subjects"),
        (
            "",
            {"recipe": "anatomy_basis"},
            "anatomy_basis does not learn from data of kind sites; choose light3d",
        ),
    ],
)
def test_what_is_wrong_with_a_folder(
    tmp_path: Path, sites: Path, spoil: str, changes: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "bids"
    shutil.copytree(sites, folder)
    if spoil == "no table":
        (folder / "participants.tsv").unlink()
    elif spoil == "twice":
        write_people(folder, (*PEOPLE, ("sub-01", "South", "21", "F")))
    elif spoil == "no column":
        write_people(folder, site="place")
    elif spoil == "no scans":
        for subject in SITE_OF:
            shutil.rmtree(folder / subject)
    elif spoil == "one site":
        write_people(folder, tuple((name, "North", *rest) for name, _, *rest in PEOPLE[:-1]) + PEOPLE[-1:])
    recipe = changes.get("recipe")
    content = entries(folder, **{name: change for name, change in changes.items() if name != "recipe"})
    if recipe:
        content |= {"recipe": recipe, "network": {"context": 1}}
    with pytest.raises(InputError, match=message):
        config = read_config(write_config(tmp_path / "config.yaml", content))
        if recipe:
            config = config.model_copy(update={"network": {"context": 1}})
            config = config.model_copy(
                update={"simulation": config.simulation.model_copy(update={"pixel_mm": (0.7, 1.35)})}
            )
        load_samples(config, "training", build_recipe(config).samples)
