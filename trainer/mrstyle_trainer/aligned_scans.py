"""Aligned scans with their sequences, read from a folder as BIDS lays it out: sub-01/[ses-01/]anat/sub-01_T1w.nii.gz."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrstyle.acquisition import Acquisition, label, missing, required
from mrstyle.acquisition_origin import read_acquisition
from mrstyle.engine.prepared import Prepared
from mrstyle.engine.slices import slice_axes
from mrstyle.errors import InputError
from mrstyle.files import sidecar_path
from mrstyle.presets import PRESETS, preset_acquisition
from mrstyle.sequence_range import SequenceRange
from mrstyle.volume import read_volume

from .config import AlignedData, Part

_MINIMUM_SIZE = 32
_MARGIN_MM = 8.0
_USEFUL_SHARE = 0.05
_GREATEST = 100.0  # in units of the 99.5th percentile: what half precision holds, and no tissue reaches
_NO_IMAGES = ("mask", "defacemask", "dseg", "probseg")
_KEYS = {
    "family": "ScanningSequence",
    "repetition_time_ms": "RepetitionTime (in seconds)",
    "echo_time_ms": "EchoTime (in seconds)",
    "inversion_time_ms": "InversionTime (in seconds)",
    "flip_angle_deg": "FlipAngle (in degrees)",
}


@dataclass(frozen=True)
class Scan:
    """A scan and its complete acquisition."""

    path: Path
    acquisition: Acquisition


@dataclass(frozen=True)
class Visit:
    """The scans of one subject in one session, on one grid, ready to be cut into slices.

    Attributes:
        acquisitions: of each scan, complete.
        images: float16 (scans, k, j, i), canonical, air 0, the 99.5th percentile of the patient 1, cut to the patient.
        mask: bool (k, j, i), the patient.
        spacing_kji_mm: of the voxels.
        axes: along which inference would cut slices.
        slices: along each axis, the places of those that show enough of the patient.
    """

    acquisitions: tuple[Acquisition, ...]
    images: Tensor
    mask: Tensor
    spacing_kji_mm: tuple[float, float, float]
    axes: tuple[int, ...]
    slices: tuple[list[int], ...]


def find_scans(data: AlignedData, part: Part) -> list[list[Scan]]:
    """The scans of each visit of the subjects of ``part``, without their voxels.

    Masks are passed over, and so are scans with a contrast agent, which no sequence parameter describes, and visits with
    one contrast alone, as long as the subject has others.

    Raises:
        InputError: a subject is missing or has fewer than two contrasts, or a sequence parameter is not known.
    """
    folder = Path(data.folder)
    visits: list[list[Scan]] = []
    for subject in data.training if part == "training" else data.validation:
        if not (folder / subject).is_dir():
            raise InputError(f"There is no folder {subject} in {folder}; check data.folder and data.{part}.")
        found, usable = _visits(folder / subject, data.suffixes)
        if not usable:
            names = ", ".join(scan.path.name for scans in found for scan in scans) or "none"
            raise InputError(
                f"{folder / subject} has fewer than two different contrasts in a folder anat ({names}); give each subject "
                "two or more, or take it out of the configuration."
            )
        visits += usable
    return visits


def subjects_with_contrasts(folder: Path) -> list[str]:
    """The subjects of a BIDS folder who have two or more different contrasts in a session.

    Raises:
        InputError: a sequence parameter of a scan is not known.
    """
    return [path.name for path in sorted(folder.glob("sub-*")) if path.is_dir() and _visits(path, ())[1]]


def read_visits(data: AlignedData, part: Part) -> list[Visit]:
    """The visits of the subjects of ``part``, with their voxels.

    Raises:
        InputError: as `find_scans`, or a scan is not usable or not on the grid of the others.
    """
    return [_visit(scans) for scans in find_scans(data, part)]


def seen_in(visits: list[list[Scan]]) -> list[SequenceRange]:
    """What a model sees that is trained on these scans: by kind of sequence, the range of each parameter."""
    kinds: dict[str, list[Acquisition]] = {}
    for acquisition in (scan.acquisition for scans in visits for scan in scans):
        kinds.setdefault(nearest_preset(acquisition), []).append(acquisition)
    ranges = []
    for kind, acquisitions in kinds.items():
        family: Any = acquisitions[0].family  # one of those that a range knows
        limits = {}
        for name in required(family):
            values = [getattr(acquisition, name) for acquisition in acquisitions]
            limits[name] = (min(values), max(values))
        ranges.append(SequenceRange(kind, family, **limits))
    return ranges


def nearest_preset(acquisition: Acquisition) -> str:
    """Name of the preset of the same family whose parameters are the nearest, by their ratios."""

    def distance(name: str) -> float:
        usual = preset_acquisition(name, acquisition.field_strength_t or 3.0)
        if usual.family is None or usual.family != acquisition.family:
            return math.inf
        ratios = (getattr(acquisition, each) / getattr(usual, each) for each in required(usual.family))
        return math.fsum(abs(math.log(ratio)) for ratio in ratios)

    return min(PRESETS, key=distance)


def dataset_entry(path: str) -> dict[str, Any]:
    """What a model card says about the folder: its own description (BIDS) where it has one, else its name."""
    folder = Path(path).resolve()
    try:
        described = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
        described = described if isinstance(described, dict) else {}
    except (OSError, ValueError):
        described = {}
    name = str(described.get("Name") or folder.name)
    return {
        "name": name,
        "license": str(described.get("License") or "not stated"),
        "source": str(described.get("DatasetDOI") or f"local folder {folder.name}"),
        "citation": str(described.get("HowToAcknowledge") or ""),
        "simulated": False,
    }


def _visits(subject: Path, suffixes: tuple[str, ...]) -> tuple[list[list[Scan]], list[list[Scan]]]:
    """The scans of each visit of a subject: all, and those visits that have two or more contrasts."""
    found = [
        [scan for path in sorted(place.iterdir()) if (scan := _scan(path, suffixes))]
        for place in [subject / "anat", *sorted(subject.glob("ses-*/anat"))]
        if place.is_dir()
    ]
    return found, [scans for scans in found if len({scan.acquisition for scan in scans}) > 1]


def _scan(path: Path, suffixes: tuple[str, ...]) -> Scan | None:
    """The scan in a file, unless the file is something else or is not to be used."""
    if not path.name.endswith((".nii.gz", ".nii")):
        return None
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    suffix = stem.split("_")[-1]
    if suffix in _NO_IMAGES or "_ce-" in stem or (suffixes and suffix not in suffixes):
        return None
    acquisition = read_acquisition(path).acquisition
    if acquisition.contrast_agent:
        return None
    if names := missing(acquisition):
        words, keys = " and ".join(map(label, names)), " and ".join(_KEYS[name] for name in names)
        raise InputError(
            f"The scan {path} lacks its {words}; write {keys} into {sidecar_path(path).name} beside it, or list in "
            "data.suffixes only the contrasts to train on."
        )
    return Scan(path, acquisition)


def _visit(scans: list[Scan]) -> Visit:
    first = read_volume(scans[0].path)
    images: list[np.ndarray] = []
    mask = np.zeros(0, bool)
    for scan in scans:
        volume = read_volume(scan.path)
        if not volume.has_grid_of(first):
            raise InputError(
                f"{scan.path} is not on the grid of {scans[0].path.name}; register and resample all scans of a subject "
                "to one of them first (the same size, spacing, orientation and origin)."
            )
        prepared = Prepared.of(volume, _MINIMUM_SIZE)
        mask = mask | prepared.mask if images else prepared.mask
        images.append(prepared.array)
    spacing = prepared.spacing_kji_mm
    box = tuple(_extent(mask, axis, round(_MARGIN_MM / spacing[axis])) for axis in range(3))
    stack = np.stack([image[box].clip(-_GREATEST, _GREATEST).astype(np.float16) for image in images])
    mask = mask[box]
    return Visit(
        tuple(scan.acquisition for scan in scans),
        torch.from_numpy(stack),
        torch.from_numpy(mask.copy()),
        spacing,
        slice_axes(spacing, spacing),
        tuple(_useful_slices(mask, axis) for axis in range(3)),
    )


def _extent(mask: np.ndarray, axis: int, margin: int) -> slice:
    inside = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
    return slice(max(0, int(inside[0]) - margin), int(inside[-1]) + 1 + margin)


def _useful_slices(mask: np.ndarray, axis: int) -> list[int]:
    counts = mask.sum(axis=tuple({0, 1, 2} - {axis}))
    return np.flatnonzero(counts > _USEFUL_SHARE * counts.max()).tolist()
