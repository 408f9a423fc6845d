"""FastSurfer (Henschel et al., NeuroImage 219:117012, 2020), where it is installed, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ..engine.report import Progress, Reporter
from ..errors import Cancelled, InputError
from ..volume import Volume, write_volume

_SCRIPT = "run_fastsurfer.sh"
_LOOK_S = 0.1
_EXPECTED_S = 2 * 3600.0  # of segmentation and surfaces, on a CPU


def find_fastsurfer() -> Path:
    """The script that runs it: in ``FASTSURFER_HOME``, else on the path.

    Raises:
        InputError: it is not installed.
    """
    home = os.environ.get("FASTSURFER_HOME")
    if home and (Path(home) / _SCRIPT).is_file():
        return Path(home) / _SCRIPT
    if found := shutil.which(_SCRIPT):
        return Path(found)
    raise InputError(
        f"FastSurfer was not found; put {_SCRIPT} on the path or set FASTSURFER_HOME to its folder, or "
        "choose the method direct."
    )


def run_fastsurfer(
    scan: Volume,
    subjects: Path,
    name: str,
    device: str,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Path:
    """Segment a T1-weighted scan and make its surfaces; returns the folder of the subject.

    Args:
        scan: T1-weighted, whole head, about 1 mm.
        subjects: folder for the subject.
        name: of the subject.
        device: "auto", "cpu", "cuda" or "mps".
        progress: is told how long it may still take.
        cancel: asked ten times a second; its processes end then.

    Raises:
        InputError: FastSurfer is missing or failed.
        Cancelled: ``cancel`` said so.
    """
    script = find_fastsurfer()
    subjects.mkdir(parents=True, exist_ok=True)
    image, log = subjects / f"{name}.nii.gz", subjects / f"{name}.log"
    write_volume(scan, image)
    command = [str(script), "--t1", str(image), "--sid", name, "--sd", str(subjects), "--device", device]
    if license_file := os.environ.get("FS_LICENSE"):
        command += ["--fs_license", license_file]
    report, started = Reporter(progress, cancel), time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while process.poll() is None:
                passed = time.monotonic() - started
                report.at("FastSurfer, which takes hours", min(0.95, passed / _EXPECTED_S))
                time.sleep(_LOOK_S)
        except Cancelled:
            _end(process)
            shutil.rmtree(subjects / name, ignore_errors=True)
            for leftover in (image, log):
                leftover.unlink(missing_ok=True)
            raise
        finally:
            _end(process)
    folder = subjects / name
    if process.returncode != 0 or not (folder / "surf").is_dir():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {process.returncode}"
        raise InputError(f"FastSurfer failed on {scan.name}: {reason.rstrip('.')}; its log is {log}.")
    return folder


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the script and all that it has started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, 9)
        else:
            process.kill()
        process.wait()
