"""The phantom pair of the tutorial in Slicer's Sample Data module."""

from __future__ import annotations

from pathlib import Path

from MRStyleLib.sample_data import load, register

_NAMES = ("MRStylePhantom_T1w", "MRStylePhantom_T2w")


def register_sample_data(resources: Path) -> None:
    """List the pair under Sample Data."""
    register(resources / "SampleData", "MRStylePhantomPair", _NAMES)


def load_phantom_pair(resources: Path) -> list:
    """Load a T1-weighted and a T2-weighted volume of two digital heads.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    return load(resources / "SampleData", _NAMES)
