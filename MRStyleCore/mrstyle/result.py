"""What inference gives back."""

from __future__ import annotations

from dataclasses import dataclass

from .history import History
from .volume import Volume


@dataclass(frozen=True)
class Result:
    """An image on the content's grid in the target's intensities, its uncertainty in the same unit, and their history.

    ``notes`` are sentences for the user: the device, every step down when memory ran out, and what to be careful about.
    """

    image: Volume
    uncertainty: Volume | None
    history: History
    notes: list[str]
