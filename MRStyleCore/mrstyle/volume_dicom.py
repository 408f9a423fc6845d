"""DICOM series as images: geometry and parameters through pydicom, pixels through SimpleITK."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
from pydicom.dataset import Dataset

from .acquisition import Acquisition
from .acquisition_dicom import read_series
from .dicom_headers import is_enhanced, read_series_headers
from .errors import InputError
from .volume_files import quiet

_PARALLEL = 1e-3
_REGULAR = 0.05


@dataclass(frozen=True)
class _Slice:
    """One image plane of a DICOM series; lengths in LPS mm."""

    file: Path
    frame: int
    position: np.ndarray
    orientation: np.ndarray
    pixel_spacing: tuple[float, float]
    shape: tuple[int, int]
    rescale: tuple[float, float]

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.orientation[:3], self.orientation[3:])


@quiet()
def read_dicom(path: Path) -> tuple[sitk.Image, str, Acquisition]:
    """The one series in a folder (or the one multi-frame file), its name and how it was taken.

    The grid comes from the tags: the step between slices is that of their positions, not their thickness.

    Raises:
        InputError: no image, several series, another modality, several images at one position, or slices that are
            missing, irregular or not parallel, or a parameter that is not usable; the message says which.
    """
    headers = read_series_headers(path)
    try:
        slices = [plane for file, header in headers for plane in _slices(file, header)]
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} has DICOM images without usable position, orientation or spacing."
        ) from error
    normal = slices[0].normal
    slices.sort(key=lambda plane: float(plane.position @ normal))
    _check_stack(path, slices)
    try:
        image = (
            _read_frames(slices) if any(is_enhanced(header) for _, header in headers) else _read_files(slices)
        )
    except (RuntimeError, OSError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"The pixels of {path} cannot be read; the files are damaged or compressed in an unknown way."
        ) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{path} holds color images; MRStyle takes one 3D volume of gray values.")
    _place(image, slices)
    name = str(headers[0][1].get("SeriesDescription") or path.stem)
    return image, name, read_series(path, headers).acquisition


def _place(image: sitk.Image, slices: list[_Slice]) -> None:
    """Put the image where its slices are."""
    first, last = slices[0], slices[-1]
    step = (last.position - first.position) / (len(slices) - 1)
    spacing = (first.pixel_spacing[1], first.pixel_spacing[0], float(np.linalg.norm(step)))
    axes = np.column_stack([first.orientation[:3], first.orientation[3:], step / spacing[2]])
    image.SetSpacing(spacing)
    image.SetOrigin(first.position.tolist())
    image.SetDirection(axes.ravel().tolist())


def _slices(file: Path, header: Dataset) -> list[_Slice]:
    """The planes of one DICOM file."""
    shape = (int(header.Rows), int(header.Columns))
    if not is_enhanced(header):
        geometry = header.ImagePositionPatient, header.ImageOrientationPatient, header.PixelSpacing
        return [_slice(file, 0, shape, geometry, (1.0, 0.0))]
    shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]

    def group(frame: Dataset, name: str) -> Dataset:
        return (frame.get(name) or shared[0].get(name) or [Dataset()])[0]

    slices = []
    for index, frame in enumerate(header.PerFrameFunctionalGroupsSequence):
        scaling = group(frame, "PixelValueTransformationSequence")
        geometry = (
            group(frame, "PlanePositionSequence").ImagePositionPatient,
            group(frame, "PlaneOrientationSequence").ImageOrientationPatient,
            group(frame, "PixelMeasuresSequence").PixelSpacing,
        )
        rescale = (float(scaling.get("RescaleSlope", 1)), float(scaling.get("RescaleIntercept", 0)))
        slices.append(_slice(file, index, shape, geometry, rescale))
    return slices


def _slice(
    file: Path,
    frame: int,
    shape: tuple[int, int],
    geometry: tuple[Any, Any, Any],
    rescale: tuple[float, float],
) -> _Slice:
    position, orientation, spacing = (np.array(values, dtype=float) for values in geometry)
    if (position.shape, orientation.shape, spacing.shape) != ((3,), (6,), (2,)):
        raise ValueError("wrong number of values")
    return _Slice(file, frame, position, orientation, (spacing[0], spacing[1]), shape, rescale)


def _check_stack(path: Path, slices: list[_Slice]) -> None:
    """Refuse what is not a regular stack of parallel slices."""
    first = slices[0]
    if len(slices) == 1:
        raise InputError(f"{path} is a single slice; choose the folder with all slices of the series.")
    for plane in slices:
        if plane.shape != first.shape or not np.allclose(plane.pixel_spacing, first.pixel_spacing, rtol=1e-4):
            raise InputError(f"{path} has slices of different size; keep those of one volume.")
        if not np.allclose(plane.orientation, first.orientation, atol=_PARALLEL):
            raise InputError(
                f"{path} has slices that are not parallel (a localizer?); keep those of one volume."
            )
    heights = [float(plane.position @ first.normal) for plane in slices]
    gaps = np.diff(heights)
    typical = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    if min(gaps) < _REGULAR * max(gaps):
        raise InputError(
            f"{path} has several images at one slice position (echoes, times, copies); keep one of each."
        )
    worst = int(np.argmax(np.abs(gaps - typical)))
    if abs(gaps[worst] - typical) > _REGULAR * typical:
        raise InputError(
            f"{path} has a slice missing or irregular spacing: {gaps[worst]:.4g} mm after "
            f"{slices[worst].file.name}, elsewhere {typical:.4g} mm; export the whole series again."
        )


def _read_files(slices: list[_Slice]) -> sitk.Image:
    """Pixels of single-frame files, rescaled file by file."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetOutputPixelType(sitk.sitkFloat32)
    reader.SetFileNames([str(plane.file) for plane in slices])
    return reader.Execute()


def _read_frames(slices: list[_Slice]) -> sitk.Image:
    """Pixels of enhanced files; SimpleITK would give every frame the rescale slope of the first one."""
    pixels = {file: pydicom.dcmread(file).pixel_array for file in {plane.file for plane in slices}}
    planes = []
    for plane in slices:
        slope, intercept = plane.rescale
        frame = pixels[plane.file].reshape(-1, *plane.shape)[plane.frame]
        planes.append(frame.astype(np.float32) * np.float32(slope) + np.float32(intercept))
    return sitk.GetImageFromArray(np.stack(planes))
