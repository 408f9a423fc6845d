"""Volume nodes as inputs of a run: what makes one unusable, and its voxels and grid in a file."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

_PERPENDICULAR = 1e-3
_SAMPLED_VOXELS = 200_000
_SAME_GRID_VOXELS = 0.01


def describe_fault(node, *, may_be_slice: bool = False) -> str | None:
    """Why a volume node cannot be an input, as one sentence that also says what to do; None if it can.

    With ``may_be_slice``, a single slice will do, such as a frame of a 2D series. Costs one pass over floating-point
    voxels (some 10 ms at 182 x 218 x 182) and nothing for integers.
    """
    if node is None:
        return _("No volume is chosen; choose one.")
    fault = _fault_of_kind(node, may_be_slice) or _fault_of_grid(node) or _fault_of_values(node)
    return None if fault is None else fault.format(name=node.GetName())


def export_volume(node, path: Path, *, may_be_slice: bool = False) -> None:
    """Write the voxels and the grid of a volume node, without its parent transforms, as uncompressed NRRD.

    Slicer's own writers are not used: one writes every file twice, both refuse signed bytes, and neither tells
    why a write failed.

    Args:
        node: a volume that `describe_fault` accepts; nothing about it changes.
        path: the file, which ends in .nrrd.
        may_be_slice: see `describe_fault`.

    Raises:
        ValueError: the node cannot be an input.
        OSError: the file cannot be written; nothing is left of it.
    """
    if fault := describe_fault(node, may_be_slice=may_be_slice):
        raise ValueError(fault)
    voxels = np.ascontiguousarray(slicer.util.arrayFromVolume(node))
    try:
        with path.open("wb") as file:
            file.write(_nrrd_header(voxels, ijk_to_ras(node)))
            file.write(voxels.data)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        text = _(
            "{name} could not be written to {path}: {reason}. Free some space or choose another temporary folder."
        )
        raise OSError(text.format(name=node.GetName(), path=path, reason=error.strerror or error)) from error


def ijk_to_ras(node) -> np.ndarray:
    """Voxel index (i, j, k) to RAS mm of a volume node, 4 x 4, without its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def has_grid_of(node, other) -> bool:
    """Whether all corner voxels are where the other's are, within a hundredth of a voxel."""
    if node.GetImageData() is None or other.GetImageData() is None:
        return False
    size = node.GetImageData().GetDimensions()
    if size != other.GetImageData().GetDimensions():
        return False
    last = np.array(size) - 1
    corners = np.array([(*(np.array(corner) * last), 1) for corner in np.ndindex(2, 2, 2)])
    shift_mm = corners @ (ijk_to_ras(node) - ijk_to_ras(other)).T
    return bool(np.abs(shift_mm).max() <= _SAME_GRID_VOXELS * min(other.GetSpacing()))


def sampled_voxels(node) -> np.ndarray:
    """Finite values of evenly spread voxels, at most some 200,000: enough for percentiles, in a few ms.

    A volume without a finite voxel gives one 0.
    """
    voxels = slicer.util.arrayFromVolume(node).ravel()
    # An odd step runs through all columns of a volume whose row length is even.
    sample = voxels[:: (voxels.size // _SAMPLED_VOXELS) | 1]
    sample = sample[np.isfinite(sample)]
    return sample if sample.size else np.zeros(1)


def _nrrd_header(voxels: np.ndarray, affine: np.ndarray) -> bytes:
    """NRRD 4, with 17 significant digits: the worker sees the grid exactly."""

    def vector(values: np.ndarray) -> str:
        return "(" + ",".join(repr(float(value)) for value in values) + ")"

    kind = {"u": "uint", "i": "int", "f": "float"}[voxels.dtype.kind]
    number_type = {"float32": "float", "float64": "double"}.get(
        voxels.dtype.name, f"{kind}{8 * voxels.itemsize}"
    )
    lines = (
        "NRRD0004",
        f"type: {number_type}",
        "dimension: 3",
        "space: right-anterior-superior",
        f"sizes: {' '.join(str(size) for size in voxels.shape[::-1])}",
        f"space directions: {' '.join(vector(affine[:3, axis]) for axis in range(3))}",
        "kinds: domain domain domain",
        f"endian: {sys.byteorder}",
        "encoding: raw",
        f"space origin: {vector(affine[:3, 3])}",
    )
    return ("\n".join(lines) + "\n\n").encode("ascii")


def _fault_of_kind(node, may_be_slice: bool) -> str | None:
    if not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLLabelMapVolumeNode"):
        return _("{name} is not an image of intensities (a label map?); choose the MR volume itself.")
    image = node.GetImageData()
    if image is None or not image.GetNumberOfPoints() or image.GetPointData().GetScalars() is None:
        return _("{name} has no voxels; load it again or choose another volume.")
    if image.GetNumberOfScalarComponents() != 1:
        return _("{name} has several values per voxel (a color image?); choose a volume with one.")
    if min(image.GetDimensions()) < 2 and not may_be_slice:
        return _("{name} is a single slice; choose a 3D volume.")
    return None


def _fault_of_grid(node) -> str | None:
    affine = ijk_to_ras(node)
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not spacing_mm.all():
        return _(
            "{name} has a position or spacing that is no number or zero; correct it in the module Volumes."
        )
    axes = affine[:3, :3] / spacing_mm
    if np.abs(axes.T @ axes - np.eye(3)).max() > _PERPENDICULAR:
        return _("{name} has axes that are not perpendicular; resample it to a regular grid first.")
    return None


def _fault_of_values(node) -> str | None:
    voxels = slicer.util.arrayFromVolume(node)
    # NaN and infinity survive a sum, which needs no second array as large as the volume.
    if voxels.dtype.kind == "f" and not np.isfinite(voxels.sum(dtype=np.float64)):
        return _("{name} has voxels that are no finite number (NaN); replace them first, for example by 0.")
    # The image caches its range, unlike numpy.
    low, high = node.GetImageData().GetScalarRange()
    if low == high:
        return _(
            "{name} has the same value in every voxel, so there is nothing to see; choose another volume."
        )
    return None
