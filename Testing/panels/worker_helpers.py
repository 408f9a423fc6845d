"""What the tests of the worker process share: small volumes, other workers, an event loop that is watched."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import qt
import SimpleITK
import slicer

from MRStyleLib.job import Case, Job
from MRStyleLib.worker_run import WorkerRun

MODELS = Path(__file__).resolve().parents[2] / "Resources" / "Models"
HOST = Path(__file__).resolve().parents[1] / "host"

BLOCKED_S = 1.0
"""Work at a stretch that no free event loop does; how much it is on an idle machine, `benchmarks/panel.py` says."""
CANCELED_S = 8.0
"""A cancel takes three seconds at most by the clock of the run; a machine that is busy with other things may be late."""

STAND_IN = """
import json, os, signal, subprocess, sys, time
def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")
def hello(protocol=1):
    say(type="hello", protocol=protocol, torch="2.13", device="cpu", name="CPU", vram_free_mb=None, reason="")
def progress(fraction, case=1):
    say(type="progress", case=case, cases=2, stage="tiles", fraction=fraction, eta_s=1.5)
def result(case=1):
    say(type="result", case=case, name="", outputs={"image": "styled.nii.gz"}, seconds=0.1)
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def until_canceled():
    while os.read(0, 4096):
        pass
"""


def write_head(path: Path, size: int = 24, power: float = 1.0) -> Path:
    """Write a bright ball with a gradient, in darkness, on an oblique grid."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")
    ball = np.where(sum(axis**2 for axis in axes) < 0.7, (0.4 + 0.3 * (axes[0] + 1)) ** power * 800, 0)
    noise = np.random.default_rng(1).normal(0, 2, ball.shape)
    image = SimpleITK.GetImageFromArray(np.abs(ball + noise).astype(np.float32))
    image.SetSpacing((1.5, 1.25, 2.0))
    image.SetOrigin((-11.0, 7.5, 3.0))
    image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(path))
    return path


def small_job(folder: Path, cases: int = 1, model: str = "histogram-matching", size: int = 24, **job) -> Job:
    """A job with its inputs, all in one folder."""
    style = write_head(folder / "style.nrrd", size, power=0.4)
    listed = [
        Case(
            content=write_head(folder / f"content{number}.nrrd", size),
            style=style,
            output=folder / f"styled{number}.nrrd",
            name=f"case {number}",
        )
        for number in range(1, cases + 1)
    ]
    return Job(model=str(MODELS / model), cases=tuple(listed), device="cpu", **job)


def offer_python(monkeypatch, folder: Path, script: str) -> Path:
    """Put a PythonSlicer that is this shell script first on the PATH."""
    bin_folder = folder / "bin of a Läuncher"
    bin_folder.mkdir(exist_ok=True)
    launcher = bin_folder / "PythonSlicer"
    launcher.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    return launcher


def offer_real_worker(monkeypatch, folder: Path) -> None:
    """A PythonSlicer as Slicer's: a launcher that stays, with Python as its child."""
    offer_python(monkeypatch, folder, f'"{sys.executable}" "$@"\nexit $?')


def offer_stand_in(monkeypatch, folder: Path, code: str) -> None:
    """A worker that is these lines of Python, whatever it is told to do."""
    script = folder / "stand_in.py"
    script.write_text(STAND_IN + textwrap.dedent(code), encoding="utf-8")
    offer_python(monkeypatch, folder, f'exec "{sys.executable}" -S "{script}" "$@"')


def stand_in_job(folder: Path, cases: int = 1) -> Job:
    listed = [
        Case(content=folder / "c.nrrd", style=folder / "s.nrrd", output=folder / f"o{n}.nrrd")
        for n in range(cases)
    ]
    return Job(model="any", cases=tuple(listed))


class Watched:
    """A run whose events are kept, in an event loop that is watched with a timer of 10 ms.

    `longest_hold_s` is the most work (processor time) between two ticks; `longest_pause_s` is the longest time, which
    also grows when other programs keep the processors busy.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        self.run = WorkerRun(job, folder)
        self.hello: dict = {}
        self.hello_s = self.longest_pause_s = self.longest_hold_s = 0.0
        self.progress: list[tuple] = []
        self.warnings: list[str] = []
        self.results: dict[int, dict] = {}
        self.log: list[str] = []
        self.outcomes: list = []
        self.run.on_hello = self._on_hello
        self.run.on_progress = lambda *event: self.progress.append(event)
        self.run.on_warning = self.warnings.append
        self.run.on_result = self.results.__setitem__
        self.run.on_log = self.log.append
        self.run.on_finished = self.outcomes.append
        self._last_tick = self._last_work = 0.0

    def start(self) -> Watched:
        self.started = self._last_tick = time.monotonic()
        self._last_work = time.thread_time()
        self.run.start()
        self._tick()
        return self

    def until(self, condition: Callable[[], object], timeout_s: float = 60) -> Watched:
        """Let the event loop run until the condition holds."""
        timer = qt.QTimer()
        timer.connect("timeout()", self._tick)
        timer.start(10)
        self._last_tick, self._last_work = time.monotonic(), time.thread_time()
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"nothing happened; the log: {self.log}"
            slicer.app.processEvents()
            time.sleep(0.001)
        timer.stop()
        return self

    def finish(self, timeout_s: float = 60):
        """Let the event loop run until the run has ended; returns the outcome."""
        self.until(lambda: self.outcomes, timeout_s)
        settle()
        assert len(self.outcomes) == 1
        return self.outcomes[0]

    def cancel(self) -> float:
        """Cancel and let the event loop run; returns how many seconds it took."""
        canceled = time.monotonic()
        self.run.cancel()
        self.until(lambda: self.outcomes, 30)
        return time.monotonic() - canceled

    def _on_hello(self, message: dict) -> None:
        self.hello, self.hello_s = message, time.monotonic() - self.started

    def _tick(self) -> None:
        now, work = time.monotonic(), time.thread_time()
        self.longest_pause_s = max(self.longest_pause_s, now - self._last_tick)
        self.longest_hold_s = max(self.longest_hold_s, work - self._last_work)
        self._last_tick, self._last_work = now, work


def settle() -> None:
    """Let late events arrive."""
    for _ in range(20):
        slicer.app.processEvents()
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        state = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
        )
    except OSError:
        return False
    return state not in "ZX"


def working_in(folder: Path) -> list[int]:
    """The processes whose working folder this is: the worker, its launcher and what they started."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                if (entry / "cwd").resolve() == folder.resolve():
                    pids.append(int(entry.name))
            except OSError:
                continue
    return pids


def wait_until_empty(folder: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while left := working_in(folder):
        assert time.monotonic() < deadline, f"processes are left: {left}"
        time.sleep(0.02)


def note_figures(request, watched: Watched, **figures: float) -> None:
    """Put what was measured into the test report (pytest --junitxml)."""
    figures |= {"longest_hold_s": watched.longest_hold_s, "longest_pause_s": watched.longest_pause_s}
    request.node.user_properties.extend((name, round(value, 3)) for name, value in figures.items())
