"""What the output should look like. One class a kind of target."""

from __future__ import annotations

from dataclasses import dataclass

from .acquisition import Acquisition
from .volume import Volume


@dataclass(frozen=True)
class Reference:
    """Look like this volume. It may show another person, on another grid."""

    volume: Volume
    kind = "reference"


Target = Reference | Acquisition
