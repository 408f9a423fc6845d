"""How the worker is asked to stop, and what it then cleans up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .errors import Cancelled
from .outputs import Outputs
from .worker_lines import Sender

GRACE_S = 1.0


@dataclass
class Cancel:
    """Whether the other end of standard input was closed, and what is then cleaned up."""

    sender: Sender
    asked: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    outputs: Outputs | None = None

    def check(self) -> None:
        """Raise Cancelled if it was."""
        if self.asked.is_set():
            raise Cancelled

    @contextmanager
    def staged(self, outputs: Outputs) -> Iterator[Callable[[Path], Path]]:
        """As ``outputs.staged()``, but a cancel ends it before each file and before they are put in their places.

        From now on, these outputs are what a cancel cleans up.
        """
        self.outputs = outputs
        with outputs.staged() as place:

            def place_next(target: Path) -> Path:
                self.check()
                return place(target)

            yield place_next
            self.check()

    def watch(self, descriptor: int) -> None:
        """Wait for the end of standard input; end the process where the work does not end by itself."""
        # Not through sys.stdin: a daemon thread inside its buffer would abort the interpreter's exit.
        with suppress(OSError):
            while os.read(descriptor, 4096):
                pass
        self.asked.set()
        # A call of a library, such as reading a large file, can take longer than a user waits.
        if not self.ended.wait(GRACE_S):
            if self.outputs is not None:
                self.outputs.discard()
            os._exit(self.sender.failure(Cancelled()))
