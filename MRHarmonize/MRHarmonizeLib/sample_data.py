"""The heads of the tutorial in Slicer's Sample Data module: two digital people, each scanned at another simulated site."""

from __future__ import annotations

from pathlib import Path

from MRStyleLib.sample_data import load, register

_NAMES = ("MRStyleSite_SurfaceCoil_T1w", "MRStyleSite_SPGR_T1w")


def register_sample_data(resources: Path) -> None:
    """List the heads under Sample Data."""
    register(resources / "SampleData", "MRStyleSites", _NAMES)


def load_sites(resources: Path) -> list:
    """Load both heads: one with the shading of a surface coil at 3 T, one of a spoiled gradient echo at 1.5 T.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    return load(resources / "SampleData", _NAMES)
