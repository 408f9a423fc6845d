"""One scan as if another site had taken it, through Python and through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import Run, assert_refused, contents
from light3d_fixtures import SITES, head, tiny_light3d

import mrstyle.harmonize
from mrstyle import preparation
from mrstyle.errors import InputError
from mrstyle.harmonize import harmonize, worst_flicker
from mrstyle.history import read_history
from mrstyle.models.package import Package
from mrstyle.preparation import Preparation
from mrstyle.targets import Sample, Site
from mrstyle.volume import Volume, read_volume, write_volume


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return tiny_light3d(tmp_path_factory.mktemp("models"))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with two heads and a note."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for seed in (1, 2):
        write_volume(head(seed), folder / f"head{seed}_T1w.nii.gz")
    (folder / "notes.txt").write_text("no scan")
    return folder


def test_preparation_is_recorded_and_undone(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "_N4_ITERATIONS", (3, 3))  # enough to see that it ran
    done = harmonize(head(), package, Site(SITES[0]), preparation=Preparation(n4=True), device="cpu")
    assert done.image.has_grid_of(head())
    assert done.history.content["preparation"]["n4"] is True
    assert done.mask is None
    plain = harmonize(head(), package, Site(SITES[0]), device="cpu")
    assert "preparation" not in plain.history.content
    assert not np.array_equal(plain.image.array, done.image.array)


def test_an_extracted_brain_is_all_that_is_left(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    brain = np.zeros(head().shape, np.float32)
    brain[20:40, 25:50, 20:45] = 1
    monkeypatch.setattr(
        mrstyle.harmonize, "brain_mask", lambda volume, device: volume.with_array(brain, "brain")
    )
    done = harmonize(head(), package, Site(SITES[0]), preparation=Preparation(brain="extract"), device="cpu")
    assert done.mask is not None and np.array_equal(done.mask.array, brain)
    assert not done.image.array[brain == 0].any()
    assert done.image.array[brain == 1].any()
    kept = harmonize(head(), package, Site(SITES[0]), with_mask=True, device="cpu")
    assert kept.mask is not None and kept.image.array[brain == 0].any()


@pytest.mark.parametrize("target", [Site("west"), Sample(1, "west")])
def test_an_unknown_site_is_refused_before_any_work(
    package: Package, target: Site | Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mrstyle.harmonize, "prepare", None)
    with pytest.raises(InputError, match=r"'west'.*north, south"):
        harmonize(head(), package, target, device="cpu")


def test_a_scan_of_another_contrast_is_refused(package: Package) -> None:
    with pytest.raises(InputError, match="T2w"):
        harmonize(replace(head(), name="sub-01_T2w", acquisition=None), package, Site(SITES[0]))


def test_the_worst_direction_tells_the_flicker() -> None:
    rng = np.random.default_rng(0)
    smooth = Volume(100 + rng.normal(0, 1, (12, 12, 12)), np.eye(4), "smooth")
    striped = smooth.with_array(smooth.array * (1 + 0.1 * (np.arange(12) % 2))[None, :, None])
    inside = np.ones(smooth.shape, bool)
    assert worst_flicker(smooth, smooth, inside) == pytest.approx(1.0)
    assert worst_flicker(striped, smooth, inside) > 5


def test_a_folder_of_scans_is_harmonized(
    mrstyle: Callable[..., Run], scans: Path, package: Package, tmp_path: Path
) -> None:
    arguments = (scans, "--site", SITES[1], "-o", tmp_path / "out", "--model", package.folder, "--json")
    run = mrstyle("harmonize", *arguments, "--device", "cpu")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert [Path(each["output"]).name for each in told["outputs"]] == [
        "head1_T1w_harmonized.nii.gz",
        "head2_T1w_harmonized.nii.gz",
    ]
    for each in told["outputs"]:
        assert read_volume(each["output"]).has_grid_of(read_volume(each["volume"]))
        history = read_history(each["output"])
        assert history is not None and history.target["name"] == SITES[1]
        assert each["flicker_ratio"] > 0
    assert told["failures"] == []


def test_a_damaged_scan_is_reported_and_the_others_go_on(
    mrstyle: Callable[..., Run], scans: Path, package: Package, tmp_path: Path
) -> None:
    (scans / "head1_T1w.nii.gz").write_bytes(b"\x1f\x8bno")
    run = mrstyle("harmonize", scans, "--site", SITES[0], "-o", tmp_path / "out", "--model", package.folder)
    assert run.code == 2
    assert "Wrote 1 of 2" in run.out
    assert "head1_T1w.nii.gz" in run.err and "Traceback" not in run.err
    assert contents(tmp_path / "out") == {"head2_T1w_harmonized.nii.gz", "head2_T1w_harmonized.json"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--site, --reference and --sample"),
        (("--site", SITES[0], "--reference", "x.nii.gz"), "--site, --reference and --sample"),
        (("--site", "west"), "north, south"),
        (("--reference", "gone.nii.gz"), "gone.nii.gz"),
    ],
)
def test_a_target_that_cannot_be_met_is_refused(
    mrstyle: Callable[..., Run],
    scans: Path,
    package: Package,
    tmp_path: Path,
    options: tuple[str, ...],
    words: str,
) -> None:
    run = mrstyle("harmonize", scans, "-o", tmp_path / "out", "--model", package.folder, *options)
    assert_refused(run, words)
    assert not (tmp_path / "out").exists()


def test_two_scans_of_one_name_and_a_file_for_a_folder_are_refused(
    mrstyle: Callable[..., Run], scans: Path, package: Package
) -> None:
    common = ("--site", SITES[0], "--model", package.folder)
    run = mrstyle("harmonize", scans, scans / "head1_T1w.nii.gz", "-o", scans.parent / "out", *common)
    assert_refused(run, "head1_T1w_harmonized", "written twice")
    assert_refused(mrstyle("harmonize", scans, "-o", scans / "notes.txt", *common), "notes.txt", "is a file")
