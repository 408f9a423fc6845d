"""The phantom of the tutorial in Slicer's Sample Data module: one digital head, and its real T2-weighted image."""

from __future__ import annotations

from pathlib import Path

from MRStyleLib.sample_data import load, register

_NAMES = ("MRStyleHead_T1w", "MRStyleHead_T2w")


def register_sample_data(resources: Path) -> None:
    """List the head under Sample Data."""
    register(resources / "SampleData", "MRStyleHead", _NAMES)


def load_head(resources: Path) -> list:
    """Load two sequences of one digital head on one grid; the sidecar beside each file says how it was taken.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    return load(resources / "SampleData", _NAMES)
