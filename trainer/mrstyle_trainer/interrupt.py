"""A training that is asked to stop finishes its step and saves, instead of dying within."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType, TracebackType


class Interrupt:
    """While entered, the first Ctrl-C (SIGINT) or SIGTERM, or a file ``stop``, makes ``requested`` true.

    The next Ctrl-C acts as always; the file is removed in the end.
    """

    def __init__(self, stop: Path) -> None:
        self.stop = stop
        self.signaled = False

    @property
    def requested(self) -> bool:
        return self.signaled or self.stop.exists()

    def __enter__(self) -> Interrupt:
        self._previous = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        self.stop.unlink(missing_ok=True)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signaled = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
