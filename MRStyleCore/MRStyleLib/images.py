"""Voxels between numpy, SimpleITK and volume nodes that are in no scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
from slicer.i18n import tr as _


def read_4d(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """A 4D file, or one with several values a voxel.

    Returns:
        Its frames (t, k, j, i), voxel index (i, j, k) to RAS mm (4 x 4), and the keys of its header.

    Raises:
        ValueError: it is damaged, or a single volume.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        text = _("{path} is damaged or of another format; copy or export it again.")
        raise ValueError(text.format(path=path)) from error
    frames = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1 and image.GetDimension() == 3:
        frames = np.moveaxis(frames, -1, 0)
    elif image.GetDimension() != 4 or image.GetNumberOfComponentsPerPixel() > 1:
        text = _("{path} is one volume; a series has several frames.")
        raise ValueError(text.format(path=path))
    axes = np.array(image.GetDirection()).reshape([image.GetDimension()] * 2)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = axes * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    keys = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    # The view is of the image, which ends with this function.
    return frames.copy(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, keys


def volume_of(voxels: np.ndarray, affine: np.ndarray):
    """A scalar volume node, in no scene, of voxels (k, j, i) that it copies."""
    node = slicer.vtkMRMLScalarVolumeNode()
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(voxels))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
    return node
