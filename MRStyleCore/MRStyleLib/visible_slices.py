"""Which part of a volume the slice views show now, so that only that part need be computed anew."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from .scene_nodes import nodes_of_class
from .volumes import ijk_to_ras

Region = tuple[slice, slice, slice]

# A voxel's own center: rounding must not add the neighbor.
_ROUNDING_VOXELS = 1e-3
_ALIGNED_VOXELS = 2.0
_TILES = 8


def views_with(scene, *volumes) -> list:
    """The composite nodes of the views in the present layout whose background is one of these volumes."""
    ids = {volume.GetID() for volume in volumes if volume is not None}
    shown = {node.GetLayoutName() for node in _mapped_slice_nodes(scene)}
    return [
        composite
        for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode")
        if composite.GetLayoutName() in shown
        and not ids.isdisjoint((composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()))
    ]


def visible_regions(scene, volume) -> list[Region]:
    """The parts of a volume's array (k, j, i) that the views of the present layout show, each as three slices.

    A view along the volume's axes needs one slice, or the two between which it interpolates. An oblique one needs
    the boxes around an 8 x 8 raster of its area. A volume under a transform that bends is visible as a whole.
    """
    names = {composite.GetLayoutName() for composite in views_with(scene, volume)}
    size = np.array(volume.GetImageData().GetDimensions())
    to_ijk = _world_to_ijk(volume)
    if to_ijk is None:
        return [tuple(slice(0, int(length)) for length in size[::-1])] if names else []
    regions: dict[tuple, Region] = {}
    for node in _mapped_slice_nodes(scene):
        if node.GetLayoutName() in names:
            for region in _regions_of(node, to_ijk, size):
                regions[tuple((part.start, part.stop) for part in region)] = region
    return list(regions.values())


def _mapped_slice_nodes(scene) -> list:
    return [node for node in nodes_of_class(scene, "vtkMRMLSliceNode") if node.IsMappedInLayout()]


def _world_to_ijk(volume) -> np.ndarray | None:
    """World RAS mm to voxel index, 4 x 4; None if a parent transform is not linear."""
    to_world = np.eye(4)
    if parent := volume.GetParentTransformNode():
        if not parent.IsTransformToWorldLinear():
            return None
        matrix = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(matrix)
        to_world = slicer.util.arrayFromVTKMatrix(matrix)
    return np.linalg.inv(to_world @ ijk_to_ras(volume))


def _regions_of(slice_node, to_ijk: np.ndarray, size: np.ndarray) -> list[Region]:
    matrix = slicer.util.arrayFromVTKMatrix(slice_node.GetXYToRAS())
    width, height = slice_node.GetDimensions()[:2]
    corners = _ijk(to_ijk @ matrix, [0, width], [0, height])
    thickness = np.ptp(corners.reshape(-1, 3), axis=0).min()
    tiles = 1 if thickness < _ALIGNED_VOXELS else _TILES
    points = _ijk(to_ijk @ matrix, np.linspace(0, width, tiles + 1), np.linspace(0, height, tiles + 1))
    boxes = (
        _box(points[row : row + 2, column : column + 2].reshape(-1, 3), size)
        for row in range(tiles)
        for column in range(tiles)
    )
    return [box for box in boxes if box is not None]


def _ijk(xy_to_ijk: np.ndarray, across, up) -> np.ndarray:
    """Voxel indices (rows, columns, 3) of the raster of these positions in a view."""
    y, x = np.meshgrid(up, across, indexing="ij")
    ends = np.stack([x, y, np.zeros_like(x, dtype=float), np.ones_like(x, dtype=float)], axis=-1)
    return (ends @ xy_to_ijk.T)[..., :3]


def _box(corners: np.ndarray, size: np.ndarray) -> Region | None:
    """The voxels between which these points interpolate; None where they are all outside of the volume."""
    first = np.floor(corners.min(axis=0) + _ROUNDING_VOXELS).astype(int)
    last = np.ceil(corners.max(axis=0) - _ROUNDING_VOXELS).astype(int)
    if (last < 0).any() or (first >= size).any():
        return None
    first, last = np.clip(first, 0, size - 1), np.clip(last, 0, size - 1)
    return tuple(slice(int(low), int(high) + 1) for low, high in zip(first[::-1], last[::-1], strict=True))
