"""Progress of a translation, and the place where a cancel is noticed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """How far a translation is: a stage, 0..1 of the whole, seconds left once known, something to tell the user."""

    stage: str
    fraction: float
    remaining_s: float | None = None
    message: str | None = None


@dataclass
class Reporter:
    """Passes on progress with the time left, collects notes, and raises when the user canceled."""

    progress: Callable[[Progress], None] | None
    cancel: Callable[[], bool] | None
    notes: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def at(self, stage: str, fraction: float) -> None:
        """The run is at this stage and fraction.

        Raises:
            Cancelled: the user asked to stop.
        """
        if self.cancel is not None and self.cancel():
            raise Cancelled
        if self.progress is not None:
            elapsed_s = time.monotonic() - self.started
            remaining_s = elapsed_s * (1 - fraction) / fraction if fraction > 0.05 else None
            self.progress(Progress(stage, fraction, remaining_s))

    def tell(self, message: str) -> None:
        """Note something that the user should know."""
        self.notes.append(message)
        if self.progress is not None:
            self.progress(Progress("note", 0.0, message=message))
