"""Images of each file format: NIfTI and MGH through nibabel, NRRD and MetaImage through SimpleITK, DICOM
through pydicom (geometry, parameters) and SimpleITK (pixels).

nibabel reads NIfTI because it gives the affine as it is stored; ITK builds its own from parts of the header,
and replaces a sheared one without a word.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from .acquisition import Acquisition, from_dicom
from .errors import InputError

ITK_FORMATS = {
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
NIBABEL_FORMATS = {
    ".nii.gz": nib.Nifti1Image,
    ".nii": nib.Nifti1Image,
    ".mgz": nib.MGHImage,
    ".mgh": nib.MGHImage,
}
SUFFIXES = (*NIBABEL_FORMATS, *ITK_FORMATS)
_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
_PARALLEL = 1e-3
_REGULAR = 0.05


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings off standard error: vendors break rules that do not matter here."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def read_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (i, j, k) as float32, scaled as the header says, and the affine (i, j, k) -> RAS mm.

    Raises:
        InputError: the file is damaged, of another format, or not one 3D volume of real numbers.
    """
    try:
        image: Any = nib.load(path)
        dtype = image.get_data_dtype()
        components = 1 if dtype.fields is None else len(dtype.fields)
        _check_layout(path, image.shape, components, dtype.kind == "c")
        affine = _nifti_affine(image) if isinstance(image, nib.Nifti1Image) else image.affine
        array = np.asanyarray(image.dataobj, dtype=np.float32)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged header makes nibabel fail in too many ways to list
        raise _unreadable(path) from error
    return array.reshape(array.shape[:3]), np.asarray(affine, dtype=float)


@_quiet()
def read_itk(path: Path, image_io: str) -> sitk.Image:
    """One scalar 3D image in the format of ``image_io``.

    Raises:
        InputError: the file is damaged, of another format, or not one 3D volume of real numbers.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        is_complex = "complex" in sitk.GetPixelIDValueAsString(reader.GetPixelID())
        _check_layout(path, reader.GetSize(), reader.GetNumberOfComponents(), is_complex)
        image = reader.Execute()
    except RuntimeError as error:
        if "spacing" in str(error):
            raise InputError(f"{path} has a voxel spacing of zero; correct its header.") from error
        raise _unreadable(path) from error
    return image if image.GetDimension() == 3 else image[..., 0]


def write_nibabel(array: np.ndarray, affine: np.ndarray, path: Path, suffix: str) -> None:
    """Write voxels (i, j, k); NIfTI gets the affine as both sform and qform, so all programs agree on it."""
    image = NIBABEL_FORMATS[suffix](array, affine)
    if isinstance(image, nib.Nifti1Image):
        image.set_sform(affine, code="scanner")
        image.set_qform(affine, code="scanner")
        image.header.set_xyzt_units("mm")
    nib.save(image, path)


@_quiet()
def write_itk(image: sitk.Image, path: Path) -> None:
    """Write in the format of the suffix.

    Raises:
        OSError: SimpleITK could not write.
    """
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError as error:
        raise OSError("writing failed; is the disk full?") from error


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


@_quiet()
def read_dicom(path: Path) -> tuple[sitk.Image, str, Acquisition]:
    """The one series in a folder (or the one multi-frame file), its name and how it was taken.

    The grid comes from the tags: the step between slices is that of their positions, not their thickness.

    Raises:
        InputError: no image, several series, several images at one position, or slices that are missing,
            irregular or not parallel, or a parameter that is not usable; the message says which.
    """
    headers = _one_series(path, _read_headers(path))
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
            _read_frames(slices)
            if any(_is_enhanced(header) for _, header in headers)
            else _read_files(slices)
        )
    except (RuntimeError, OSError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"The pixels of {path} cannot be read; the files are damaged or compressed in an unknown way."
        ) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{path} holds color images; MRStyle takes one 3D volume of gray values.")
    _place(image, slices)
    header = headers[0][1]
    return image, str(header.get("SeriesDescription") or path.stem), from_dicom(header)


def _place(image: sitk.Image, slices: list[_Slice]) -> None:
    """Put the image where its slices are."""
    first, last = slices[0], slices[-1]
    step = (last.position - first.position) / (len(slices) - 1)
    spacing = (first.pixel_spacing[1], first.pixel_spacing[0], float(np.linalg.norm(step)))
    axes = np.column_stack([first.orientation[:3], first.orientation[3:], step / spacing[2]])
    image.SetSpacing(spacing)
    image.SetOrigin(first.position.tolist())
    image.SetDirection(axes.ravel().tolist())


def _nifti_affine(image: Any) -> np.ndarray:
    """The affine in mm: sform, else qform, else as ITK and 3D Slicer place a file with neither."""
    # nibabel replaces a spacing of zero by 1 when it loads; the header as stored still has it.
    stored = type(image.header).from_fileobj(image.file_map["image"].get_prepare_fileobj("rb"), check=False)
    spacing = np.abs(stored["pixdim"][1:4].astype(float))
    if stored["sform_code"] > 0:
        affine = image.get_sform()
    elif stored["qform_code"] > 0:
        affine = image.get_qform() @ np.diag([*(spacing != 0), 1.0])
    else:
        affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    return np.diag([*[_MM_PER_UNIT.get(image.header.get_xyzt_units()[0], 1.0)] * 3, 1.0]) @ affine


def _check_layout(path: Path, shape: Sequence[int], components: int, is_complex: bool) -> None:
    if components != 1:
        raise InputError(
            f"{path} has {components} values in each voxel (color or frames); save one of them by itself."
        )
    if is_complex:
        raise InputError(f"{path} has complex voxels; save the magnitude and use that.")
    if len(shape) < 3:
        raise InputError(f"{path} is a {len(shape)}D image; MRStyle takes 3D volumes.")
    frames = int(np.prod(shape[3:]))
    if frames != 1:
        raise InputError(f"{path} is a 4D image of {frames} volumes; pick one frame and save it by itself.")


def _unreadable(path: Path) -> InputError:
    if path.stat().st_size == 0:
        return InputError(f"{path} is empty; copy or export it again.")
    return InputError(
        f"{path} is damaged, incomplete or not the format that its name says; copy or export it again."
    )


def _read_headers(path: Path) -> list[tuple[Path, Dataset]]:
    """Headers of the DICOM images in a folder, by file name; other files are passed over."""
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


def _is_enhanced(header: Dataset) -> bool:
    return "PerFrameFunctionalGroupsSequence" in header and "ImagePositionPatient" not in header


def _slices(file: Path, header: Dataset) -> list[_Slice]:
    """The planes of one DICOM file."""
    shape = (int(header.Rows), int(header.Columns))
    if not _is_enhanced(header):
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
