"""Regions of a volume that a user has drawn: segmentations and label maps."""

from __future__ import annotations

import numpy as np
import slicer
from slicer.i18n import tr as _

from .volumes import has_grid_of


def region_mask(scene, region, like_node) -> np.ndarray:
    """The voxels of a volume that lie in a region, bool (k, j, i).

    Args:
        scene: the scene of both.
        region: a segmentation, of which the visible segments count, or a label map, of which all labels do.
        like_node: the volume.

    Raises:
        ValueError: a label map is on another grid, or the region is empty.
    """
    labels = _labels_of_segmentation if region.IsA("vtkMRMLSegmentationNode") else _labels_of_map
    mask = labels(scene, region, like_node) > 0
    if not mask.any():
        text = _("{name} has no voxel in {volume}; draw the region there, or choose another one.")
        raise ValueError(text.format(name=region.GetName(), volume=like_node.GetName()))
    return mask


def _labels_of_map(_scene, region, like_node) -> np.ndarray:
    if not has_grid_of(region, like_node):
        text = _("{name} is not on the grid of {volume}; resample it first, or choose another region.")
        raise ValueError(text.format(name=region.GetName(), volume=like_node.GetName()))
    return slicer.util.arrayFromVolume(region)


def _labels_of_segmentation(scene, region, like_node) -> np.ndarray:
    exported = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "MRStyle region")
    try:
        slicer.vtkSlicerSegmentationsModuleLogic.ExportVisibleSegmentsToLabelmapNode(
            region, exported, like_node
        )
        if exported.GetImageData() is None or not exported.GetImageData().GetNumberOfPoints():
            return np.zeros(1)
        return slicer.util.arrayFromVolume(exported).copy()
    finally:
        scene.RemoveNode(exported)
