"""Subjects of FreeSurfer, comparisons, the command, the worker and FastSurfer, on subjects of known thickness."""

import json
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from thickness_fixtures import CENTERS_MM, INNER_MM, write_subject

from mrstyle.cli import main
from mrstyle.errors import Cancelled, InputError
from mrstyle.qa.fastsurfer import run_fastsurfer
from mrstyle.qa.freesurfer import read_subject
from mrstyle.qa.surfaces import read_vtp
from mrstyle.qa.thickness_check import check_thickness
from mrstyle.qa.thickness_compare import compare
from mrstyle.volume import Volume, read_volume
from mrstyle.worker import run

pytest.importorskip("vtk", reason="vtk is not installed (extra qa)")


@pytest.fixture
def subject(tmp_path: Path) -> Path:
    return write_subject(tmp_path / "bert", {"lh": 2.0, "rh": 3.0})


@pytest.fixture
def thicker(tmp_path: Path) -> Path:
    return write_subject(tmp_path / "thicker", {"lh": 2.5, "rh": 3.1})


def test_subject_is_read_in_scanner_coordinates(subject: Path) -> None:
    found = read_subject(subject)
    rows = {(row.region, row.hemisphere): row.thickness_mm for row in found.regions}
    assert rows == {
        ("frontal", "left"): pytest.approx(2.0, abs=0.02),
        ("occipital", "left"): pytest.approx(2.0, abs=0.02),
        ("frontal", "right"): pytest.approx(3.0, abs=0.02),
        ("occipital", "right"): pytest.approx(3.0, abs=0.02),
    }
    assert found.mean_mm == pytest.approx(2.5, abs=0.02)
    left = found.surface.points[:, 0] < 0
    distance = np.linalg.norm(found.surface.points[left] - CENTERS_MM["lh"], axis=1)
    assert distance == pytest.approx(INNER_MM, abs=0.01)
    k, j, i = np.nonzero(found.image.array)
    x = found.image.affine[0, 0] * i + found.image.affine[0, 3]
    assert found.image.array[k[x < -2], j[x < -2], i[x < -2]] == pytest.approx(2.0, abs=0.02)
    lowest = found.surface.points[:, 2] < CENTERS_MM["lh"][2] - 0.9 * INNER_MM
    assert np.isnan(found.surface.values["thickness_mm"][lowest]).all()


def test_measured_thickness_file_wins(subject: Path) -> None:
    count = len(nib.freesurfer.read_geometry(subject / "surf" / "lh.white")[0])
    nib.freesurfer.write_morph_data(subject / "surf" / "lh.thickness", np.full(count, 2.7))
    rows = read_subject(subject).regions
    assert [row.thickness_mm for row in rows if row.hemisphere == "left"] == [pytest.approx(2.7)] * 2


def test_statistics_give_the_regions_where_there_is_no_annotation(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "bert", {"lh": 2.0, "rh": 3.0}, annotated=False)
    table = "# ColHeaders StructName NumVert SurfArea GrayVol ThickAvg\ncuneus 120 80 200 1.85 0.4\n"
    for side in ("lh", "rh"):
        (folder / "stats" / f"{side}.aparc.stats").write_text(table)
    rows = [
        (row.region, row.hemisphere, row.thickness_mm, row.voxels) for row in read_subject(folder).regions
    ]
    assert rows == [("cuneus", "left", 1.85, 120), ("cuneus", "right", 1.85, 120)]


def test_folder_that_is_no_subject(tmp_path: Path, subject: Path) -> None:
    with pytest.raises(InputError, match="name the folder of a"):
        read_subject(tmp_path)
    (subject / "surf" / "rh.pial").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"rh\.pial is damaged"):
        read_subject(subject)


def test_subject_of_somebody_else_is_refused(subject: Path) -> None:
    affine = np.eye(4)
    affine[:3, 3] = 500
    scan = Volume(np.random.default_rng(0).random((40, 40, 40)), affine, "scan")
    with pytest.raises(InputError, match="elsewhere than scan"):
        read_subject(subject, scan)


def test_comparison_tells_where_and_how_much(subject: Path, thicker: Path) -> None:
    before, after = read_subject(subject), read_subject(thicker)
    found = compare(before, after)
    assert [round(pair.after_mm - pair.before_mm, 2) for pair in found.regions] == [0.5, 0.5, 0.1, 0.1]
    assert found.mean_absolute_difference_mm == pytest.approx(0.3, abs=0.01)
    assert found.bias_mm == pytest.approx(0.3, abs=0.01)
    assert found.icc is not None
    assert found.icc < 0.95
    left = found.surface.points[:, 0] < 0
    change = found.surface.values["difference_mm"]
    assert np.nanmean(change[left]) == pytest.approx(0.5, abs=0.02)
    assert np.nanmean(change[~left]) == pytest.approx(0.1, abs=0.02)
    both = (before.image.array > 0) & (after.image.array > 0)
    assert found.difference.array[~both].max() == 0
    same = compare(before, before)
    assert (same.icc, same.mean_absolute_difference_mm) == (pytest.approx(1.0), 0)


def test_subject_cannot_be_compared_with_a_scan(subject: Path) -> None:
    scan = subject / "mri" / "orig.mgz"
    with pytest.raises(InputError, match="Compare two scans, or two subjects"):
        check_thickness(scan, scan, subject, work_folder=subject)


def test_scans_on_two_grids_are_refused(subject: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nii.gz"
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((9, 9, 9), np.float32), np.eye(4)), other)
    with pytest.raises(InputError, match="other is not on the grid of orig"):
        check_thickness(subject / "mri" / "orig.mgz", other, None, work_folder=tmp_path)


def test_command(subject: Path, thicker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan, out = subject / "mri" / "orig.mgz", tmp_path / "out"
    arguments = ["thickness", str(scan), "--subject", str(subject), "--compare", str(thicker), "-o", str(out)]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code in (0, None)
    text = capsys.readouterr().out
    assert "Mean of the cortex: 2.50 mm before, 2.80 mm after" in text
    assert "frontal" in text
    assert "+0.50" in text
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    assert left.value.code in (0, None)
    told = json.loads(capsys.readouterr().out)
    assert told["agreement"]["bias_mm"] == pytest.approx(0.3, abs=0.01)
    assert read_volume(told["difference"]).has_grid_of(read_volume(scan))
    assert "difference_mm" in read_vtp(told["difference_surface"]).values
    assert json.loads(Path(told["regions"]).read_text())[0]["region"] == "frontal"


def test_command_refuses_in_one_sentence(
    subject: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as left:
        main(["thickness", str(subject / "mri" / "orig.mgz"), "--subject", str(tmp_path), "-o", str(out)])
    assert left.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not out.exists()


def test_worker(subject: Path, thicker: Path, tmp_path: Path) -> None:
    scan = str(subject / "mri" / "orig.mgz")
    case = {"volume": scan, "subject": str(subject), "folder": str(tmp_path / "one"), "name": "one"}
    cases = [case, {**case, "compare": str(thicker), "folder": str(tmp_path / "two")}]
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"task": "thickness", "device": "cpu", "method": "direct", "cases": cases}))
    log = tmp_path / "lines.txt"
    with log.open("w") as stream:
        assert run(job, None, stream) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    one, two = (line["outputs"] for line in lines if line["type"] == "result")
    assert set(one) == {"thickness", "surface", "regions", "mean_mm"}
    assert set(two) == {*one, "compare", "difference", "difference_surface", "agreement"}
    assert two["compare"]["mean_mm"] == pytest.approx(2.8, abs=0.02)
    assert len(two["agreement"]["regions"]) == 4
    files = [two[key] for key in ("thickness", "surface", "regions", "difference", "difference_surface")]
    files += [two["compare"][key] for key in ("thickness", "surface", "regions")]
    assert all(Path(file).is_file() for file in files)
    assert len(set(files)) == 8


def test_worker_refuses_to_write_over_its_inputs(subject: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    case = {"volume": str(subject / "mri" / "orig.mgz"), "subject": str(subject), "folder": str(subject)}
    job.write_text(json.dumps({"task": "thickness", "cases": [case]}))
    log = tmp_path / "lines.txt"
    with log.open("w") as stream:
        assert run(job, None, stream) == 2
    assert "would replace an input" in log.read_text()


def test_fastsurfer_that_is_not_there(subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTSURFER_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"FastSurfer was not found; put run_fastsurfer\.sh on the path"):
        check_thickness(
            subject / "mri" / "orig.mgz", None, None, method="fastsurfer", work_folder=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="FastSurfer is a shell script")
class TestFastSurfer:
    """With a script in its place."""

    def install(self, folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
        script = folder / "run_fastsurfer.sh"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setenv("FASTSURFER_HOME", str(folder))

    def test_its_subject_is_read(
        self, subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # --t1 FILE --sid NAME --sd FOLDER
        self.install(tmp_path, monkeypatch, f'cp -r "{subject}" "$6/$4"')
        scan = subject / "mri" / "orig.mgz"
        check = check_thickness(scan, None, None, method="fastsurfer", work_folder=tmp_path / "out")
        assert check.measured.mean_mm == pytest.approx(2.5, abs=0.02)

    def test_its_failure_is_one_sentence(
        self, subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.install(tmp_path, monkeypatch, "echo no license found; exit 1")
        scan = read_volume(subject / "mri" / "orig.mgz")
        with pytest.raises(InputError, match="FastSurfer failed on orig: no license found; its log is"):
            run_fastsurfer(scan, tmp_path / "out", "subject1", "cpu")

    def test_cancel_ends_it_and_all_that_it_started(
        self, subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = tmp_path / "pid"
        self.install(
            tmp_path,
            monkeypatch,
            f'sleep 600 & echo $! > "{started}.part"; mv "{started}.part" "{started}"; wait',
        )
        scan = read_volume(subject / "mri" / "orig.mgz")
        with pytest.raises(Cancelled):
            run_fastsurfer(scan, tmp_path / "out", "subject1", "cpu", cancel=started.exists)
        # On a busy machine a killed process needs its turn to end.
        deadline = time.monotonic() + 10
        while is_running(int(started.read_text())) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(int(started.read_text()))
        assert not list((tmp_path / "out").iterdir())


def is_running(process: int) -> bool:
    """Whether there is such a process that has not ended; where there is no /proc, nobody can tell."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
