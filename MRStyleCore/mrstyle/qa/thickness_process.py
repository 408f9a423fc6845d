"""The measurement of `thickness_direct` in a process of its own, which can be ended at any moment: ANTs cannot be interrupted.

    python -m mrstyle.qa.thickness_process FOLDER

reads FOLDER/scan.npz and writes FOLDER/cortex.npz, or FOLDER/refused.txt with the sentence for the user. Its standard output
tells how far it is. It ends with its parent, whose end closes its standard input.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import InputError, MRStyleError, OutOfMemory
from ..volume import Volume
from .thickness_direct import ATROPOS_SPAN, DIRECT_SPAN, Cortex, measure

_LOOK_S = 0.1
_STAGE = re.compile(r"^mrstyle-stage ([0-9.]+) (.+)$")
_ITERATION = re.compile(r"^\s*Iteration (\d+) \(of (\d+)\)(: posterior|\.  Current energy)")
_KEPT_LINES = 8


def measure_apart(
    scan: Volume,
    brain: np.ndarray,
    device: str,
    at: Callable[[str, float], None],
) -> Cortex:
    """`thickness_direct.measure` in another process.

    Args:
        scan: canonical.
        brain: bool (k, j, i), its mask.
        device: for the network.
        at: is told the stage and 0 to 1 ten times a second; an error that it raises ends the process.

    Raises:
        InputError: there is no cortex in the scan, or a library is missing.
        OutOfMemory: the process was killed.
    """
    with tempfile.TemporaryDirectory(prefix="mrstyle-thickness-") as name:
        folder = Path(name)
        np.savez(folder / "scan.npz", array=scan.array, affine=scan.affine, brain=brain)
        (folder / "asked.txt").write_text(f"{device}\n{scan.name}\n", encoding="utf-8")
        _run([sys.executable, "-m", __name__, name], folder, at)
        if (refused := folder / "refused.txt").exists():
            raise InputError(refused.read_text(encoding="utf-8"))
        with np.load(folder / "cortex.npz", allow_pickle=False) as found:
            return Cortex(**{key: found[key] for key in found.files})


def _run(command: list[str], folder: Path, at: Callable[[str, float], None]) -> None:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd=folder,  # Python looks for modules there first, so not where the user works
    )
    assert process.stdout is not None
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    where, last = ("starting", 0.0), list[str]()
    try:
        while True:
            at(*where)
            try:
                line = lines.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                break
            where = _progress(line) or where
            last = [*last, line][-_KEPT_LINES:]
        code = process.wait()
    finally:
        process.kill()
        process.wait()
    if code == -9:
        raise OutOfMemory(
            "The process that measures thickness was ended by the system, most likely for want of memory; close other "
            "programs."
        )
    if code:
        raise RuntimeError(f"The measurement of thickness failed (exit code {code}): " + " | ".join(last))


def _read(stream: IO[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        lines.put(line.decode("utf-8", "replace").rstrip())
    lines.put(None)


def _progress(line: str) -> tuple[str, float] | None:
    if told := _STAGE.match(line):
        return told[2], float(told[1])
    if iteration := _ITERATION.match(line):
        of_atropos = iteration[3].startswith(":")
        first, last = ATROPOS_SPAN if of_atropos else DIRECT_SPAN
        stage = "separating the tissues" if of_atropos else "measuring the thickness"
        return stage, first + (last - first) * int(iteration[1]) / int(iteration[2])
    return None


def _environment() -> dict[str, str]:
    """That of this process, with this very package first on the path, and as many threads of ITK as there are cores to use."""
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = os.environ.get("OMP_NUM_THREADS") or str(_cores())
    return {
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": threads,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    # By its number: a thread that holds the buffered stream would bring down an interpreter that ends well.
    while os.read(0, 4096):
        pass
    os._exit(3)


def main(folder: Path) -> None:
    """What the process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    device, name = (folder / "asked.txt").read_text(encoding="utf-8").splitlines()
    with np.load(folder / "scan.npz", allow_pickle=False) as given:
        scan, brain = Volume(given["array"], given["affine"], name), given["brain"]

    def stage(what: str, fraction: float) -> None:
        print(f"mrstyle-stage {fraction:.4f} {what}", flush=True)

    try:
        cortex = measure(scan, brain, device, stage)
    except MRStyleError as error:
        (folder / "refused.txt").write_text(str(error), encoding="utf-8")
        return
    np.savez(
        folder / "cortex.npz",
        gray=cortex.gray,
        white=cortex.white,
        right=cortex.right,
        thickness_mm=cortex.thickness_mm,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
