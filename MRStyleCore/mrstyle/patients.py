"""Whether scans say that they are of one patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_BIDS_SUBJECT = re.compile(r"^sub-([a-zA-Z0-9]+)")


def patients_note(paths: Sequence[Path]) -> str | None:
    """A sentence for the user where DICOM headers or BIDS names tell of different patients; it does not say their names."""
    known = {path: patient for path in paths if (patient := _patient(path)) is not None}
    kinds = {kind for kind, _ in known.values()}
    if len(kinds) != 1 or len(set(known.values())) == 1:
        return None
    what = "DICOM patient IDs" if kinds == {"DICOM"} else "BIDS subjects"
    names = ", ".join(path.name for path in known)
    return f"{names} have different {what}; check that they are of one patient."


def _patient(path: Path) -> tuple[str, str] | None:
    """Which kind of label it is, and the label."""
    if path.is_dir() or path.suffix.lower() == ".dcm":
        return _dicom_patient(path)
    subject = _BIDS_SUBJECT.search(path.name)
    return ("BIDS", subject[1]) if subject else None


def _dicom_patient(path: Path) -> tuple[str, str] | None:
    import pydicom
    from pydicom.errors import InvalidDicomError

    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"])
        except (InvalidDicomError, OSError, EOFError, ValueError, NotImplementedError):
            continue
        label = str(header.get("PatientID") or "").strip()
        return ("DICOM", label) if label else None
    return None
