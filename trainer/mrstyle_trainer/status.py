"""RUN/status.json: where a training stands, for programs that watch it or find it again later."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from mrstyle.errors import InputError, MRStyleError
from mrstyle.files import atomic_path

STATUS = "status.json"
STOP = "stop"
State = Literal["running", "finished", "interrupted", "failed"]
_EVERY_S = 1.0


class Status:
    """Writes the status of one run, whole or not at all, and when entered, tells how it ended if that was an error.

    Its fields: state, pid, step, steps, started and updated (UTC, ISO 8601), seconds_left (null while unknown),
    best_psnr_db (null before the first validation, or where another score counts), score ({name, unit, best} of
    whichever counts), message (for people). Only the first process of several is ``active``.
    """

    def __init__(self, folder: Path, steps: int, active: bool) -> None:
        self.path, self.active = folder / STATUS, active
        self.written_s = -_EVERY_S
        self.fields: dict[str, Any] = {
            "state": "running",
            "pid": os.getpid(),
            "step": 0,
            "steps": steps,
            "started": _now(),
            "updated": _now(),
            "seconds_left": None,
            "best_psnr_db": None,
            "score": None,
            "message": "",
        }

    def __enter__(self) -> Status:
        self.tell(message="Reading the data.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.tell(state="interrupted", seconds_left=None, message="Stopped.")
        elif error is not None:
            words = str(error) if isinstance(error, MRStyleError) else f"{type(error).__name__}: {error}"
            self.tell(state="failed", seconds_left=None, message=words)

    def tell(self, **fields: Any) -> None:
        """Change fields and write them now."""
        self.fields |= fields
        if self.active:
            self.fields["updated"] = _now()
            self.written_s = time.monotonic()
            with atomic_path(self.path) as path:
                path.write_text(json.dumps(self.fields, indent=2) + "\n", encoding="utf-8")

    def note(self, **fields: Any) -> None:
        """Change fields; they are written about once a second."""
        self.fields |= fields
        if time.monotonic() - self.written_s >= _EVERY_S:
            self.tell()


def ask_to_stop(run: Path) -> None:
    """Ask the training in ``run`` to save after its current step and to end.

    Raises:
        InputError: none is running there.
    """
    try:
        state = json.loads((run / STATUS).read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run} is not the folder of a training; check the path.") from error
    if state != "running":
        raise InputError(f"The training in {run} is not running ({state}), so there is nothing to stop.")
    with atomic_path(run / STOP):
        pass


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
