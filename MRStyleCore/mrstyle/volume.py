"""A volume and its exact place in the patient; the only module that converts between coordinate systems.

Index order is (k, j, i), slowest first, as in SimpleITK's arrays; the affine maps (i, j, k) to RAS mm, as in
nibabel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

from . import volume_files
from .acquisition import Acquisition, from_bids
from .errors import InputError
from .files import atomic_path, suffix_of
from .volume_dicom import read_dicom

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_RAS_ORIENTATION = np.array([[0, 1], [1, 1], [2, 1]])
_PERPENDICULAR = 1e-3
_SAME_GRID_VOXELS = 0.01
_READABLE = f"{', '.join(volume_files.SUFFIXES)} or a DICOM folder"


@dataclass(frozen=True, eq=False)
class Volume:
    """An MR volume.

    Attributes:
        array: float32 (k, j, i), C-contiguous.
        affine: float64 (4, 4), voxel center (i, j, k, 1) -> RAS mm.
        name: what users see; without folder and suffix.
        acquisition: how it was taken, None when nothing is known.
    """

    array: np.ndarray
    affine: np.ndarray
    name: str
    acquisition: Acquisition | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", np.ascontiguousarray(self.array, dtype=np.float32))
        object.__setattr__(self, "affine", np.array(self.affine, dtype=np.float64))
        if self.array.ndim != 3 or self.affine.shape != (4, 4):
            raise ValueError(f"array {self.array.shape} is not 3D or affine {self.affine.shape} not 4x4")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels (k, j, i)."""
        k, j, i = self.array.shape
        return k, j, i

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of voxel centers along (i, j, k)."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return i, j, k

    def with_array(self, array: np.ndarray, name: str | None = None) -> Volume:
        """Other values on the same grid.

        Raises:
            ValueError: the shape differs.
        """
        if array.shape != self.shape:
            raise ValueError(f"shape {array.shape} is not that of the grid, {self.shape}")
        return replace(self, array=array, name=self.name if name is None else name)

    def has_grid_of(self, other: Volume) -> bool:
        """Whether each voxel is where the other's is, within a hundredth of a voxel."""
        if self.shape != other.shape:
            return False
        last = np.array(self.shape[::-1]) - 1
        corners = np.array([(*(np.array(corner) * last), 1) for corner in np.ndindex(2, 2, 2)])
        shift_mm = corners @ (self.affine - other.affine).T
        return bool(np.abs(shift_mm).max() <= _SAME_GRID_VOXELS * min(self.spacing_mm))


class Canonical(NamedTuple):
    """A volume's voxels along the axes of the patient.

    Attributes:
        array: index order (inferior -> superior, posterior -> anterior, left -> right).
        spacing_mm: along (left-right, posterior-anterior, inferior-superior), fastest axis first.
        restore: puts an array of that shape back into the volume's own (k, j, i) order.
    """

    array: np.ndarray
    spacing_mm: tuple[float, float, float]
    restore: Callable[[np.ndarray], np.ndarray]


def read_volume(path: str | Path, *, may_be_slice: bool = False) -> Volume:
    """Read NIfTI, NRRD, MetaImage, MGH or the one DICOM series in a folder (or multi-frame file, .dcm).

    The acquisition comes from the DICOM tags or from a BIDS sidecar of the same name, if there is one.

    Raises:
        InputError: the path is missing, damaged, of another format, or not a usable volume (`check_volume`).
    """
    path = Path(path)
    volume = _read(path)
    if fault := _fault(volume, may_be_slice) or _no_contrast(volume):
        raise InputError(f"{path} {fault}.")
    return volume


def read_mask(path: str | Path, *, may_be_slice: bool = False) -> Volume:
    """Read a mask, as `read_volume` reads a volume; it may be 1 everywhere and, if that will do, a single slice.

    Raises:
        InputError: as `read_volume`, or the mask is empty: no voxel is above 0.5.
    """
    path = Path(path)
    volume = _read(path)
    if fault := _fault(volume, may_be_slice):
        raise InputError(f"{path} {fault}.")
    if not (volume.array > 0.5).any():
        raise InputError(f"The mask {path} is empty: no voxel is above 0.5; check it.")
    return volume


def read_label_map(path: str | Path) -> Volume:
    """Read labels, as `read_volume` reads a volume; a single slice will do.

    Raises:
        InputError: as `read_volume`, or it holds something else than whole numbers from 0 on, or nothing but 0.
    """
    path = Path(path)
    volume = _read(path)
    if fault := _fault(volume, may_be_slice=True):
        raise InputError(f"{path} {fault}.")
    wrong = (volume.array != np.round(volume.array)) | (volume.array < 0)
    if wrong.any():
        raise InputError(
            f"The labels {path} have the value {volume.array[wrong][0]:g}; labels are whole numbers from 0 (background) on, "
            "so give a label map, not an image or probabilities."
        )
    if not volume.array.any():
        raise InputError(f"The labels {path} are empty: every voxel is background; check them.")
    return volume


def _read(path: Path) -> Volume:
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    suffix = suffix_of(path)
    if path.is_dir() or suffix == ".dcm":
        image, name, acquisition = read_dicom(path)
        volume = from_sitk(image, name, _known(acquisition))
    elif suffix in volume_files.SUFFIXES:
        name = path.name[: -len(suffix)]
        sidecar = path.with_name(f"{name}.json")
        taken = _known(from_bids(sidecar)) if sidecar.is_file() else None
        if suffix in volume_files.ITK_FORMATS:
            image = volume_files.read_itk(path, volume_files.ITK_FORMATS[suffix])
            volume = from_sitk(image, name, taken)
        else:
            array, affine = volume_files.read_nibabel(path)
            volume = Volume(array.T, affine, name, taken)
    else:
        raise InputError(f"{path} is not of a format that MRStyle reads; use {_READABLE}.")
    return volume


def write_volume(volume: Volume, path: str | Path, history: str | None = None) -> None:
    """Write float32 voxels and the exact grid, whole or not at all, in the format of the suffix.

    A detached header (.nhdr, .mhd) is two files, which cannot be replaced in one step, so it is not offered.

    Args:
        volume: what to write.
        path: the file.
        history: ASCII text for the header (`history.History.to_json`); an MGH file has no place for it.

    Raises:
        InputError: the suffix is unknown, or the folder is missing or cannot be written to.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix not in volume_files.SUFFIXES or suffix in (".nhdr", ".mhd"):
        raise InputError(f"Cannot write {path}: name it .nii.gz, .nii, .nrrd, .mha, .mgz or .mgh.")
    with atomic_path(path) as temporary:
        if suffix in volume_files.ITK_FORMATS:
            volume_files.write_itk(to_sitk(volume), temporary, history)
        else:
            volume_files.write_nibabel(volume.array.T, volume.affine, temporary, suffix, history)


def check_volume(volume: Volume, *, may_be_slice: bool = False) -> None:
    """Refuse what cannot be an MR volume.

    Args:
        volume: what is checked.
        may_be_slice: whether a single slice will do, such as a frame of a 2D series.

    Raises:
        InputError: a single slice, NaN or infinite voxels, one value everywhere, zero spacing, or axes that
            are not perpendicular.
    """
    if fault := _fault(volume, may_be_slice) or _no_contrast(volume):
        raise InputError(f"The volume {volume.name} {fault}.")


def to_sitk(volume: Volume) -> sitk.Image:
    """The volume as a SimpleITK image (LPS)."""
    image = sitk.GetImageFromArray(volume.array)
    lps = _LPS_FROM_RAS @ volume.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image


def from_sitk(image: sitk.Image, name: str, acquisition: Acquisition | None = None) -> Volume:
    """A scalar 3D SimpleITK image (LPS) as a volume."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), _LPS_FROM_RAS @ lps, name, acquisition)


def resample_like(moving: Volume, fixed: Volume, fill: float = 0.0) -> Volume:
    """``moving`` on the grid of ``fixed``, linearly interpolated; ``fill`` where it has no voxels."""
    image = sitk.Resample(
        to_sitk(moving), to_sitk(fixed), sitk.Transform(), sitk.sitkLinear, fill, sitk.sitkFloat32
    )
    return replace(moving, array=sitk.GetArrayFromImage(image), affine=fixed.affine)


def resample_labels_like(moving: Volume, fixed: Volume) -> Volume:
    """The labels ``moving`` on the grid of ``fixed``, each voxel that of the nearest one; 0 where there is none."""
    image = sitk.Resample(
        to_sitk(moving), to_sitk(fixed), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkFloat32
    )
    return replace(moving, array=sitk.GetArrayFromImage(image), affine=fixed.affine)


def to_canonical(volume: Volume) -> Canonical:
    """Permute and flip the axes to the nearest ones of the patient (right, anterior, superior)."""
    orientation = nib.orientations.io_orientation(volume.affine)
    back = nib.orientations.ornt_transform(_RAS_ORIENTATION, orientation)

    def restore(array: np.ndarray) -> np.ndarray:
        return _reorient(array, back)

    spacing = [volume.spacing_mm[axis] for axis in np.argsort(orientation[:, 0])]
    return Canonical(_reorient(volume.array, orientation), (spacing[0], spacing[1], spacing[2]), restore)


def _reorient(array: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(nib.orientations.apply_orientation(array.T, orientation).T)


def _known(acquisition: Acquisition) -> Acquisition | None:
    return acquisition if any(value is not None for value in acquisition.as_dict().values()) else None


def _fault(volume: Volume, may_be_slice: bool = False) -> str | None:
    """What is wrong with the volume and what to do, as the end of a sentence."""
    array, spacing = volume.array, np.array(volume.spacing_mm)
    if min(array.shape) < 2 and not may_be_slice:
        return (
            f"is a single slice ({' x '.join(map(str, array.shape[::-1]))} voxels); MRStyle takes 3D volumes"
        )
    if not np.isfinite(volume.affine).all():
        return "has a position or spacing that is not a finite number; correct its header"
    if not spacing.all():
        return "has a voxel spacing of zero; correct its header"
    axes = volume.affine[:3, :3] / spacing
    if np.abs(axes.T @ axes - np.eye(3)).max() > _PERPENDICULAR:
        return (
            "has axes that are not perpendicular (sheared or singular); resample it to a regular grid first"
        )
    if wrong := int(array.size - np.isfinite(array).sum()):
        return f"has NaN or infinite values ({wrong} voxels); replace them first, for example by 0"
    return None


def _no_contrast(volume: Volume) -> str | None:
    if volume.array.min() == volume.array.max():
        return f"has the same value, {volume.array.flat[0]:g}, in every voxel, so there is nothing to see"
    return None
