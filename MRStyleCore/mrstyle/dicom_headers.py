"""Headers of the DICOM images of one series, without their pixels."""

from __future__ import annotations

import warnings
from collections import defaultdict
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from .errors import InputError


def read_series_headers(path: Path) -> list[tuple[Path, Dataset]]:
    """Headers of the one MR series in a folder (or of one file), by file name; other files are passed over.

    Raises:
        InputError: no image, several series, or one of another modality; the message names them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vendors break rules that do not matter here
        headers = _one_series(path, _read_headers(path))
    for file, header in headers:
        modality = str(header.get("Modality") or "MR").strip().upper()
        if modality != "MR":
            raise InputError(f"{file} is an image of modality {modality}, not MR; choose an MR series.")
    return headers


def is_enhanced(header: Dataset) -> bool:
    """Whether the file has many frames, each with its own place."""
    return "PerFrameFunctionalGroupsSequence" in header and "ImagePositionPatient" not in header


def _read_headers(path: Path) -> list[tuple[Path, Dataset]]:
    headers: list[tuple[Path, Dataset]] = []
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError, ValueError, NotImplementedError):
            continue
        if "Rows" in header:
            headers.append((file, header))
    if not headers:
        raise InputError(f"{path} holds no DICOM images; choose the folder that directly contains them.")
    return headers


def _one_series(path: Path, headers: list[tuple[Path, Dataset]]) -> list[tuple[Path, Dataset]]:
    series = defaultdict(list)
    for file, header in headers:
        series[str(header.get("SeriesInstanceUID"))].append((file, header))
    if len(series) > 1:
        parts = [
            f"{members[0][1].get('SeriesDescription') or 'unnamed'} "
            f"({len(members)} images, {members[0][0].name} to {members[-1][0].name})"
            for members in series.values()
        ]
        raise InputError(
            f"{path} holds {len(series)} DICOM series; put one into a folder of its own: {'; '.join(parts)}."
        )
    return headers
