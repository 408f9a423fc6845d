"""Jobs of task "dynamic": what is written, what the lines tell, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dce_fixtures import TIMES_S, kidney, tiny
from worker_fixtures import Parent, kinds, of_kind, parent  # noqa: F401

from mrstyle import worker_dynamic
from mrstyle.series import Series, read_series, write_series
from mrstyle.volume import read_volume, write_volume


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of dynamic series."""
    folder = tmp_path_factory.mktemp("models")
    tiny(folder)
    return folder / "tiny-dce-2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two series, the second one as a folder of frames, and a name that is not ASCII."""
    folder = tmp_path / "Nierenbücher"
    folder.mkdir()
    write_series(kidney(), folder / "content.nii", {})
    write_frames(kidney(2), folder / "other")
    return folder


def write_frames(series: Series, folder: Path) -> None:
    folder.mkdir()
    for index in range(len(series.frames)):
        write_volume(series.frame(index), folder / f"frame_{index}.nrrd")
    (folder / "series.json").write_text(json.dumps({"VolumeTiming": series.times_s.tolist()}))


def change(parent: Parent, *cases: dict[str, Any], **changes: Any) -> tuple[int, list[dict[str, Any]]]:  # noqa: F811
    path = parent.folder / "job.json"
    job = {"task": "dynamic", "model": str(parent.model), "device": "cpu", "cases": cases}
    path.write_text(json.dumps(job | changes))
    return parent.run_file(path)


def case(folder: Path, **changes: Any) -> dict[str, Any]:
    told = {
        "content": str(folder / "content.nii"),
        "enhancement": "baseline",
        "output": str(folder / "out.nii"),
        "name": "Kidney A",
    }
    return {key: value for key, value in (told | changes).items() if value is not None}


def test_a_series_comes_back_with_its_times_maps_and_figures(parent: Parent) -> None:  # noqa: F811
    maps = parent.folder / "maps"
    code, lines = change(parent, case(parent.folder, maps=str(maps)))
    assert code == 0
    assert kinds(lines)[0] == "hello" and kinds(lines)[-1] == "result"
    outputs = lines[-1]["outputs"]
    made, content = read_series(outputs["series"]), read_series(parent.folder / "content.nii")
    np.testing.assert_allclose(made.times_s, TIMES_S)
    assert made.grid.has_grid_of(content.grid)
    over_time = outputs["over_time"]
    assert over_time == json.loads(Path(outputs["metrics"]).read_text())
    for name in ("content_cw_ssim", "style_cw_ssim", "mean_signal_of_region_after"):
        assert len(over_time[name]) == len(TIMES_S)
    assert set(outputs["maps"]) == {"enhancement", "content_weight", "cw_ssim_content", "cw_ssim_style"}
    for name in ("cw_ssim_content", "cw_ssim_style"):
        frames = read_series(outputs["maps"][name]).frames
        assert frames.shape == content.frames.shape
        assert -1 <= frames.min() < frames.max() <= 1
    weights = nifti(outputs["maps"]["content_weight"])
    assert weights.min() == pytest.approx(0.1) and weights.max() == pytest.approx(1.0)
    enhanced = nifti(outputs["maps"]["enhancement"]) > 20 / 255
    np.testing.assert_array_equal(weights == weights.min(), enhanced)
    history = json.loads(Path(outputs["history"]).read_text())["MRStyle"]
    assert history["enhancement"] == "baseline" and history["content"]["name"] == "Kidney A"


def nifti(path: str) -> np.ndarray:
    return read_volume(path, may_be_slice=True).array


def test_the_curve_is_that_of_the_region(parent: Parent) -> None:  # noqa: F811
    content = kidney()
    brightest = content.frames[6] > 0.9 * content.frames[6].max()
    write_volume(content.grid.with_array(brightest.astype(np.float32)), parent.folder / "region.nrrd")
    _, lines = change(parent, case(parent.folder, region=str(parent.folder / "region.nrrd")))
    outputs = lines[-1]["outputs"]
    np.testing.assert_allclose(
        outputs["over_time"]["mean_signal_of_region_before"],
        content.frames[:, brightest].mean(axis=1),
        rtol=1e-3,
    )
    assert outputs["maps"] == {} and outputs["metrics"] is None


def test_like_a_frame_of_a_folder_of_frames(parent: Parent) -> None:  # noqa: F811
    like = {"series": str(parent.folder / "other"), "frame": 6, "name": "Kidney B"}
    code, lines = change(
        parent, case(parent.folder, enhancement=None, like=like, maps=str(parent.folder / "maps"))
    )
    assert code == 0
    outputs = lines[-1]["outputs"]
    style = json.loads(Path(outputs["history"]).read_text())["MRStyle"]["style"]
    assert style["name"] == "Kidney B" and style["frame"] == 6
    assert outputs["over_time"]["style_cw_ssim"] is None and "cw_ssim_style" not in outputs["maps"]
    assert not (parent.folder / "maps" / "cw_ssim_style.nii").exists()


def test_motion_is_a_warning_with_a_figure(parent: Parent) -> None:  # noqa: F811
    still = kidney()
    shifted = np.stack([np.roll(frame, 4 * (index % 2), axis=0) for index, frame in enumerate(still.frames)])
    write_series(still.with_frames(shifted, "moving"), parent.folder / "content.nii", {})
    _, lines = change(parent, case(parent.folder))
    warnings = [line["message"] for line in of_kind(lines, "warning")]
    assert any("Kidney A moves by up to 2" in each and "mm" in each for each in warnings)


def test_unusable_series_are_refused_and_the_others_done(parent: Parent) -> None:  # noqa: F811
    series = kidney()
    faults = {
        "short": (replace(series, frames=series.frames[:4], times_s=TIMES_S[:4]), "4 frames; this needs at least 5"),
        "late": (series.with_frames(series.frames[::-1].copy(), "late"), "late is enhanced already"),
        "quiet": (
            series.with_frames(np.repeat(series.frames[:1], 12, axis=0), "quiet"),
            "quiet shows no enhancement",
        ),
    }  # fmt: skip
    cases = []
    for name, (bad, _) in faults.items():
        write_series(bad, parent.folder / f"{name}.nii", {})
        cases.append(
            case(
                parent.folder,
                content=str(parent.folder / f"{name}.nii"),
                output=str(parent.folder / f"{name}_out.nii"),
                enhancement="enhanced",
                name=name,
            )
        )
    code, lines = change(parent, *cases, case(parent.folder))
    assert code == 2
    errors = of_kind(lines, "error")
    for number, (error, (_, said)) in enumerate(zip(errors, faults.values(), strict=True), start=1):
        assert error["case"] == number and said in error["message"] and "traceback" not in error
    assert [line["case"] for line in of_kind(lines, "result")] == [4]
    assert not list(parent.folder.glob("*_out.nii"))


def test_frames_of_different_grids_and_missing_times_are_refused(parent: Parent) -> None:  # noqa: F811
    other = parent.folder / "other"
    (other / "series.json").unlink()
    _, lines = change(parent, case(parent.folder, content=str(other)))
    assert "Nothing tells the times" in of_kind(lines, "error")[0]["message"]
    code, lines = change(parent, case(parent.folder, content=str(other), interval_s=2.5))
    assert code == 0
    series = kidney(2)
    write_volume(
        replace(series.grid, affine=1.1 * series.grid.affine, array=series.frames[3]), other / "frame_3.nrrd"
    )
    _, lines = change(parent, case(parent.folder, content=str(other), interval_s=2.5))
    assert "frame_3.nrrd has another grid" in of_kind(lines, "error")[-1]["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"enhancement": None}, "either an enhancement or a frame"),
        ({"like": {"series": "x"}}, "either an enhancement or a frame"),
        ({"output": "content.nii"}, "would replace an input"),
        ({"output": "other/series.nii"}, "would replace an input"),
        ({"interval_s": 0}, "interval_s"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_before_any_case(
    parent: Parent,  # noqa: F811
    changes: dict[str, Any],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(parent.folder)
    if changes.get("output") == "other/series.nii":
        changes = {"content": "other/series.nii", "output": "other/series.nii"}
    code, lines = change(parent, case(parent.folder, **changes))
    assert code == 2 and words in of_kind(lines, "error")[0]["message"]
    assert "case" not in of_kind(lines, "error")[0]


def test_a_model_of_another_kind_is_refused(parent: Parent) -> None:  # noqa: F811
    code, lines = change(parent, case(parent.folder), model="histogram-matching")
    assert code == 2 and "does not change enhancement" in of_kind(lines, "error")[0]["message"]


def test_a_cancel_leaves_nothing(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def wait(*_: Any, cancel: Any, **__: Any) -> None:
        parent.hang_up_and_wait(cancel)

    monkeypatch.setattr(worker_dynamic, "transfer_enhancement", wait)
    before = sorted(parent.folder.iterdir())
    code, lines = change(parent, case(parent.folder, maps=str(parent.folder / "maps")))
    assert code == 3 and of_kind(lines, "error")[0]["code"] == "cancelled"
    assert {path.name for path in parent.folder.iterdir()} == {*(path.name for path in before), "job.json"}
