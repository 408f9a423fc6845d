"""The side-by-side comparison as a user sees it, and the way back to their own layout."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from mrml_helpers import add_volume, affine_of, oblique_affine, slice_picture, slice_widget

from MRStyleLib.layouts import (
    ORIGINAL_VIEW,
    OVERLAY_VIEW,
    STYLED_VIEW,
    fit_comparison,
    is_shown,
    plane_of,
    restore,
    set_fade,
    show_comparison,
)
from MRStyleLib.overlays import OverlayKind, show_overlay, shown_overlay

USER_LAYOUT = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
COLUMNS = (ORIGINAL_VIEW, STYLED_VIEW, OVERLAY_VIEW)


def flat(value: float, *, one_voxel: float = 0.0) -> np.ndarray:
    array = np.full((24, 28, 32), value, dtype=np.float32)
    array[0, 0, 0] = one_voxel
    return array


def add_gray(scene, value: float, name: str, affine=None):
    node = add_volume(scene, flat(value), affine, name)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    return node


@pytest.fixture
def application_logic(host, scene):
    host.layoutManager().setLayout(USER_LAYOUT)
    yield host.applicationLogic()
    host.layoutManager().setLayout(USER_LAYOUT)


@pytest.fixture
def pair(scene, application_logic):
    return add_gray(scene, 60, "T1"), add_gray(scene, 180, "T1 (synthetic)")


def show(scene, pair, application_logic, *, with_overlay=True):
    if show_comparison(scene, *pair, with_overlay=with_overlay, application_logic=application_logic):
        slicer.app.processEvents()
        fit_comparison(application_logic)
    slicer.app.processEvents()


def shown_views() -> set[str]:
    """Layout names of the slice views that the main window has room for."""
    manager = slicer.app.layoutManager()
    widgets = {name: manager.sliceWidget(name) for name in ("Red", "Green", "Yellow", *COLUMNS)}
    return {name for name, widget in widgets.items() if widget and widget.isVisibleTo(manager.viewport())}


def center(view: str) -> np.ndarray:
    """RGB in the middle of a view."""
    picture = slice_picture(view)
    return picture[picture.shape[0] // 2, picture.shape[1] // 2]


def test_original_and_styled_are_side_by_side(scene, pair, application_logic, host):
    show(scene, pair, application_logic, with_overlay=False)
    assert shown_views() == set(COLUMNS[:2])
    np.testing.assert_allclose(center(ORIGINAL_VIEW), 60, atol=2)
    np.testing.assert_allclose(center(STYLED_VIEW), 180, atol=2)


def test_the_third_column_shows_the_map_over_the_styled_image(scene, pair, application_logic, host):
    difference = add_volume(scene, flat(0.8), name="difference")
    show(scene, pair, application_logic)
    assert shown_views() == set(COLUMNS)
    np.testing.assert_allclose(center(OVERLAY_VIEW), 180, atol=2)
    show_overlay(scene, OverlayKind.DIFFERENCE, difference, 1.0, 0.1, [OVERLAY_VIEW])
    assert np.ptp(center(OVERLAY_VIEW)) > 50
    np.testing.assert_allclose(center(ORIGINAL_VIEW), 60, atol=2)
    np.testing.assert_allclose(center(STYLED_VIEW), 180, atol=2)


def test_fading_goes_from_the_original_to_the_styled_image(scene, pair, application_logic):
    show(scene, pair, application_logic)
    for share, expected in ((0.0, 60), (0.5, 120), (1.0, 180)):
        set_fade(scene, share)
        np.testing.assert_allclose(center(STYLED_VIEW), expected, atol=2)


def test_columns_are_linked_with_each_other_and_not_with_the_users_views(scene, pair, application_logic):
    show(scene, pair, application_logic)
    composites = [slice_widget(name).mrmlSliceCompositeNode() for name in COLUMNS]
    assert all(node.GetLinkedControl() and node.GetHotLinkedControl() for node in composites)
    groups = {slice_widget(name).mrmlSliceNode().GetViewGroup() for name in COLUMNS}
    assert len(groups) == 1 and slice_widget("Red").mrmlSliceNode().GetViewGroup() not in groups
    assert not slice_widget("Red").mrmlSliceCompositeNode().GetLinkedControl()


def test_scrolling_one_column_scrolls_the_others(scene, pair, application_logic):
    show(scene, pair, application_logic)
    link = slicer.vtkMRMLSliceLinkLogic()
    link.SetMRMLApplicationLogic(application_logic)
    link.SetMRMLScene(scene)
    logic = slice_widget(ORIGINAL_VIEW).sliceLogic()
    logic.StartSliceNodeInteraction(slicer.vtkMRMLSliceNode.SliceToRASFlag)
    logic.SetSliceOffset(7.0)
    logic.EndSliceNodeInteraction()
    link.SetMRMLScene(None)
    assert slice_widget(STYLED_VIEW).sliceLogic().GetSliceOffset() == pytest.approx(7.0)
    assert slice_widget(OVERLAY_VIEW).sliceLogic().GetSliceOffset() == pytest.approx(7.0)


def test_restoring_gives_back_layout_layers_and_slices(scene, pair, application_logic, host):
    users = add_gray(scene, 99, "user's")
    slicer.util.setSliceViewerLayers(background=users, foreground=pair[0], foregroundOpacity=0.3, fit=True)
    red = slice_widget("Red").mrmlSliceNode()
    slice_widget("Red").sliceLogic().SetSliceOffset(4.0)
    difference = add_volume(scene, flat(0.8), name="difference")

    def state():
        composite = slice_widget("Red").mrmlSliceCompositeNode()
        layers = (
            composite.GetBackgroundVolumeID(),
            composite.GetForegroundVolumeID(),
            composite.GetForegroundOpacity(),
        )
        place = slicer.util.arrayFromVTKMatrix(red.GetSliceToRAS()).tolist(), red.GetFieldOfView()
        return host.layoutManager().layout, layers, place, composite.GetLinkedControl()

    before = state()
    show(scene, pair, application_logic)
    show_overlay(scene, OverlayKind.DIFFERENCE, difference, 1.0, 0.1, [OVERLAY_VIEW, "Red"])
    assert is_shown(scene) and state() != before
    restore(scene)
    slicer.app.processEvents()
    assert state() == before
    assert shown_overlay(scene) is None and not is_shown(scene)
    restore(scene)
    assert state() == before


def test_a_view_that_fills_the_window_does_not_outlive_its_layout(scene, pair, application_logic):
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    layout.AddMaximizedViewNode(slice_widget("Red").mrmlSliceNode())
    show(scene, pair, application_logic)
    assert shown_views() == set(COLUMNS)
    layout.AddMaximizedViewNode(slice_widget(STYLED_VIEW).mrmlSliceNode())
    restore(scene)
    slicer.app.processEvents()
    assert shown_views() == {"Red", "Green", "Yellow"}


def test_a_layout_that_the_user_chose_since_is_kept(scene, pair, application_logic, host):
    show(scene, pair, application_logic)
    chosen = slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    host.layoutManager().setLayout(chosen)
    restore(scene)
    assert host.layoutManager().layout == chosen


def test_a_second_result_keeps_the_place_that_the_user_looks_at(scene, pair, application_logic, host):
    show(scene, pair, application_logic, with_overlay=False)
    for name in COLUMNS[:2]:
        slice_widget(name).sliceLogic().SetSliceOffset(5.0)
    other = add_gray(scene, 222, "T1 (synthetic)_1")
    show(scene, (pair[0], other), application_logic, with_overlay=False)
    assert slice_widget(ORIGINAL_VIEW).sliceLogic().GetSliceOffset() == pytest.approx(5.0)
    np.testing.assert_allclose(center(STYLED_VIEW), 222, atol=2)
    restore(scene)
    assert host.layoutManager().layout == USER_LAYOUT


def test_another_patient_is_shown_from_the_middle(scene, pair, application_logic):
    show(scene, pair, application_logic)
    far = np.eye(4)
    far[:3, 3] = (500, -300, 800)
    show(scene, (add_gray(scene, 40, "T1", far), add_gray(scene, 200, "out", far)), application_logic)
    np.testing.assert_allclose(center(ORIGINAL_VIEW), 40, atol=2)
    np.testing.assert_allclose(center(STYLED_VIEW), 200, atol=2)


def test_thick_slices_are_shown_in_their_own_plane(scene, application_logic):
    affine = oblique_affine((0.9, 0.9, 4.0))
    pair = add_gray(scene, 60, "T2", affine), add_gray(scene, 180, "T2 (synthetic)", affine)
    show(scene, pair, application_logic)
    for name in COLUMNS:
        normal = slicer.util.arrayFromVTKMatrix(slice_widget(name).mrmlSliceNode().GetSliceToRAS())[:3, 2]
        assert abs(normal @ affine[:3, 2]) / 4.0 == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(center(STYLED_VIEW), 180, atol=2)


@pytest.mark.parametrize(
    ("axes", "spacing_mm", "expected"),
    [
        ((0, 1, 2), (0.9, 0.9, 4), "Axial"),
        ((0, 2, 1), (0.9, 0.9, 4), "Coronal"),
        ((1, 2, 0), (0.9, 0.9, 4), "Sagittal"),
        ((1, 2, 0), (1, 1, 1.2), None),
    ],
)
def test_plane_of_acquisition(scene, axes, spacing_mm, expected):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(axes)] * spacing_mm
    node = add_volume(scene, affine=affine)
    np.testing.assert_array_equal(affine_of(node), affine)
    assert plane_of(node) == expected


def test_deleting_a_shown_volume_leaves_the_rest(scene, pair, application_logic, host):
    show(scene, pair, application_logic)
    scene.RemoveNode(pair[1])
    np.testing.assert_allclose(center(STYLED_VIEW), 60, atol=2)
    np.testing.assert_allclose(center(ORIGINAL_VIEW), 60, atol=2)
    restore(scene)
    assert host.layoutManager().layout == USER_LAYOUT


def test_closing_the_scene_leaves_a_way_back(scene, pair, application_logic, host):
    show(scene, pair, application_logic)
    scene.Clear(0)
    slicer.app.processEvents()
    restore(scene)
    assert not is_shown(scene) and "Red" in shown_views()
    again = add_gray(scene, 70, "T1"), add_gray(scene, 150, "out")
    show(scene, again, application_logic)
    np.testing.assert_allclose(center(STYLED_VIEW), 150, atol=2)
    groups = {slice_widget(name).mrmlSliceNode().GetViewGroup() for name in COLUMNS}
    assert len(groups) == 1 and 0 not in groups


def test_without_views_the_layers_are_set_all_the_same():
    scene = slicer.vtkMRMLScene()
    pair = add_gray(scene, 60, "T1"), add_gray(scene, 180, "out")
    show_comparison(scene, *pair, with_overlay=True)
    set_fade(scene, 0.5)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode") == 3
    assert not is_shown(scene)
    restore(scene)
