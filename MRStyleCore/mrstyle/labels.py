"""Labels that a person drew: their values, the names of these, and the file as it is, to be copied byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from . import volume_files
from .errors import InputError
from .files import suffix_of
from .participants import read_rows
from .volume import Volume, read_label_map, resample_labels_like

BACKGROUND = "background"
_LARGEST = np.iinfo(np.uint16).max


@dataclass(frozen=True, eq=False)
class Labels:
    """A label map.

    Attributes:
        volume: whole numbers, 0 is background.
        names: of the values but 0; of all that occur, perhaps of more.
        nifti: a .nii.gz file of them: the bytes of their own file where that is one, else made of it.
        file: the name of their own file.
        sha256: of that file.
        origin: how ``nifti`` came from it.
    """

    volume: Volume
    names: dict[int, str]
    nifti: bytes
    file: str
    sha256: str
    origin: str

    def record(self) -> dict[str, Any]:
        """What is kept of them in the sidecar of an image."""
        written = hashlib.sha256(self.nifti).hexdigest()
        return {
            "file": self.file,
            "sha256": self.sha256,
            "written": self.origin,
            "written_sha256": written,
            "names": {str(value): name for value, name in self.names.items()},
        }


def read_labels(path: str | Path, names: Mapping[int, str] | None = None) -> Labels:
    """Read a label map: NIfTI, NRRD (a segmentation of 3D Slicer, too), MetaImage or MGH.

    Args:
        path: the file.
        names: of the values. None takes those in the header (3D Slicer) or of the table beside the file that BIDS has
            (``…_dseg.tsv``); else value 2 is called "label_2".

    Raises:
        InputError: it is no label map (`read_label_map`), its segments overlap, or a value has no name in ``names``.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if path.is_dir() or (path.exists() and suffix not in volume_files.SUFFIXES):
        raise InputError(
            f"The labels {path} are not of a format that MRStyle reads; use {', '.join(volume_files.SUFFIXES)}."
        )
    found_names: Mapping[int, str] = {}
    if path.is_file() and suffix in volume_files.ITK_FORMATS:
        header, layers = volume_files.read_itk_header(path, suffix)
        found_names = _segment_names(header)
        if layers > 1 and found_names:
            raise InputError(
                f"The segmentation {path} has segments that overlap ({layers} layers); in 3D Slicer, export it as a label map."
            )
    volume = read_label_map(path)
    table = path.with_name(f"{path.name[: -len(suffix)]}.tsv")
    if names is None and not found_names and table.is_file():
        names = read_label_names(table)
    values = [int(value) for value in np.unique(volume.array) if value]
    if values[-1] > _LARGEST:
        raise InputError(
            f"The labels {path} have the value {values[-1]}; values up to {_LARGEST} can be used."
        )
    named = names if names is not None else found_names
    check_names(named, f"The labels {path}")
    if missing := [value for value in values if named and value not in named]:
        raise InputError(
            f"The labels {path} have the value {missing[0]}, which has no name; add it to the table."
        )
    content = path.read_bytes()
    nifti, origin = _as_nifti(volume, content, suffix)
    return Labels(
        volume,
        {value: name for value, name in sorted(named.items()) if value}
        or {value: f"label_{value}" for value in values},
        nifti,
        path.name,
        hashlib.sha256(content).hexdigest(),
        origin,
    )


def read_label_names(path: str | Path) -> dict[int, str]:
    """The names of label values from a table as BIDS has it: tab-separated, with columns ``index`` and ``name``.

    Raises:
        InputError: it cannot be read, or a row has no whole number, no name, or one that an earlier row has.
    """
    rows = read_rows(path)
    if not rows or not {"index", "name"} <= rows[0].keys():
        raise InputError(
            f"{path} has no columns index and name, or no rows; write a row for each label value."
        )
    names: dict[int, str] = {}
    for row in rows:
        index, name = (row["index"] or "").strip(), (row["name"] or "").strip()
        if not index.isdigit() or not name:
            raise InputError(f"{path} has a row with the index {index!r} and the name {name!r}; give both.")
        names[int(index)] = name
    check_names(names, f"The rows of {path}")
    if len(names) < len(rows):
        raise InputError(f"{path} names a value twice; keep one row for each.")
    return names


def check_names(names: Mapping[int, str], where: str) -> None:
    """Refuse names that would not tell labels apart.

    Raises:
        InputError: two values have one name, or a value that is not 0 is called background.
    """
    known = {0: BACKGROUND} | {value: name for value, name in sorted(names.items()) if value}
    by_name: dict[str, int] = {}
    for value, name in known.items():
        first = by_name.setdefault(name, value)
        if first != value:
            raise InputError(
                f"{where} call the values {first} and {value} both {name!r}; rename one of them."
            )


def on_grid(labels: Labels, grid: Volume, image: str, *, resample: bool) -> Labels:
    """Labels that are on the grid of an image: as they are, or else, if that is wanted, resampled to it.

    Args:
        labels: what was drawn.
        grid: a volume of the image's grid.
        image: what the image is called in a message.
        resample: take for each voxel the nearest one of the labels, where the grids differ.

    Raises:
        InputError: the grids differ and ``resample`` is False, or nothing of the labels lies in the image.
    """
    if labels.volume.has_grid_of(grid):
        return labels
    if not resample:
        mine, others = (" x ".join(map(str, each.shape[::-1])) for each in (labels.volume, grid))
        differ = f"({mine} and {others} voxels)" if mine != others else "(they differ in place or voxel size)"
        raise InputError(
            f"The labels {labels.file} are on another grid than {image} {differ}; draw them on it, or add --resample-labels "
            "to take the nearest voxel."
        )
    volume = resample_labels_like(labels.volume, grid)
    if not volume.array.any():
        raise InputError(f"The labels {labels.file} lie outside of {image}; check that they belong together.")
    origin = f"resampled to the grid of {image} by nearest neighbor"
    return replace(labels, volume=volume, nifti=_nifti(volume), origin=origin)


def _segment_names(header: Mapping[str, str]) -> dict[int, str]:
    """Of a segmentation of 3D Slicer."""
    segments = (re.fullmatch(r"(Segment\d+)_LabelValue", key) for key in header)
    named = {int(header[each[0]]): header.get(f"{each[1]}_Name", each[1]) for each in segments if each}
    return dict(sorted(named.items()))


def _as_nifti(volume: Volume, content: bytes, suffix: str) -> tuple[bytes, str]:
    if suffix == ".nii.gz":
        return content, "copied byte for byte"
    if suffix == ".nii":
        return gzip.compress(content, mtime=0), "compressed"
    return _nifti(volume), "written as NIfTI, voxel for voxel"


def _nifti(volume: Volume) -> bytes:
    """A .nii.gz file, always the same for the same labels."""
    kind = np.uint8 if volume.array.max() <= np.iinfo(np.uint8).max else np.uint16
    image = nib.Nifti1Image(volume.array.astype(kind).T, volume.affine)
    image.set_sform(volume.affine, code="scanner")
    image.set_qform(volume.affine, code="scanner")
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), mtime=0)
