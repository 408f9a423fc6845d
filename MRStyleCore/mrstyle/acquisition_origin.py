"""How an image was taken, where each value comes from, and what its file leaves open.

Needs neither torch nor an image library, so that a panel can read what it shows without a worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .acquisition import Acquisition
from .errors import InputError
from .files import sidecar_path

Origin = Literal["DICOM", "sidecar", "entered", "estimated", "preset"]
_ENTER = "enter the sequence parameters, or estimate them from the image"


@dataclass(frozen=True)
class Reading:
    """An acquisition and what is behind it.

    Attributes:
        acquisition: what is known; None where the file leaves it open.
        origins: of each known field of the acquisition, by name.
        notes: sentences for the user about what is open, and why.
    """

    acquisition: Acquisition
    origins: dict[str, Origin]
    notes: tuple[str, ...] = ()


def read_acquisition(path: str | Path) -> Reading:
    """Read how the image in ``path`` was taken.

    Args:
        path: a DICOM file, a folder with one DICOM series, a JSON sidecar, or an image file whose sidecar has the
            same name (``head.nii.gz`` and ``head.json``).

    Raises:
        InputError: the path is missing, holds no MR image or several series, or a value is not usable; the message
            names the file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    if path.is_dir() or _is_dicom(path):
        return _from_dicom(path)
    return _from_sidecar(path, path if path.suffix.lower() == ".json" else sidecar_path(path))


def _is_dicom(path: Path) -> bool:
    from pydicom.misc import is_dicom

    return path.suffix.lower() == ".dcm" or is_dicom(path)


def _from_dicom(path: Path) -> Reading:
    from .acquisition_dicom import read_series
    from .dicom_headers import read_series_headers

    acquisition, notes = read_series(path, read_series_headers(path))
    return Reading(acquisition, _origins(acquisition, "DICOM"), notes)


def _from_sidecar(path: Path, sidecar: Path) -> Reading:
    from .acquisition_bids import load_sidecar, read_sidecar

    if not sidecar.is_file():
        note = f"{path.name} has no sidecar ({sidecar.name}) that says how it was taken; {_ENTER}."
        return Reading(Acquisition(), {}, (note,))
    modality = str(load_sidecar(sidecar).get("Modality") or "MR").strip().upper()
    if modality not in ("MR", "MRI"):
        raise InputError(f"{path} is an image of modality {modality}, not MR; choose an MR volume.")
    acquisition, notes = read_sidecar(sidecar)
    return Reading(acquisition, _origins(acquisition, "sidecar"), notes)


def _origins(acquisition: Acquisition, origin: Origin) -> dict[str, Origin]:
    return {name: origin for name, value in acquisition.as_dict().items() if value is not None}
