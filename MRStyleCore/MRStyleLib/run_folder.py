"""The temporary folder of one run: inputs on their way to the worker, results on their way back."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import slicer

_PREFIX = "mrstyle-"
_DAY_S = 24 * 3600


class RunFolder:
    """A new folder under Slicer's temporary folder; its name is short, because Windows limits the length of paths.

    Raises:
        OSError: Slicer's temporary folder is full or cannot be written to.
    """

    def __init__(self) -> None:
        place = Path(slicer.app.temporaryPath)
        place.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))

    def remove(self) -> None:
        """Remove it with all that is in it; what Windows still holds open is left to `sweep`."""
        shutil.rmtree(self.path, ignore_errors=True)


def sweep() -> None:
    """Remove run folders that a crashed session left: those in which nothing was made for a day."""
    with suppress(OSError):
        for folder in Path(slicer.app.temporaryPath).glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if not folder.is_symlink() and time.time() - folder.stat().st_mtime > _DAY_S:
                    shutil.rmtree(folder, ignore_errors=True)
