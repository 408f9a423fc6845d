"""The heads of the tutorial in Slicer's Sample Data module: two digital people, each scanned at another simulated site.

MRStyleLib is imported late: when Slicer asks for the description of the panel, it may not have found that folder yet.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "SampleData"
_NAMES = ("MRStyleSite_SurfaceCoil_T1w", "MRStyleSite_SPGR_T1w")


def register_sample_data() -> None:
    """List the heads under Sample Data."""
    from MRStyleLib.sample_data import register

    register(_FOLDER, "MRStyleSites", _NAMES)


def load_sites() -> list:
    """Load both heads: one with the shading of a surface coil at 3 T, one of a spoiled gradient echo at 1.5 T.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    from MRStyleLib.sample_data import load

    return load(_FOLDER, _NAMES)
