"""A dynamic series: frames on one grid with their times, read from what scanners and 3D Slicer write."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

from . import volume_files
from .errors import InputError
from .files import atomic_path, natural_order, sidecar_path, suffix_of
from .series_times import frame_times, nifti_times, slicer_times
from .volume import Volume, from_sitk, read_volume

_WRITABLE = (".nii.gz", ".nii")


@dataclass(frozen=True, eq=False)
class Series:
    """Frames of one scan.

    Attributes:
        frames: float32 (T, k, j, i).
        grid: a volume of their grid; its array is the first frame.
        times_s: of the frames, rising (T,).
        name: what users see.
    """

    frames: np.ndarray
    grid: Volume
    times_s: np.ndarray
    name: str

    def frame(self, index: int) -> Volume:
        """One frame as a volume."""
        return self.grid.with_array(self.frames[index], f"{self.name}, frame {index}")

    def with_frames(self, frames: np.ndarray, name: str) -> Series:
        """Other values at the same places and times."""
        grid = self.grid.with_array(frames[0], name)
        return replace(self, frames=np.asarray(frames, np.float32), grid=grid, name=name)


def read_series(path: str | Path, interval_s: float | None = None) -> Series:
    """Read a 4D NIfTI file, a multi-volume or sequence of 3D Slicer (.nrrd), or a folder with one file a frame.

    Times come from the sidecar (VolumeTiming, in s), else from the header, else from ``interval_s``, which wins where it is
    given.

    Raises:
        InputError: the path is missing, damaged or no series, frames differ in their grid, or nothing tells the times.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    if path.is_dir():
        series, times_s = _of_folder(path), None
    elif suffix_of(path) in volume_files.ITK_FORMATS:
        series, times_s = _of_nrrd(path)
    elif suffix_of(path) in _WRITABLE:
        series, times_s = _of_nifti(path)
    else:
        raise InputError(
            f"{path} is no series; give a 4D .nii.gz, a .nrrd of 3D Slicer, or a folder of frames."
        )
    count = len(series.frames)
    if count < 2:
        raise InputError(f"{path} has one frame; a series has several.")
    if not np.isfinite(series.frames).all():
        raise InputError(f"{path} has voxels that are NaN or infinite; export it again.")
    return replace(series, times_s=frame_times(path, count, times_s, interval_s))


def write_series(series: Series, path: str | Path, sidecar: dict[str, Any]) -> None:
    """Write a 4D NIfTI file, and beside it a sidecar with VolumeTiming and the entries of ``sidecar``.

    Raises:
        InputError: the suffix is another, or the file cannot be written.
    """
    path = Path(path)
    if suffix_of(path) not in _WRITABLE:
        raise InputError(f"Cannot write the series {path}: name it .nii.gz.")
    image = nib.Nifti1Image(series.frames.transpose(3, 2, 1, 0), series.grid.affine)
    image.set_sform(series.grid.affine, code="scanner")
    image.set_qform(series.grid.affine, code="scanner")
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = float(np.diff(series.times_s).mean())
    with atomic_path(path) as temporary:
        nib.save(image, temporary)
    with atomic_path(sidecar_path(path)) as temporary:
        timing = {"VolumeTiming": [round(float(each), 4) for each in series.times_s]}
        temporary.write_text(json.dumps(timing | sidecar, indent=2) + "\n", encoding="utf-8")


def _of_folder(path: Path) -> Series:
    files = sorted(
        (each for each in path.iterdir() if suffix_of(each) in volume_files.SUFFIXES), key=natural_order
    )
    if not files:
        raise InputError(f"{path} has no images; give a folder with one file a frame.")
    volumes = [read_volume(each, may_be_slice=True) for each in files]
    for file, volume in zip(files, volumes, strict=True):
        if not volume.has_grid_of(volumes[0]):
            raise InputError(
                f"{file} has another grid than {files[0].name}; the frames of a series share one."
            )
    frames = np.stack([volume.array for volume in volumes])
    return Series(frames, volumes[0], np.arange(len(frames), dtype=np.float64), path.name)


def _of_nifti(path: Path) -> tuple[Series, np.ndarray | None]:
    name = path.name[: -len(suffix_of(path))]
    try:
        image: Any = nib.load(path)
        shape = [*image.shape, 1, 1, 1][:4]
        values = np.asanyarray(image.dataobj, dtype=np.float32).reshape(shape)
        step, unit = float(image.header["pixdim"][4]), image.header.get_xyzt_units()[1]
        affine = volume_files.nifti_affine(image)
    except Exception as error:  # a damaged header makes nibabel fail in too many ways to list
        raise InputError(f"{path} is damaged or no NIfTI file; copy or export it again.") from error
    frames = np.ascontiguousarray(values.transpose(3, 2, 1, 0))
    grid = Volume(frames[0], affine, name)
    series = Series(frames, grid, np.arange(len(frames), dtype=np.float64), name)
    return series, nifti_times(step, unit, len(frames))


def _of_nrrd(path: Path) -> tuple[Series, np.ndarray | None]:
    with volume_files.quiet():
        try:
            image = sitk.ReadImage(str(path))
        except RuntimeError as error:
            raise InputError(f"{path} is damaged or of another format; copy or export it again.") from error
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    if image.GetNumberOfComponentsPerPixel() > 1:
        # A multi-volume: the frames are the components of a voxel.
        frames = np.moveaxis(array, -1, 0)
        grid = from_sitk(sitk.VectorIndexSelectionCast(image, 0), path.stem)
    elif image.GetDimension() == 4:
        frames, grid = array, from_sitk(image[..., 0], path.stem)
    else:
        raise InputError(f"{path} is one volume; a series has several frames.")
    frames = np.ascontiguousarray(frames)
    name = path.name[: -len(suffix_of(path))]
    times_s = slicer_times({key: image.GetMetaData(key) for key in image.GetMetaDataKeys()})
    return Series(frames, replace(grid, name=name), np.arange(len(frames), dtype=np.float64), name), times_s
