"""Runs of the real worker process, started as in Slicer: through a launcher, from folders with any letters."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from worker_helpers import (
    BLOCKED_S,
    CANCELED_S,
    MODELS,
    Watched,
    note_figures,
    offer_python,
    offer_real_worker,
    small_job,
    wait_until_empty,
    working_in,
)

from MRStyleLib import environment
from MRStyleLib.worker_run import RunState, WorkerRun


@pytest.fixture
def folder(host, monkeypatch, tmp_path: Path) -> Path:
    """A run folder whose name has a space and letters of two scripts, with a launcher as PythonSlicer."""
    offer_real_worker(monkeypatch, tmp_path)
    folder = tmp_path / "Läufe 日本"
    folder.mkdir()
    return folder


def no_half_files(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if "partial" in path.name]


def test_a_run_from_start_to_finish(folder: Path, monkeypatch, request) -> None:
    packages = folder.parent / "MR Stil ö"
    packages.mkdir()
    (packages / "mrstyle").symlink_to(environment.package_folder() / "mrstyle")
    monkeypatch.setattr(environment, "package_folder", lambda: packages)
    job = small_job(folder, cases=2)
    watched = Watched(job, folder).start()
    assert watched.run.state is RunState.STARTING
    outcome = watched.finish()
    assert (outcome.state, outcome.message, outcome.failures) == ("finished", "", {})
    assert watched.hello["device"] == "cpu"
    assert sorted(watched.results) == [1, 2]
    fractions = [event[0] for event in watched.progress]
    assert fractions == sorted(fractions)
    assert {event[4] for event in watched.progress} == {2}
    for number, case in enumerate(job.cases, start=1):
        assert Path(watched.results[number]["outputs"]["image"]) == case.output
        content, styled = SimpleITK.ReadImage(str(case.content)), SimpleITK.ReadImage(str(case.output))
        assert np.allclose(styled.GetDirection(), content.GetDirection())
        assert styled.GetSize() == content.GetSize()
    assert not working_in(folder)
    note_figures(request, watched, hello_s=watched.hello_s)
    assert watched.longest_hold_s < BLOCKED_S


def test_the_bundled_network_blocking_as_scripts_do(folder: Path) -> None:
    job = small_job(folder, model="brain-reference", size=40)
    run = WorkerRun(job, folder)
    results = {}
    run.on_result = results.__setitem__
    run.start()
    outcome = run.wait(120)
    assert (outcome.state, outcome.message) == ("finished", "")
    styled = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(results[1]["outputs"]["image"]))
    assert styled.shape == (40, 40, 40)
    assert styled.std() > 0


@pytest.mark.parametrize("moment", ["starting", "loading torch", "running"])
def test_cancel(folder: Path, request, moment: str) -> None:
    watched = Watched(small_job(folder, model="brain-reference", size=96), folder).start()
    if moment == "loading torch":
        started = time.monotonic()
        watched.until(lambda: time.monotonic() > started + 0.7)
    if moment == "running":
        watched.until(lambda: watched.progress)
    seconds = watched.cancel()
    outcome = watched.finish()
    note_figures(request, watched, cancel_s=seconds)
    assert outcome.state == "canceled"
    assert seconds < CANCELED_S
    assert not working_in(folder)
    assert not (folder / "styled1.nrrd").exists()
    assert no_half_files(folder)


def test_a_launcher_that_is_killed_takes_the_worker_with_it(folder: Path) -> None:
    watched = Watched(small_job(folder, model="brain-reference", size=96), folder).start()
    watched.until(lambda: watched.progress)
    launcher = min(working_in(folder))
    os.kill(launcher, signal.SIGKILL)
    assert watched.finish().state == "failed"
    wait_until_empty(folder, 3)
    assert not (folder / "styled1.nrrd").exists()


def test_an_input_that_is_deleted_meanwhile_fails_its_case_only(folder: Path) -> None:
    job = small_job(folder, cases=2)
    watched = Watched(job, folder)
    on_hello = watched.run.on_hello

    def delete(message: dict) -> None:
        on_hello(message)
        job.cases[1].content.unlink()

    watched.run.on_hello = delete
    outcome = watched.start().finish()
    assert outcome.state == "finished"
    assert list(outcome.failures) == [2]
    assert "content2.nrrd" in outcome.message
    assert job.cases[0].output.exists()


def test_no_room_for_the_output(folder: Path, monkeypatch) -> None:
    # A limit on the size of files is what every user of a system can set: writing fails as on a full disk.
    offer_python(monkeypatch, folder.parent, f'ulimit -f 8\nexec "{sys.executable}" "$@"')
    job = small_job(folder, size=40)
    outcome = Watched(job, folder).start().finish()
    assert outcome.state == "failed"
    assert "styled1.nrrd" in outcome.message
    assert "Traceback" not in outcome.message
    assert not job.cases[0].output.exists()
    assert no_half_files(folder)


def test_a_corrupt_package(folder: Path) -> None:
    package = folder / "brain-reference"
    shutil.copytree(MODELS / "brain-reference", package)
    weights = package / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    job = small_job(folder, model=str(package))
    outcome = Watched(job, folder).start().finish()
    assert outcome.state == "failed"
    assert "changed or damaged" in outcome.message
    assert str(package) in outcome.message


def test_torch_is_not_installed(folder: Path, monkeypatch) -> None:
    (folder / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    outcome = Watched(small_job(folder), folder).start().finish()
    assert outcome.state == "failed"
    assert outcome.message == (
        "The Python package torch is not installed. Press Apply and let MRStyle install what is missing."
    )
    assert "ModuleNotFoundError" in outcome.log_tail
