"""Where the worker process runs: Slicer's own Python, outside of the application."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from . import settings


def package_folder() -> Path:
    """The folder that holds the packages MRStyleLib and mrstyle."""
    return Path(__file__).resolve().parents[1]


def python_executable() -> str:
    """The path of PythonSlicer.

    Raises:
        RuntimeError: this Slicer has none.
    """
    beside = Path(slicer.app.slicerHome) / "bin"
    found = shutil.which("PythonSlicer") or shutil.which("PythonSlicer", path=str(beside))
    if found is None:
        raise RuntimeError(
            _("MRStyle cannot start, because PythonSlicer is not in {folder}; install Slicer again.").format(
                folder=beside
            )
        )
    return found


def worker_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of the worker, made from ``base`` (by default, those of the application)."""
    environment = dict(os.environ if base is None else base)
    paths = [str(package_folder()), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["PYTHONIOENCODING"] = "utf-8"
    environment["PYTHONNOUSERSITE"] = "1"
    environment["OMP_NUM_THREADS"] = str(_threads(environment.get("OMP_NUM_THREADS", "")))
    environment["MRSTYLE_MODELS"] = str(settings.model_folder())
    return environment


def trainer_folder() -> Path:
    """The folder that holds the package mrstyle_trainer: beside the others when installed, else the checkout's."""
    beside = package_folder()
    return beside if (beside / "mrstyle_trainer").is_dir() else beside.parent / "trainer"


def trainer_environment() -> dict[str, str]:
    """The environment variables of the trainer."""
    environment = worker_environment()
    environment["PYTHONPATH"] = os.pathsep.join((environment["PYTHONPATH"], str(trainer_folder())))
    return environment


def _threads(limit: str) -> int:
    """One core stays free, so that the application answers; a lower limit of the user holds."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    free = max(1, cores - 1)
    return min(free, int(limit)) if limit.isdecimal() and int(limit) > 0 else free
