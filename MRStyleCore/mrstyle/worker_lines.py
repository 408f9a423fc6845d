"""The lines that the worker writes; `mrstyle.worker` describes them."""

from __future__ import annotations

import json
import math
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, TextIO

from .engine.report import Progress
from .errors import Cancelled, MRStyleError, OutOfMemory

PROGRESS_INTERVAL_S = 0.1
ERROR_CODES = {1: "internal", 2: "bad_input", 3: "cancelled", 4: "out_of_memory", 5: "model_corrupt"}


@dataclass
class Sender:
    """Writes protocol lines."""

    stream: IO[bytes]
    results: int = 0

    def result(self, **fields: Any) -> None:
        """Send a result line."""
        self.results += 1
        self.send("result", **fields)

    def send(self, kind: str, **fields: Any) -> None:
        """Send a line of any kind."""
        line = json.dumps({"type": kind, **fields}, ensure_ascii=True, allow_nan=False)
        # Nobody reads any more when the parent has died; its end of stdin is then closed too, which cancels.
        # The stream is closed where the work ends just as the watching thread ends the process.
        with suppress(OSError, ValueError):
            self.stream.write(line.encode("ascii") + b"\n")

    def failure(self, error: BaseException, **fields: Any) -> int:
        """Send the error line of ``error`` and return its exit code."""
        if isinstance(error, KeyboardInterrupt):
            error = Cancelled()
        elif isinstance(error, MemoryError):
            error = OutOfMemory(
                "The computer ran out of memory; close other programs or choose a smaller volume."
            )
        if isinstance(error, MRStyleError):
            code, message = error.exit_code, str(error)
            if isinstance(error, Cancelled) and self.results:
                message = f"Canceled; what was written before is kept (finished cases: {self.results})."
        else:
            code, message = 1, f"MRStyle failed in a way that it should not: {type(error).__name__}: {error}"
            fields["traceback"] = "".join(traceback.format_exception(error))
        self.send("error", code=ERROR_CODES[code], message=message, **fields)
        return code


@dataclass
class ProgressLines:
    """Turns the progress of one case after the other into lines about the whole job."""

    sender: Sender
    cases: int
    case: int = 0
    started: float = 0.0
    fraction: float = 0.0
    part: tuple[float, float] = (0.0, 1.0)
    last_sent: float = -math.inf
    told: set[str] = field(default_factory=set)

    def start_case(self, number: int) -> None:
        """From here on, progress is that of case ``number``."""
        self.case, self.started, self.fraction, self.part = number, time.monotonic(), 0.0, (0.0, 1.0)
        self.told.clear()

    def __call__(self, progress: Progress) -> None:
        """Send the progress of the current ``part`` (first and last fraction) of the case."""
        if progress.message:
            self.warn(progress.message)
        first, last = self.part
        self.fraction = max(self.fraction, min(first + (last - first) * progress.fraction, 1.0))
        now = time.monotonic()
        if now - self.last_sent < PROGRESS_INTERVAL_S:
            return
        self.last_sent = now
        eta_s = None
        if progress.remaining_s is not None:
            elapsed_s = now - self.started
            whole_case_s = (elapsed_s + progress.remaining_s) / last
            eta_s = round(whole_case_s - elapsed_s + (self.cases - self.case) * whole_case_s, 1)
        overall = (self.case - 1 + self.fraction) / self.cases
        line = {"stage": progress.stage, "fraction": round(overall, 4), "eta_s": eta_s}
        self.sender.send("progress", case=self.case, cases=self.cases, **line)

    def warn(self, message: str) -> None:
        """Tell each message once a case."""
        if message not in self.told:
            self.told.add(message)
            self.sender.send("warning", case=self.case, code="note", message=message)


@contextmanager
def private_stream(stdout: TextIO) -> Iterator[IO[bytes]]:
    """Keep ``stdout`` for the protocol: what Python and C libraries print there goes to standard error."""
    stdout.flush()
    descriptor = stdout.fileno()
    kept = os.dup(descriptor)
    os.dup2(2, descriptor)
    try:
        with os.fdopen(kept, "wb", buffering=0, closefd=False) as stream:
            yield stream
    finally:
        stdout.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
