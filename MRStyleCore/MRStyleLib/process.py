"""What `WorkerRun` needs of a process and of the event loop that it lives in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended.

    Args:
        code: the exit code; of one that a signal ended, the number of the signal where the system tells it.
        killed: it was ended from outside, or crashed.
        fault: why it could not be started at all; else empty.
    """

    code: int
    killed: bool = False
    fault: str = ""


class Process(Protocol):
    """A process that tells what happens through three functions, which are set before it is started."""

    on_output: Callable[[bytes], None]
    on_error_output: Callable[[bytes], None]
    on_end: Callable[[ProcessEnd], None]

    def start(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        """Start it in a working folder; whether that worked is told later. The application's end ends it, too."""

    def remember_tree(self) -> None:
        """Note the processes that it has started, so that they are ended with it."""

    def close_input(self) -> None:
        """Close its standard input."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it and all that it started."""

    def wait(self, timeout_s: float) -> None:
        """Wait for its end or for the time to pass; the three functions are called meanwhile."""

    def later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call a function from the event loop, once."""
