"""The worker as a program that starts it sees it: JSON lines, files and exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import worker_fixtures
from worker_fixtures import Parent, case, kinds, of_kind, parse, start, use, write_job

from mrstyle import worker, worker_lines
from mrstyle.errors import OutOfMemory
from mrstyle.history import versions
from mrstyle.translate import Progress
from mrstyle.volume import read_volume

folder, model, parent = worker_fixtures.folder, worker_fixtures.model, worker_fixtures.parent


# The real thing, as a process of its own


def test_two_cases_in_a_process_with_open_stdin(folder: Path, model: Path) -> None:
    process = start(write_job(folder, model, case(folder, 1), case(folder, 2)))
    assert process.stdout is not None
    lines = parse(process.stdout.read())
    assert process.wait(60) == 0
    assert kinds(lines) == ["hello", "result", "result"]
    hello, first = lines[0], of_kind(lines, "result")[0]
    assert (hello["protocol"], hello["device"], hello["vram_free_mb"]) == (1, "cpu", None)
    assert hello["mrstyle"] == versions()["mrstyle"]
    assert hello["torch"] == versions()["torch"]
    assert (first["case"], first["name"]) == (1, "case 1")
    content, styled = read_volume(folder / "content.nii.gz"), read_volume(first["outputs"]["image"])
    assert styled.has_grid_of(content)
    assert not np.array_equal(styled.array, content.array)
    assert json.loads(Path(first["outputs"]["history"]).read_text())["model_id"] == "plain"


def test_closing_stdin_stops_a_process(folder: Path, model: Path) -> None:
    cases = [case(folder, number) for number in range(2000)]
    process = start(write_job(folder, model, *cases))
    assert process.stdout is not None and process.stdin is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "result":
            break
    process.stdin.close()
    lines = parse(process.stdout.read())
    assert process.wait(60) == 3
    assert (lines[-1]["type"], lines[-1]["code"]) == ("error", "cancelled")
    images = list(folder.glob("styled*.nii.gz"))
    assert f"(finished cases: {len(images)})" in lines[-1]["message"]
    assert len(images) < len(cases)
    assert all(read_volume(image).shape == (14, 16, 18) for image in images)
    assert not list(folder.glob(".partial-*"))


def test_refused_package_in_a_process(folder: Path) -> None:
    process = start(write_job(folder, folder, case(folder)))
    out, _ = process.communicate(timeout=60)
    lines = parse(out)
    assert process.returncode == 5
    assert kinds(lines) == ["hello", "error"]
    assert lines[-1]["code"] == "model_corrupt"
    assert lines[-1]["message"] == f"Model package {folder} is refused: it has no model.json."


# Progress


def test_progress_is_of_the_whole_job_and_never_falls(
    parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)

    def action(progress: Any, _: Any) -> None:
        for fraction, remaining_s in [(0.0, None), (0.5, 4.0), (0.4, 5.0), (1.0, 0.0)]:
            clock.now += 1.0
            progress(Progress("tiles", fraction, remaining_s, None))

    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker_lines, "time", clock)
    use(monkeypatch, action)
    code, lines = parent.run(case(parent.folder, 1), case(parent.folder, 2))
    seen = of_kind(lines, "progress")
    assert code == 0
    assert [line["fraction"] for line in seen] == [0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0]
    assert {(line["cases"], line["stage"]) for line in seen} == {(2, "tiles")}
    # Two seconds into the first case with 4 s to go: 4 s more, then a second case of 6 s.
    assert [line["eta_s"] for line in seen] == [None, 10.0, 13.0, 4.0, None, 4.0, 5.0, 0.0]
    assert [line["seconds"] for line in of_kind(lines, "result")] == [4.0, 4.0]


def test_at_most_ten_progress_lines_a_second(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)

    def action(progress: Any, _: Any) -> None:
        for step in range(1000):
            clock.now += 0.001
            progress(Progress("tiles", step / 1000, None, None))

    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker_lines, "time", clock)
    use(monkeypatch, action)
    _, lines = parent.run(*(case(parent.folder, number) for number in range(3)))
    assert 27 <= len(of_kind(lines, "progress")) <= 31


# Cancel, failures and warnings


def test_cancel_within_a_case_writes_nothing(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def action(_: Any, cancel: Callable[[], bool]) -> None:
        assert not cancel()
        parent.hang_up_and_wait(cancel)

    use(monkeypatch, action)
    code, lines = parent.run(case(parent.folder, 1), case(parent.folder, 2))
    assert code == 3
    assert kinds(lines) == ["hello", "error"]
    assert (lines[-1]["code"], lines[-1]["message"]) == ("cancelled", "Canceled; nothing was written.")
    assert not list(parent.folder.glob("styled*"))


def test_ctrl_c_is_a_cancel(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def action(*_: Any) -> None:
        raise KeyboardInterrupt

    use(monkeypatch, action)
    code, lines = parent.run(case(parent.folder))
    assert (code, lines[-1]["code"]) == (3, "cancelled")


def test_a_bad_case_does_not_stop_the_others(parent: Parent) -> None:
    missing = case(parent.folder, 2, content=str(parent.folder / "nothing.nii.gz"))
    nowhere = case(parent.folder, 3, output=str(parent.folder / "no folder" / "styled.nii.gz"))
    code, lines = parent.run(case(parent.folder, 1), missing, nowhere, case(parent.folder, 4))
    assert code == 2
    assert kinds(lines) == ["hello", "result", "error", "error", "result"]
    first, second = of_kind(lines, "error")
    assert (first["case"], first["code"], second["case"]) == (2, "bad_input", 3)
    assert "nothing.nii.gz" in first["message"]
    assert "create it first" in second["message"]
    assert (parent.folder / "styled4.nii.gz").exists()


@pytest.mark.parametrize(
    ("error", "exit_code", "code", "said"),
    [
        (OutOfMemory("It does not fit."), 4, "out_of_memory", "It does not fit."),
        (MemoryError(), 4, "out_of_memory", "ran out of memory"),
        (ZeroDivisionError("by zero"), 1, "internal", "ZeroDivisionError: by zero"),
    ],
)
def test_failures_have_codes(
    parent: Parent, monkeypatch: pytest.MonkeyPatch, error: Exception, exit_code: int, code: str, said: str
) -> None:
    def action(*_: Any) -> None:
        raise error

    use(monkeypatch, action)
    result, lines = parent.run(case(parent.folder))
    assert (result, lines[-1]["code"]) == (exit_code, code)
    assert said in lines[-1]["message"]
    assert ("traceback" in lines[-1]) == (code == "internal")


def test_warnings_are_told_once_a_case(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def action(progress: Any, _: Any) -> dict[str, Any]:
        for _ in range(3):
            progress(Progress("tiles", 0.1, None, "Using smaller tiles."))
        return {"notes": ["Using smaller tiles.", "The skull was kept."]}

    use(monkeypatch, action)
    _, lines = parent.run(case(parent.folder, 1), case(parent.folder, 2))
    told = [(line["case"], line["message"]) for line in of_kind(lines, "warning")]
    assert told == [(n, text) for n in (1, 2) for text in ("Using smaller tiles.", "The skull was kept.")]


def test_uncertainty_is_written_with_its_history(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_volume(parent.folder / "content.nii.gz")
    use(monkeypatch, lambda *_: {"uncertainty": image.with_array(image.array * 0.1)})
    wanted = case(parent.folder, uncertainty=str(parent.folder / "deviation.nrrd"))
    code, lines = parent.run(wanted, samples=4)
    outputs = of_kind(lines, "result")[0]["outputs"]
    assert code == 0
    assert np.allclose(read_volume(outputs["uncertainty"]).array, image.array * 0.1)
    assert (parent.folder / "deviation.json").read_text() == (parent.folder / "styled1.json").read_text()


def test_prints_do_not_reach_the_protocol(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def action(*_: Any) -> None:
        print("a Python library", file=parent.stdout)
        os.write(parent.stdout.fileno(), b"a C library\n")

    use(monkeypatch, action)
    code, lines = parent.run(case(parent.folder))
    assert (code, kinds(lines)) == (0, ["hello", "result"])
    print("afterwards", file=parent.stdout, flush=True)
    assert parent.stdout_path.read_text().endswith("afterwards\n")


# The job file


def no_job(folder: Path, model: Path) -> Path:
    return folder / "job.json"


def cut_job(folder: Path, model: Path) -> Path:
    path = write_job(folder, model, case(folder))
    path.write_text(path.read_text()[:-5])
    return path


def bad_job(*changes: dict[str, Any], **job: Any) -> Callable[[Path, Path], Path]:
    def write(folder: Path, model: Path) -> Path:
        relative = [{k: str(folder / v) for k, v in change.items()} for change in changes]
        return write_job(folder, model, *(case(folder) | change for change in relative), **job)

    return write


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (no_job, "cannot be read: No such file or directory."),
        (cut_job, "is not usable: Invalid JSON"),
        (bad_job(), "cases: Tuple should have at least 1 item"),
        (bad_job({}, seed=-1), "seed: Input should be greater than or equal to 0."),
        (bad_job({}, zoom=2), "zoom: Extra inputs are not permitted."),
        (bad_job({"uncertainty": "u.nrrd"}), "an uncertainty needs samples of 2 or more."),
        (bad_job({"output": "content.nii.gz"}), "would replace an input or another output; rename it."),
        (bad_job({"output": "content.nrrd"}), "would replace an input or another output; rename it."),
        (bad_job({}, {}), "would replace an input or another output; rename it."),
        (bad_job({}, device="abacus"), "abacus"),
    ],
)
def test_bad_job_is_refused_before_any_work(
    parent: Parent, job: Callable[[Path, Path], Path], said: str
) -> None:
    code, lines = parent.run_file(job(parent.folder, parent.model))
    assert code == 2
    assert kinds(lines) == ["error"]
    assert lines[0]["code"] == "bad_input"
    assert said in lines[0]["message"]
    assert len(list(parent.folder.glob("*.nii.gz"))) == 2
