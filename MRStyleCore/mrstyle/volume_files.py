"""Images of each file format: NIfTI and MGH through nibabel, NRRD and MetaImage through SimpleITK.

nibabel reads NIfTI because it gives the affine as it is stored; ITK builds its own from parts of the header,
and replaces a sheared one without a word.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

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
# Of the header field that holds a history; in NIfTI, which has no named fields, the text begins with it.
_HISTORY_KEY = "MRStyle"
_NIFTI_COMMENT = 6


@contextmanager
def quiet() -> Iterator[None]:
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
        affine = nifti_affine(image) if isinstance(image, nib.Nifti1Image) else image.affine
        array = np.asanyarray(image.dataobj, dtype=np.float32)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged header makes nibabel fail in too many ways to list
        raise _unreadable(path) from error
    return array.reshape(array.shape[:3]), np.asarray(affine, dtype=float)


@quiet()
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


def write_nibabel(
    array: np.ndarray, affine: np.ndarray, path: Path, suffix: str, history: str | None
) -> None:
    """Write voxels (i, j, k); NIfTI gets the affine as both sform and qform, so all programs agree on it.

    The ``history`` becomes a comment of a NIfTI file; an MGH file has no place for it.
    """
    image = NIBABEL_FORMATS[suffix](array, affine)
    if isinstance(image, nib.Nifti1Image):
        image.set_sform(affine, code="scanner")
        image.set_qform(affine, code="scanner")
        image.header.set_xyzt_units("mm")
        if history is not None:
            text = f"{_HISTORY_KEY} {history}".encode("ascii")
            image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
    nib.save(image, path)


@quiet()
def write_itk(image: sitk.Image, path: Path, history: str | None) -> None:
    """Write in the format of the suffix, with the ``history`` as a field of the header.

    Raises:
        OSError: SimpleITK could not write.
    """
    if history is not None:
        image.SetMetaData(_HISTORY_KEY, history)
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError as error:
        raise OSError("writing failed; is the disk full?") from error


@quiet()
def read_history_text(path: Path, suffix: str) -> str | None:
    """The history that the header of an image holds, None when it holds none or cannot be read."""
    try:
        if suffix in ITK_FORMATS:
            reader = sitk.ImageFileReader()
            reader.SetImageIO(ITK_FORMATS[suffix])
            reader.SetFileName(str(path))
            reader.ReadImageInformation()
            return reader.GetMetaData(_HISTORY_KEY) if reader.HasMetaDataKey(_HISTORY_KEY) else None
        extensions = getattr(nib.load(path).header, "extensions", ())
        comments = (each.get_content() for each in extensions if each.get_code() == _NIFTI_COMMENT)
        prefix = f"{_HISTORY_KEY} ".encode("ascii")
        found = (text[len(prefix) :] for text in comments if text.startswith(prefix))
        return next((text.decode("ascii") for text in found), None)
    except Exception:  # a damaged header makes nibabel fail in too many ways to list
        return None


@quiet()
def read_itk_header(path: Path, suffix: str) -> tuple[dict[str, str], int]:
    """The fields of a header, and how many values a voxel has.

    Raises:
        InputError: the file is damaged or of another format.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO(ITK_FORMATS[suffix])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path) from error
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}, reader.GetNumberOfComponents()


def nifti_affine(image: Any) -> np.ndarray:
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
