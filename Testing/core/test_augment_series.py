"""``mrstyle augment`` of dynamic series: levels of enhancement, labels unchanged, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from augment_fixtures import decathlon_cases, nnunet_cases, save_labels, save_segmentation
from cli_fixtures import Run, assert_refused, contents
from dce_fixtures import TIMES_S, kidney, tiny

from mrstyle.augment import Export
from mrstyle.augment_series import levels_of, series_cases
from mrstyle.dce import Like, enhancement_of, transfer_enhancement
from mrstyle.errors import Cancelled, InputError
from mrstyle.labels import Labels, read_labels
from mrstyle.series import Series, write_series

SERIES = kidney()
FRAME = 6
# What enhances is drawn, as an annotator would see it.
DRAWN = (SERIES.frames[FRAME] > 0.5 * SERIES.frames.max()).astype(np.uint8)


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    return read_labels(save_labels(DRAWN, SERIES.grid, tmp_path / "drawn.nii.gz"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with series.nii.gz, labels of its frame 6, and a model."""
    tiny(tmp_path)
    write_series(SERIES, tmp_path / "series.nii.gz", {})
    save_labels(DRAWN, SERIES.grid, tmp_path / "drawn.nii.gz")
    return tmp_path


def words(study: Path, layout: str = "nnunet", **options: object) -> list[object]:
    """The command for `study`; an option of None is left out."""
    given: dict[str, object] = {"labels": study / "drawn.nii.gz", "frame": FRAME, "levels": 3}
    given |= {"model": study / "tiny-dce-2", "device": "cpu", "output": study / "out"} | options
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value is not None]
    return [
        "augment",
        study / "series.nii.gz",
        "--layout",
        layout,
        *(each for pair in pairs for each in pair),
    ]


def test_levels_are_even_steps_of_the_curve_of_the_series() -> None:
    seen = enhancement_of(SERIES)
    levels, notes = levels_of(SERIES, seen, 4)
    assert notes == []
    assert [level.number for level in levels] == [0, 1, 2, 3]
    shown = [seen.curve[level.look.frame] / seen.curve[seen.peak] for level in levels]
    assert [level.shown for level in levels] == pytest.approx(shown)
    np.testing.assert_allclose(shown, [0, 1 / 3, 2 / 3, 1], atol=0.12)
    assert (levels[0].look.frame, levels[3].look.frame) == (0, seen.peak)
    assert [level.look.enhancement for level in levels] == ["baseline", "enhanced", "enhanced", "enhanced"]
    for level in levels:
        best = np.abs(seen.curve / seen.curve[seen.peak] - level.wanted).min()
        assert abs(level.shown - level.wanted) == pytest.approx(best)


def test_levels_that_no_frame_shows_are_left_out_and_that_is_said() -> None:
    few = [0, 1, 2, 3, int(enhancement_of(SERIES).peak)]
    sparse = replace(SERIES, frames=SERIES.frames[few], times_s=TIMES_S[few])
    levels, notes = levels_of(sparse, enhancement_of(sparse), 9)
    frames = [level.look.frame for level in levels]
    assert len(frames) == len(set(frames)) < 9
    assert (frames[0], frames[-1]) == (0, 4)
    assert f"shows {len(levels)} of the 9 levels" in notes[0]


def test_the_labelled_frame_is_drawn_as_a_transfer_draws_it(tmp_path: Path, labels: Labels) -> None:
    package = tiny(tmp_path)
    cases, _ = series_cases(SERIES, labels, FRAME, package, levels=4, device="cpu")
    assert [case.variant for case in cases] == [f"frame6level{level}" for level in range(4)]
    levels, _ = levels_of(SERIES, enhancement_of(SERIES), 4)
    for case, level in zip(cases, levels, strict=True):
        target = "baseline" if level.number == 0 else Like(SERIES, level.look.frame)
        whole = transfer_enhancement(SERIES, package, target, device="cpu")
        image = case.images["T1w"]
        np.testing.assert_allclose(image.array, whole.series.frames[FRAME], atol=1e-3)
        assert image.has_grid_of(SERIES.grid)
        told = case.provenance
        assert told["weights_sha256"] == package.weights_sha256
        assert told["style"]["frame"] == level.look.frame
        assert told["content"]["frame"] == FRAME
        assert told["level"]["number"] == level.number
        assert told["level"]["style_share_of_peak"] == pytest.approx(level.shown, abs=1e-4)
    arrays = [case.images["T1w"].array for case in cases]
    assert all(not np.array_equal(one, other) for one, other in pairwise(arrays))


def test_levels_of_another_series(tmp_path: Path, labels: Labels) -> None:
    quiet = SERIES.with_frames(np.repeat(SERIES.frames[:1], len(TIMES_S), axis=0), "quiet")
    with pytest.raises(InputError, match="quiet shows no enhancement"):
        series_cases(quiet, labels, FRAME, tiny(tmp_path), levels=3)
    cases, _ = series_cases(quiet, labels, FRAME, tiny(tmp_path), levels=3, like=kidney(2), device="cpu")
    assert [case.provenance["style"]["name"] for case in cases] == ["kidney 2"] * 3


def test_a_cancel_ends_it(tmp_path: Path, labels: Labels) -> None:
    package = tiny(tmp_path)
    before = contents(tmp_path)
    asked: list[int] = []
    with pytest.raises(Cancelled), Export(tmp_path / "out", "nnunet").writing() as add:
        cases, _ = series_cases(
            SERIES, labels, FRAME, package, levels=3, cancel=lambda: asked.append(1) or len(asked) > 3
        )
        add(cases[0])
    assert contents(tmp_path) == before


def test_the_command_writes_a_data_set_for_nnunet(study: Path, mrstyle: Callable[..., Run]) -> None:
    names = study / "names.tsv"
    names.write_text("index\tname\n1\tkidney\n")
    run = mrstyle(*words(study, name="Mrs. X", label_names=names), "--json")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert (told["sources"], told["cases"]) == (1, 3)
    folder = Path(told["output"])
    found = nnunet_cases(folder)
    assert list(found) == [f"Mrs-X_frame6level{level}" for level in range(3)]
    for _, label in found.values():
        assert label.read_bytes() == (study / "drawn.nii.gz").read_bytes()
    assert json.loads((folder / "dataset.json").read_text())["labels"] == {"background": 0, "kidney": 1}


@pytest.mark.parametrize("layout", ["decathlon", "bids"])
def test_the_same_input_gives_the_same_files(study: Path, mrstyle: Callable[..., Run], layout: str) -> None:
    for out in ("one", "two"):
        run = mrstyle(*words(study, layout, output=study / out))
        assert run.code == 0, run.err
        assert run.out.startswith("Wrote 3 labelled cases of 1 to ")
    one, two = study / "one", study / "two"
    images = [path.relative_to(one) for path in sorted(one.rglob("*.nii.gz"))]
    assert len(images) == 6
    for path in images:
        assert (one / path).read_bytes() == (two / path).read_bytes()


def test_a_folder_of_series_and_segmentations(study: Path, mrstyle: Callable[..., Run]) -> None:
    folder = study / "cases"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name in ("a", "b", "c"):
        write_series(SERIES, folder / "images" / f"{name}.nii.gz", {})
    save_segmentation(DRAWN, SERIES.grid, folder / "labels" / "a.seg.nrrd", {1: "kidney"})
    save_segmentation(DRAWN, SERIES.grid, folder / "labels" / "b_frame-3.seg.nrrd", {1: "kidney"})
    arguments = words(study, "decathlon", labels=None, levels=2)
    arguments[1] = folder
    run = mrstyle(*arguments, "--json")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert told["notes"][0] == "Images without labels, which are left out: 1."
    names = {path.name for images, _ in decathlon_cases(study / "out") for path in images}
    assert names == {f"{name}level{level}.nii.gz" for name in ("a_frame6", "b_frame3") for level in (0, 1)}
    assert json.loads((study / "out" / "dataset.json").read_text())["labels"]["1"] == "kidney"


def test_a_bids_folder(study: Path, mrstyle: Callable[..., Run]) -> None:
    raw = study / "bids" / "sub-01" / "ses-2" / "perf"
    drawn = study / "bids" / "derivatives" / "mine" / "sub-01" / "ses-2" / "anat"
    for each in (raw, drawn):
        each.mkdir(parents=True)
    write_series(SERIES, raw / "sub-01_ses-2_dce.nii.gz", {})
    save_labels(DRAWN, SERIES.grid, drawn / "sub-01_ses-2_desc-mine_dseg.nii.gz")
    (drawn / "sub-01_ses-2_desc-mine_dseg.tsv").write_text("index\tname\n1\tkidney\n")
    (raw / "sub-01_ses-2_T1w.nii.gz").touch()
    arguments = words(study, "bids", labels=None, levels=2)
    arguments[1] = study / "bids"
    assert_refused(mrstyle(*arguments), "sub-01_ses-2_T1w.nii.gz, sub-01_ses-2_dce.nii.gz", "--suffix")
    run = mrstyle(*arguments, "--suffix", "dce")
    assert run.code == 0, run.err
    image = study / "out/sub-01/ses-2/anat/sub-01_ses-2_desc-frame6level1_T1w.nii.gz"
    assert nib.load(image).shape[::-1] == SERIES.grid.shape
    assert "1\tkidney\n" in (study / "out" / "dseg.tsv").read_text()


def test_labels_on_another_grid(study: Path, mrstyle: Callable[..., Run]) -> None:
    grid = replace(SERIES.grid, affine=SERIES.grid.affine @ np.diag([0.5, 1, 1, 1]))
    shift = (grid.affine[:3, 0] - SERIES.grid.affine[:3, 0]) / 2
    grid.affine[:3, 3] += shift
    fine = replace(grid, array=SERIES.grid.array.repeat(2, axis=2))
    save_labels(DRAWN.repeat(2, axis=2), fine, study / "fine.nii.gz")
    before = contents(study)
    run = mrstyle(*words(study, labels=study / "fine.nii.gz"))
    assert_refused(run, "fine.nii.gz", "another grid", "--resample-labels")
    assert contents(study) == before
    run = mrstyle(*words(study, "decathlon", labels=study / "fine.nii.gz"), "--resample-labels")
    assert run.code == 0, run.err
    for _, label in decathlon_cases(study / "out"):
        found = read_labels(label)
        np.testing.assert_array_equal(found.volume.array, DRAWN)
    told = json.loads(next((study / "out" / "provenance").iterdir()).read_text())
    assert "nearest neighbor" in told["MRStyle"]["labels"]["written"]


def empty(study: Path) -> dict[str, Any]:
    return {"labels": save_labels(0 * DRAWN, SERIES.grid, study / "empty.nii.gz")}


def of_frame(study: Path) -> dict[str, Any]:
    return {"labels": save_labels(DRAWN, SERIES.grid, study / "drawn_frame-3.nii.gz")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda study: {"frame": 12}, "series has frames 0 to 11, not 12; choose one of them"),
        (lambda study: {"frame": -1}, "series has frames 0 to 11, not -1"),
        (lambda study: {"frame": None}, "Nothing tells which frame drawn.nii.gz was drawn on"),
        (of_frame, "frame 3 by its name, of frame 6 by --frame"),
        (lambda study: {"labels": study / "missing.nii.gz"}, "missing.nii.gz do not exist"),
        (lambda study: {"labels": None}, "There are no labels for"),
        (lambda study: {"labels": None, "name": "x"}, "--name"),
        (empty, "empty.nii.gz are empty"),
        (lambda study: {"output": study}, "is not empty; name a new one"),
        (lambda study: {"output": study / "drawn.nii.gz"}, "it is a file"),
        (lambda study: {"model": "brain-reference"}, "brain-reference does not change enhancement"),
        (lambda study: {"label_names": study / "drawn.nii.gz"}, "it is no table"),
    ],
)
def test_bad_input_is_one_sentence(
    study: Path, mrstyle: Callable[..., Run], change: Callable[[Path], dict[str, Any]], said: str
) -> None:
    options = change(study)
    before = contents(study)
    assert_refused(mrstyle(*words(study, **options)), said)
    assert contents(study) == before


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["images/a.nii.gz", "labels/b.nii.gz"], "b.nii.gz have no image of the same name"),
        (["images/a.nii.gz", "labels/readme.txt"], "has no labels"),
        (["images/a.nii.gz", "images/a.nrrd", "labels/a.nii.gz"], "several images: a.nii.gz, a.nrrd"),
        (["images/a.nii.gz", "labels/a.nii.gz", "labels/a.seg.nrrd"], "Two cases are called a:"),
        (["sub-1/anat/sub-1_T1w.nii.gz"], "BIDS calls them sub-…_dseg.nii.gz"),
        (["sub-1/anat/sub-1_dseg.nii.gz"], "sub-1_dseg.nii.gz have no image"),
        (["a.nii.gz", "b.nii.gz"], "There are no labels for"),
    ],
)
def test_a_folder_in_which_something_is_missing_or_twice(
    study: Path, mrstyle: Callable[..., Run], names: list[str], said: str
) -> None:
    arguments = words(study, labels=None)
    arguments[1] = put(study / "cases", *names)
    assert_refused(mrstyle(*arguments), said)
    assert not (study / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_no_folder(study: Path, stop: signal.Signals) -> None:
    folder = study / "cases"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(40):
        (folder / "images" / f"{number}.nii.gz").symlink_to(study / "series.nii.gz")
        (folder / "images" / f"{number}.json").symlink_to(study / "series.json")
        (folder / "labels" / f"{number}.nii.gz").symlink_to(study / "drawn.nii.gz")
    arguments = words(study, labels=None, output=study / "new" / "out", device="auto")
    arguments[1] = folder
    before = contents(study)
    process = subprocess.Popen(
        [sys.executable, "-m", "mrstyle", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stderr is not None
        assert any(line.startswith("Device:") for line in process.stderr)  # it is at work now
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 3
    assert out == ""
    assert err.splitlines()[-1] == "mrstyle: Canceled; nothing was written."
    assert contents(study) == before


def test_a_series_that_begins_after_the_bolus_is_refused(tmp_path: Path, labels: Labels) -> None:
    late: Series = SERIES.with_frames(SERIES.frames[::-1].copy(), "late")
    with pytest.raises(InputError, match="late is enhanced already"):
        series_cases(late, labels, FRAME, tiny(tmp_path), levels=3)
