"""What the worker writes beside the image: quality maps, metrics, a report, and the frames of a series."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worker_fixtures
from worker_fixtures import START, Parent, case, head, kinds, of_kind, start, write_job

from mrstyle import worker
from mrstyle.history import read_history
from mrstyle.qa.evaluate import MAP_NAMES, Evaluation
from mrstyle.volume import read_volume, write_volume

folder, model, parent = worker_fixtures.folder, worker_fixtures.model, worker_fixtures.parent
LIMIT_S = 2.0
# A worker that is inside a library, with a file half written, when its parent hangs up.
BUSY = """
import hashlib
from mrstyle import worker

def write_maps(evaluation, folder, place, history):
    place(folder / "cw_ssim_content.nii.gz").write_bytes(b"half")
    print("writing", file=sys.stderr, flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)

worker.write_maps = write_maps
"""


def everything(folder: Path, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A case with maps in a folder that is not there yet, and a report."""
    extra = {"maps": f"new/maps{number}", "report": f"report{number}.html"}
    return case(folder, number, **{key: str(folder / path) for key, path in extra.items()}) | changes


def test_maps_metrics_and_report_are_written_and_named(parent: Parent) -> None:
    code, lines = parent.run(everything(parent.folder, 1), everything(parent.folder, 2))
    assert code == 0
    outputs = of_kind(lines, "result")[1]["outputs"]
    content = read_volume(parent.folder / "content.nii.gz")
    assert set(outputs["maps"]) == {
        "cw_ssim_content",
        "cw_ssim_style",
        "cw_ssim_weights",
        "difference_content",
    }
    assert set(outputs["maps"]) <= set(MAP_NAMES)
    assert all(read_volume(path).has_grid_of(content) for path in outputs["maps"].values())
    metrics = json.loads(Path(outputs["metrics"]).read_text())
    assert metrics["history"]["model_id"] == "plain"
    assert {"content", "style"} <= {row["against"] for row in metrics["rows"]}
    assert "CW-SSIM" in Path(outputs["report"]).read_text(encoding="utf-8")
    fractions = [line["fraction"] for line in of_kind(lines, "progress")]
    assert fractions == sorted(fractions)
    assert not list(parent.folder.rglob(".partial-*"))


def test_without_its_libraries_a_report_is_left_out_with_a_warning(
    parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrstyle.qa.report._LIBRARIES", ("json", "no_such_library"))
    code, lines = parent.run(everything(parent.folder))
    assert code == 0
    (warning,) = (line["message"] for line in of_kind(lines, "warning") if "report" in line["message"])
    assert "needs no_such_library;" in warning
    outputs = of_kind(lines, "result")[0]["outputs"]
    assert "report" not in outputs
    assert Path(outputs["metrics"]).is_file()
    assert not (parent.folder / "report1.html").exists()


@pytest.mark.parametrize("stage", ["evaluate", "write_maps", "write_report"])
def test_cancel_while_quality_is_measured_writes_nothing(
    parent: Parent, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    before = set(parent.folder.rglob("*"))
    real = getattr(worker, stage)

    def hang_up_first(*arguments: Any, **options: Any) -> Any:
        parent.hang_up()
        time.sleep(0.1)  # until the watching thread has seen it
        return real(*arguments, **options)

    monkeypatch.setattr(worker, stage, hang_up_first)
    code, lines = parent.run(everything(parent.folder))
    assert (code, lines[-1]["code"]) == (3, "cancelled")
    after = {path for path in parent.folder.rglob("*") if path.name not in ("job.json", "stdout.txt")}
    assert after == before - {parent.stdout_path}


def test_cancel_does_not_wait_for_a_library(folder: Path, model: Path) -> None:
    job = write_job(folder, model, everything(folder))
    before = set(folder.rglob("*"))
    process = start(job, START.replace("import sys; ", f"import sys\n{BUSY}\n"), stderr=-1)
    assert process.stdout is not None and process.stdin is not None and process.stderr is not None
    assert any(b"writing" in line for line in process.stderr)
    assert set(folder.rglob("*")) > before
    process.stdin.close()
    closed = time.monotonic()
    assert process.wait(30) == 3
    assert time.monotonic() - closed < LIMIT_S
    assert json.loads(process.stdout.read().splitlines()[-1])["code"] == "cancelled"
    assert set(folder.rglob("*")) == before


def test_evaluation_is_told_to_stop(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(*_: Any, cancel: Callable[[], bool], **__: Any) -> Evaluation:
        parent.hang_up_and_wait(cancel)

    monkeypatch.setattr(worker, "evaluate", evaluate)
    code, lines = parent.run(everything(parent.folder))
    assert (code, kinds(lines)[-1]) == (3, "error")


@pytest.mark.parametrize(
    "changes",
    [
        ({"maps": "maps"}, {"maps": "maps"}),
        ({"report": "styled1.nii.gz"},),
        ({"report": "styled1.json"},),
        ({"report": "maps", "maps": "maps"},),
        ({"maps": "."}, {"content": "difference_content.nii.gz"}),
        ({"maps": "."}, {"output": "cw_ssim_style.nii.gz"}),
        ({"maps": ".", "output": "metrics.nrrd"},),
        ({"report": "content.json"},),
    ],
)
def test_outputs_that_would_overlap_are_refused_before_any_work(
    parent: Parent, changes: tuple[dict[str, str], ...]
) -> None:
    cases = [
        case(parent.folder, number) | {key: str(parent.folder / value) for key, value in change.items()}
        for number, change in enumerate(changes, start=1)
    ]
    code, lines = parent.run(*cases)
    assert (code, kinds(lines)) == (2, ["error"])
    assert "would replace an input or another output; rename it." in lines[0]["message"]


# A series


def write_frames(folder: Path) -> list[Path]:
    """Three frames: the head, with a core that brightens from frame to frame."""
    before = head((14, 16, 18), spacing_mm=1.5, power=1.0)
    core = np.zeros(before.shape, np.float32)
    core[5:9, 6:10, 7:11] = 1.0
    paths = []
    for number, gain in enumerate((0.0, 1.0, 2.0), start=1):
        paths.append(folder / f"frame{number}.nii.gz")
        write_volume(before.with_array(before.array * (1 + gain * core)), paths[-1])
    return paths


@pytest.mark.parametrize("series", [True, False])
def test_frames_of_a_series_are_scaled_as_the_first_one_is(parent: Parent, series: bool) -> None:
    frames = write_frames(parent.folder)
    cases = [case(parent.folder, number, content=str(path)) for number, path in enumerate(frames, start=1)]
    code, lines = parent.run(*cases, series=series)
    assert code == 0
    contents = [read_history(line["outputs"]["image"]).content for line in of_kind(lines, "result")]  # type: ignore[union-attr]
    scales = [content["intensity"]["scale"] for content in contents]
    assert (scales[0] == scales[1] == scales[2]) == series
    assert {content["intensity_from"] for content in contents} == {"given" if series else "volume"}
    # The model of this test matches histograms, which no scale of the content changes.
    told = [line["case"] for line in of_kind(lines, "warning") if "enhancement" in line["message"]]
    assert told == ([1, 2, 3] if series else [])


def test_a_series_without_its_first_frame_is_refused(parent: Parent) -> None:
    frames = write_frames(parent.folder)
    frames[0].unlink()
    cases = [case(parent.folder, number, content=str(path)) for number, path in enumerate(frames, start=1)]
    code, lines = parent.run(*cases, series=True)
    assert (code, kinds(lines)) == (2, ["hello", "error"])
    assert "frame1.nii.gz" in lines[-1]["message"]
