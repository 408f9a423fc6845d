"""What the tutorials use, in the module Sample Data: a pair of digital heads, and digital kidneys with contrast agent."""

from __future__ import annotations

from pathlib import Path

from MRStyleLib.sample_data import SEQUENCE, load, register

_NAMES = ("MRStylePhantom_T1w", "MRStylePhantom_T2w")
_KIDNEY = "MRStyleKidneyDCE"


def register_sample_data(resources: Path) -> None:
    """List the pair and the series under Sample Data."""
    register(resources / "SampleData", "MRStylePhantomPair", _NAMES)
    register(resources / "SampleData", _KIDNEY, (_KIDNEY,), SEQUENCE)


def load_phantom_pair(resources: Path) -> list:
    """Load a T1-weighted and a T2-weighted volume of two digital heads.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    return load(resources / "SampleData", _NAMES)


def load_kidney(resources: Path):
    """Load a dynamic series of digital kidneys, one coronal slice every 5 s; returns the volume that shows its first frame.

    Raises:
        RuntimeError: the file is missing; the extension must be installed again.
    """
    return load(resources / "SampleData", (_KIDNEY,), SEQUENCE)[0]
