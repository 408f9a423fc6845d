"""What the tests of the MRStyleTransfer panel share: the module in the host, clicks, waiting, small volumes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import slicerhost
from PySide6.QtTest import QTest

from MRStyleLib import settings

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "MRStyleTransfer" / "MRStyleTransfer.py"
HISTOGRAM_MATCHING = "histogram-matching@1.0.0"
WORKER_TIMEOUT_S = 90.0


def load_module() -> None:
    """Load the modules into the host, unchanged; once per process."""
    if not hasattr(slicer.modules, "mrstyletransfer"):
        load_with_core(MODULE)


def load_with_core(module: Path) -> None:
    """Load a panel's module, and before it the one that all panels share if it is not there yet."""
    needed = [] if hasattr(slicer.modules, "mrstylecore") else [ROOT / "MRStyleCore" / "MRStyleCore.py"]
    slicerhost.app.loadModules([*needed, module])


def open_panel():
    """Show the module and return its widget object, with every license accepted."""
    load_module()
    settings.accept_license(HISTOGRAM_MATCHING, "Apache-2.0")
    slicerhost.app.showModule("MRStyleTransfer")
    settle()
    return slicer.modules.MRStyleTransferWidget


def settle(seconds: float = 0.0) -> None:
    """Let the application answer for a while."""
    end = time.monotonic() + seconds
    while True:
        slicer.app.processEvents()
        if time.monotonic() >= end:
            return
        time.sleep(0.002)


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = WORKER_TIMEOUT_S) -> None:
    """Let the application answer until the condition holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {timeout_s} s in vain: {what}")
        settle(0.01)


def click(button) -> None:
    """A click with the mouse, which a disabled button does not feel."""
    QTest.mouseClick(button, qt.Qt.LeftButton)
    settle()


def add_volume(name: str, seed: int = 0, size: int = 40, scale: float = 100.0):
    """A ball with a core, noise and a gradient, on a slightly oblique grid; float32 (size, size + 2, size + 4)."""
    shape = (size, size + 2, size + 4)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    voxels = np.select([radius < 0.4, radius < 0.8], [scale, 0.6 * scale], 0.0) * (1 + 0.1 * axes[0])
    voxels += np.random.default_rng(seed).normal(0, 0.02 * scale, shape)
    node = slicer.util.addVolumeFromArray(np.abs(voxels).astype(np.float32), name=name)
    angle = np.deg2rad(10)
    node.SetIJKToRASDirections(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    node.SetSpacing(1.5, 1.5, 1.25)
    node.SetOrigin(-30, -20, 10)
    return node


def choose(widget, content, style, model: str = HISTOGRAM_MATCHING) -> None:
    """Choose inputs and model as a user does."""
    widget.ui.contentSelector.setCurrentNode(content)
    widget.ui.styleSelector.setCurrentNode(style)
    choose_model(widget, model)
    settle()


def choose_model(widget, key: str) -> None:
    """Click the model, id or id@version, in the list."""
    entries = widget._panel._models._entries
    rows = [row for row, entry in enumerate(entries) if key in (entry.id, entry.name)]
    widget.ui.modelList.setCurrentRow(rows[0])
    settle()


def run_of(widget):
    """The present or last run of the panel."""
    return widget.logic.runner.run


def wait_for_end(widget) -> None:
    """Wait until the run is over and shown."""
    wait_until(lambda: not widget.logic.runner.is_busy, "the end of the run")
    settle(0.2)


def wait_for_worker(widget) -> None:
    """Wait until the worker process says hello."""
    wait_until(lambda: run_of(widget).hello is not None, "the worker's hello")


def run_folders() -> list[Path]:
    """Temporary folders of runs."""
    return list(Path(slicer.app.temporaryPath).glob("mrstyle-*"))


def worker_pids() -> list[int]:
    """Processes below this one that run the worker."""
    return [pid for pid in _descendants(os.getpid()) if b"infer" in _command_line(pid)]


def _descendants(pid: int) -> Iterator[int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return iter(found - {pid})


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def assert_nothing_left() -> None:
    """No process and no temporary folder of a run is left."""
    wait_until(lambda: not worker_pids(), "the end of the worker process", timeout_s=5)
    assert run_folders() == []


@contextmanager
def timer_gaps() -> Iterator[list[float]]:
    """The gaps of a 10 ms timer in ms, as they come: what is above 10 is how long the event loop was held."""

    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append((now - last) * 1000)
        last = now

    timer = qt.QTimer()
    timer.setInterval(10)
    timer.timeout.connect(tick)
    timer.start()
    try:
        yield gaps
    finally:
        timer.stop()
