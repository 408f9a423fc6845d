"""Which voxels the views show: exactly those that change a picture."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from mrml_helpers import add_volume, affine_of, oblique_affine

from MRStyleLib.visible_slices import views_with, visible_regions

SHAPE = (20, 24, 28)


@pytest.fixture
def volume(scene):
    """A volume in the three views of the four-up layout."""
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    node = add_volume(scene, np.zeros(SHAPE, np.float32))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    slicer.app.processEvents()
    return node


def covered(volume) -> np.ndarray:
    """Which voxels are in a region."""
    mask = np.zeros(SHAPE, bool)
    for region in visible_regions(slicer.mrmlScene, volume):
        mask[region] = True
    return mask


def needed(volume) -> np.ndarray:
    """Which voxels the pixels of the views lie between, by brute force."""
    mask = np.zeros(SHAPE, bool)
    size = np.array(SHAPE[::-1])
    to_world = np.eye(4)
    if parent := volume.GetParentTransformNode():
        to_world = slicer.util.arrayFromTransformMatrix(parent, toWorld=True)
    affine = affine_of(volume)
    for name in ("Red", "Green", "Yellow"):
        node = slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()
        width, height = node.GetDimensions()[:2]
        x, y = np.meshgrid(np.arange(0, width, 3), np.arange(0, height, 3))
        points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel(), 1 + 0 * x.ravel()])
        to_ijk = np.linalg.inv(to_world @ affine) @ slicer.util.arrayFromVTKMatrix(node.GetXYToRAS())
        for rounded in (np.floor, np.ceil):
            index = rounded(np.round((to_ijk @ points)[:3].T, 2)).astype(int)
            inside = ((index >= 0) & (index < size)).all(axis=1)
            mask[tuple(index[inside].T[::-1])] = True
    return mask


def test_aligned_views_need_one_or_two_slices_each(volume):
    regions = visible_regions(slicer.mrmlScene, volume)
    assert len(regions) == 3
    thin = [min(part.stop - part.start for part in region) for region in regions]
    assert all(count <= 2 for count in thin)
    assert (covered(volume) | ~needed(volume)).all()


def test_oblique_volume_needs_little_more_than_what_is_seen(volume):
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique_affine((1.0, 1.1, 2.0))))
    slicer.app.layoutManager().resetSliceViews()
    slicer.app.processEvents()
    seen = needed(volume)
    assert seen.any()
    assert (covered(volume) | ~seen).all()
    assert not covered(volume).all()


def test_volume_under_a_transform_is_found_where_it_is_shown(volume):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (5, -3, 4)
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    slicer.app.processEvents()
    assert (covered(volume) | ~needed(volume)).all()


def test_view_of_another_layout_does_not_count(volume):
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert [node.GetLayoutName() for node in views_with(slicer.mrmlScene, volume)] == ["Red"]
    assert len(visible_regions(slicer.mrmlScene, volume)) == 1


def test_volume_that_no_view_shows_has_no_region(volume, scene):
    other = add_volume(scene, np.zeros(SHAPE, np.float32), name="Other")
    assert visible_regions(slicer.mrmlScene, other) == []


def test_slice_outside_of_the_volume_needs_nothing(volume):
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().SetSliceOffset(500)
    assert visible_regions(slicer.mrmlScene, volume) == []
