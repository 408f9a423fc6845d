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


@dataclass(frozen=True)
class Site:
    """Look as the scans of this site do; models list the sites that they know on their cards."""

    name: str
    kind = "site"


@dataclass(frozen=True)
class Sample:
    """A look drawn at random, the same for the same seed; that of one site where one is named."""

    seed: int
    site: str | None = None
    kind = "sample"


Target = Reference | Acquisition | Site | Sample
