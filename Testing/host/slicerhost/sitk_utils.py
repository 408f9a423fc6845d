"""sitkUtils: volumes to SimpleITK images and back, with their geometry (Slicer's RAS against ITK's LPS)."""

# ruff: noqa: N802, N803 - the names are Slicer's
from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
import slicer
import slicer.util
import vtk

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def PullVolumeFromSlicer(nodeObjectOrName) -> sitk.Image:
    """The voxels and the geometry of a scalar volume node, in millimeters."""
    node = slicer.util.getNode(nodeObjectOrName) if isinstance(nodeObjectOrName, str) else nodeObjectOrName
    image = sitk.GetImageFromArray(slicer.util.arrayFromVolume(node))
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    to_lps = _FLIP @ slicer.util.arrayFromVTKMatrix(matrix)
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    image.SetDirection((to_lps[:3, :3] / spacing).ravel().tolist())
    return image


def PushVolumeToSlicer(sitkImage, targetNode=None, name=None, className="vtkMRMLScalarVolumeNode"):
    """The image as a volume node: `targetNode`, or a new one of `className`."""
    node = targetNode
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(className, name or "")
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.array(sitkImage.GetDirection()).reshape(3, 3) * np.array(sitkImage.GetSpacing())
    to_lps[:3, 3] = sitkImage.GetOrigin()
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(sitkImage))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(_FLIP @ to_lps))
    node.CreateDefaultDisplayNodes()
    return node
