"""Volumes and pictures for the tests of MRStyleLib's scene side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

HISTORY = {
    "model_id": "brain-reference",
    "model_version": "0.1.0",
    "weights_sha256": "ab" * 32,
    "target": {"kind": "reference", "name": "T2"},
    "content": {"name": "T1"},
    "samples": 1,
}


def oblique_affine(spacing_mm=(0.9, 1.1, 3.3)) -> np.ndarray:
    """Voxel (i, j, k) to RAS mm: turned about two axes, with a far origin."""
    first, second = np.radians(23.0), np.radians(-11.0)
    about_x = [[1, 0, 0], [0, np.cos(first), -np.sin(first)], [0, np.sin(first), np.cos(first)]]
    about_z = [[np.cos(second), -np.sin(second), 0], [np.sin(second), np.cos(second), 0], [0, 0, 1]]
    affine = np.eye(4)
    affine[:3, :3] = np.array(about_z) @ np.array(about_x) @ np.diag(spacing_mm)
    affine[:3, 3] = (-83.25, 107.125, -41.0625)
    return affine


def image_array(shape=(12, 20, 24), dtype=np.float32) -> np.ndarray:
    """Distinct, structured values from 0 to 1000."""
    values = np.random.default_rng(7).random(shape) + np.linspace(0, 4, shape[2])
    return (values * 200).astype(dtype)


def add_volume(scene, array=None, affine=None, name="T1", *, class_name="vtkMRMLScalarVolumeNode"):
    """A volume with a display node."""
    node = scene.AddNewNodeByClass(class_name, name)
    slicer.util.updateVolumeFromArray(node, image_array() if array is None else array)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.eye(4) if affine is None else affine))
    node.CreateDefaultDisplayNodes()
    return node


def affine_of(node) -> np.ndarray:
    """Voxel (i, j, k) to RAS mm of a node, without its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def write_image(path: Path, array, affine, *, history: dict | None = None) -> Path:
    """What the worker writes: an image in LPS, and its history beside it."""
    image = sitk.GetImageFromArray(np.asarray(array, dtype=np.float32))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing_mm = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing_mm.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing_mm).ravel().tolist())
    sitk.WriteImage(image, str(path))
    if history is not None:
        path.with_name(path.name.split(".")[0] + ".json").write_text(json.dumps(history), encoding="utf-8")
    return path


def node_count(scene) -> int:
    return scene.GetNumberOfNodes()


def slice_widget(name="Red"):
    """The slice view of a layout name, with its pending updates done."""
    widget = slicer.app.layoutManager().sliceWidget(name)
    slicer.app.processEvents()
    return widget


def slice_picture(name="Red") -> np.ndarray:
    """What a slice view shows: RGB, float in 0 to 255, top row first."""
    window = slice_widget(name).sliceView().renderWindow()
    window.Render()
    width, height = window.GetSize()
    pixels = vtk.vtkUnsignedCharArray()
    window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
    return vtk_to_numpy(pixels).reshape(height, width, 4)[::-1, :, :3].astype(float)
