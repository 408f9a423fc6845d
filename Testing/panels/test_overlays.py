"""Overlays as a user sees them: rendered pixels, cut-out, legend, and what happens when volumes go away."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from mrml_helpers import add_volume, slice_picture, slice_widget

from MRStyleLib.color_tables import ColorTable, color_table, colors_of
from MRStyleLib.overlays import (
    OverlayKind,
    cutoff_of,
    display_range,
    hide_overlays,
    set_opacity,
    set_threshold,
    show_overlay,
    shown_overlay,
)

SIZE = 32
VIEWS = ["Red", "Green", "Yellow"]


def ramp(low: float, high: float) -> np.ndarray:
    """A map that rises from `low` at the patient's right to `high` at the left."""
    return np.broadcast_to(np.linspace(low, high, SIZE, dtype=np.float32)[::-1], (SIZE, SIZE, SIZE)).copy()


@pytest.fixture
def image(scene):
    """A gray volume in the background of all views, fitted."""
    assert slicer.app.layoutManager().sliceWidget("Red")  # the views are made at the first call
    array = np.full((SIZE, SIZE, SIZE), 100, dtype=np.int16)
    array[0, 0, 0] = 200
    node = add_volume(scene, array, name="T1 (synthetic)")
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 200)
    slicer.util.setSliceViewerLayers(
        background=node, foreground=None, label=None, foregroundOpacity=0.0, fit=True
    )
    return node


@pytest.fixture
def similarity(scene, image):
    return add_volume(scene, ramp(0, 1), name="CW-SSIM content")


def legends(scene) -> list:
    count = scene.GetNumberOfNodesByClass("vtkMRMLColorLegendDisplayNode")
    return [scene.GetNthNodeByClass(number, "vtkMRMLColorLegendDisplayNode") for number in range(count)]


def is_gray(pixels: np.ndarray) -> np.ndarray:
    return np.ptp(pixels, axis=-1) < 8


def column_colors() -> np.ndarray:
    """RGB of the image's columns, left (patient's right) first, at the middle of the axial view."""
    picture = slice_picture("Red")
    height, width = picture.shape[:2]
    first, last = width // 2 - min(height, width) // 2 + 4, width // 2 + min(height, width) // 2 - 4
    # Above the middle: the legend is at the bottom, the corner texts are at the borders.
    return picture[height // 2, first:last]


def test_similarity_above_the_threshold_is_cut_out(scene, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 1.0, 0.5, VIEWS)
    gray = is_gray(column_colors())
    half = len(gray) // 2
    assert not gray[5 : half - 5].any() and gray[half + 5 : int(0.8 * len(gray))].all()
    set_threshold(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 1.0)
    assert not is_gray(column_colors())[5 : int(0.8 * len(gray))].any()


def test_uncertainty_below_the_threshold_is_cut_out(scene, image):
    node = add_volume(scene, ramp(0, 50), name="uncertainty")
    show_overlay(scene, OverlayKind.UNCERTAINTY, node, 1.0, 25.0, VIEWS)
    gray = is_gray(column_colors())
    half = len(gray) // 2
    assert gray[5 : half - 5].all() and not gray[half + 5 : int(0.8 * len(gray))].any()


def test_small_differences_of_both_signs_are_cut_out(scene, image):
    node = add_volume(scene, ramp(-1, 1), name="difference")
    show_overlay(scene, OverlayKind.DIFFERENCE, node, 1.0, 0.5, VIEWS)
    colors = column_colors()
    gray, quarter = is_gray(colors), len(colors) // 4
    assert not gray[5 : quarter - 5].any()
    assert gray[quarter + 6 : 3 * quarter - 6].all()
    assert colors[quarter // 2, 2] > colors[quarter // 2, 0] + 50  # negative: blue
    assert colors[3 * quarter + 6, 0] > colors[3 * quarter + 6, 2] + 50  # positive: red
    set_threshold(scene, OverlayKind.DIFFERENCE, node, 0.0)
    assert np.abs(column_colors()[2 * quarter] - column_colors()[0]).max() > 50


def test_colors_on_screen_are_those_of_the_table(scene, image):
    node = add_volume(scene, np.where(ramp(0, 1) < 0.5, 0.2, 0.7).astype(np.float32), name="map")
    show_overlay(scene, OverlayKind.CW_SSIM_STYLE, node, 1.0, 1.0, VIEWS)
    expected = 255 * colors_of(ColorTable.SIMILARITY)
    colors = column_colors()
    np.testing.assert_allclose(colors[len(colors) // 4], expected[round(0.2 * 255)], atol=4)
    np.testing.assert_allclose(colors[2 * len(colors) // 3], expected[round(0.7 * 255)], atol=4)


def test_opacity_blends_with_the_image(scene, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 1.0, 1.0, VIEWS)
    covered = column_colors()
    set_opacity(scene, 0.0)
    bare = column_colors()
    set_opacity(scene, 0.25)
    np.testing.assert_allclose(column_colors(), 0.25 * covered + 0.75 * bare, atol=3)


def test_a_legend_names_map_and_unit_and_there_is_only_one(scene, similarity):
    legend = show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    assert "CW-SSIM" in legend.GetTitleText() and "1 = same" in legend.GetTitleText()
    uncertainty = add_volume(scene, ramp(0, 50), name="uncertainty")
    second = show_overlay(scene, OverlayKind.UNCERTAINTY, uncertainty, 0.6, 5, VIEWS)
    assert "intensity units" in second.GetTitleText()
    assert legends(scene) == [second] and second.GetVisibility()
    assert second.GetDisplayableNode() is uncertainty
    assert uncertainty.GetDisplayNode().GetColorNode() is color_table(scene, ColorTable.UNCERTAINTY)


def test_a_legend_is_drawn_where_the_map_is_shown(scene, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.0, 1.0, ["Red"])
    with_legend, without = slice_picture("Red"), slice_picture("Green")
    colored = ~is_gray(with_legend)
    lowest_fifth = int(0.8 * colored.shape[0])
    # The views may be small, about 110 x 120 pixels, after the tests of other windows.
    assert colored[lowest_fifth:].sum() > 50
    assert colored[:lowest_fifth].sum() == 0  # it does not cover the head
    assert (~is_gray(without)).sum() < 10


def test_other_views_are_left_alone(scene, image, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, ["Red"])
    red, green = (slice_widget(name).mrmlSliceCompositeNode() for name in ("Red", "Green"))
    assert red.GetForegroundVolumeID() == similarity.GetID() and red.GetBackgroundVolumeID() == image.GetID()
    assert green.GetForegroundVolumeID() is None


def test_hiding_puts_back_the_users_foreground_and_opacity(scene, image, similarity):
    users = add_volume(scene, ramp(0, 9), name="PET")
    slicer.util.setSliceViewerLayers(foreground=users, foregroundOpacity=0.35)
    users_legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(users)
    difference = add_volume(scene, ramp(-1, 1), name="difference")
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    show_overlay(scene, OverlayKind.DIFFERENCE, difference, 0.7, 0.1, VIEWS)
    assert shown_overlay(scene) is difference
    hide_overlays(scene)
    for name in VIEWS:
        composite = slice_widget(name).mrmlSliceCompositeNode()
        assert composite.GetForegroundVolumeID() == users.GetID()
        assert composite.GetForegroundOpacity() == 0.35
        assert composite.GetBackgroundVolumeID() == image.GetID()
    assert legends(scene) == [users_legend] and shown_overlay(scene) is None


def test_hiding_leaves_what_the_user_has_chosen_since(scene, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    chosen = add_volume(scene, ramp(0, 9), name="PET")
    red = slice_widget("Red").mrmlSliceCompositeNode()
    red.SetForegroundVolumeID(chosen.GetID())
    set_opacity(scene, 0.1)
    assert red.GetForegroundOpacity() == 0.6
    hide_overlays(scene)
    assert red.GetForegroundVolumeID() == chosen.GetID()
    assert slice_widget("Green").mrmlSliceCompositeNode().GetForegroundVolumeID() is None


def test_a_deleted_map_leaves_the_image_and_the_next_one_can_be_shown(scene, image, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 1.0, VIEWS)
    scene.RemoveNode(similarity)
    assert shown_overlay(scene) is None
    set_opacity(scene, 0.3)
    assert is_gray(column_colors()[5 : SIZE * 2]).all()
    again = add_volume(scene, ramp(0, 1), name="again")
    legend = show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, again, 0.6, 1.0, VIEWS)
    assert legends(scene) == [legend]
    hide_overlays(scene)
    assert (
        legends(scene) == [] and slice_widget("Red").mrmlSliceCompositeNode().GetForegroundVolumeID() is None
    )


def test_a_deleted_image_leaves_the_map(scene, image, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 1.0, 1.0, VIEWS)
    scene.RemoveNode(image)
    assert shown_overlay(scene) is similarity
    assert (~is_gray(slice_picture("Red"))).sum() > 1000


def test_a_deleted_former_foreground_is_not_put_back(scene, similarity):
    users = add_volume(scene, ramp(0, 9), name="PET")
    slicer.util.setSliceViewerLayers(foreground=users, foregroundOpacity=0.35)
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    scene.RemoveNode(users)
    hide_overlays(scene)
    assert slice_widget("Red").mrmlSliceCompositeNode().GetForegroundVolumeID() is None


def test_closing_the_scene_while_a_map_is_shown(scene, similarity):
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    scene.Clear(0)
    assert shown_overlay(scene) is None and legends(scene) == []
    hide_overlays(scene)
    image = add_volume(scene, ramp(0, 100))
    slicer.util.setSliceViewerLayers(background=image, fit=True)
    show_overlay(scene, OverlayKind.DIFFERENCE, add_volume(scene, ramp(-1, 1)), 1.0, 0.0, VIEWS)
    assert (~is_gray(column_colors())).sum() > 50


def test_a_saved_scene_shows_the_map_again_and_can_still_hide_it(scene, similarity, tmp_path):
    users = add_volume(scene, ramp(0, 9), name="PET")
    slicer.util.setSliceViewerLayers(foreground=users, foregroundOpacity=0.35)
    show_overlay(scene, OverlayKind.CW_SSIM_CONTENT, similarity, 0.6, 0.9, VIEWS)
    scene.SetSaveToXMLString(1)
    scene.Commit()
    xml = scene.GetSceneXMLString()
    scene.SetSaveToXMLString(0)
    scene.Clear(0)
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(xml)
    scene.Import()
    scene.SetLoadFromXMLString(0)
    assert shown_overlay(scene).GetName() == "CW-SSIM content"
    hide_overlays(scene)
    composite = slice_widget("Red").mrmlSliceCompositeNode()
    assert scene.GetNodeByID(composite.GetForegroundVolumeID()).GetName() == "PET"
    assert composite.GetForegroundOpacity() == 0.35 and legends(scene) == []


def test_ranges_are_round_and_not_stretched_by_a_few_voxels(scene):
    array = np.random.default_rng(3).normal(0, 10, (20, 20, 20)).astype(np.float32)
    array[0, 0, :2] = 5000, np.nan
    node = add_volume(scene, array)
    assert display_range(OverlayKind.DIFFERENCE, node) == (-50.0, 50.0)
    assert display_range(OverlayKind.UNCERTAINTY, node) == (0.0, 50.0)
    assert display_range(OverlayKind.CW_SSIM_CONTENT, node) == (0.0, 1.0)
    empty = add_volume(scene, np.zeros((4, 4, 4), dtype=np.float32))
    assert display_range(OverlayKind.UNCERTAINTY, empty) == (0.0, 1.0)
    cutoff = cutoff_of(OverlayKind.UNCERTAINTY, node)
    assert cutoff.minimum <= cutoff.show_all <= cutoff.default < cutoff.maximum == 50.0


def luminance(which: ColorTable) -> np.ndarray:
    return colors_of(which) @ [0.2126, 0.7152, 0.0722]


def test_color_tables_are_monotone():
    assert (np.diff(luminance(ColorTable.SIMILARITY)) < 0).all()
    for rising in (ColorTable.UNCERTAINTY, ColorTable.PROTON_DENSITY, ColorTable.T1, ColorTable.T2):
        assert (np.diff(luminance(rising)) > 0).all()
    red, _green, blue = colors_of(ColorTable.DIFFERENCE).T
    brightness = luminance(ColorTable.DIFFERENCE)
    assert (np.diff(brightness)[:127] > 0).all() and (np.diff(brightness)[128:] < 0).all()
    assert (blue[:100] > red[:100]).all() and (red[156:] > blue[156:]).all()


def test_each_color_table_is_in_a_scene_once_and_visible_to_the_user(scene):
    first = [color_table(scene, which) for which in ColorTable]
    assert [color_table(scene, which) for which in ColorTable] == first
    for node in first:
        assert not node.GetHideFromEditors() and node.GetAttribute("Category") == "MRStyle"
        assert node.GetNumberOfColors() == 256 and node.GetName().startswith("MRStyle ")
    scene.Clear(0)
    assert color_table(scene, ColorTable.SIMILARITY).GetNumberOfColors() == 256
    other = slicer.vtkMRMLScene()
    assert color_table(other, ColorTable.SIMILARITY).GetScene() is other
