"""Dynamic series in the MRStyleTransfer panel as a user has them: an untrained model, the real worker, clicks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import series_panel_helpers as series
import slicer
import transfer_panel_helpers as helpers
from series_panel_helpers import model_folder  # noqa: F401
from transfer_panel_helpers import click, settle, wait_for_end, wait_until

from MRStyleLib import layouts
from MRStyleLib.overlays import shown_overlay
from MRStyleLib.sequences import find_browser


@pytest.fixture(scope="module")
def finished(model_folder):  # noqa: F811
    """One run, for the tests that only look at its result: (panel, content, result)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MRSTYLE_MODELS", str(model_folder))
        slicer.mrmlScene.Clear(0)
        widget = series.open_panel_with_model()
        content = series.add_kidney()
        widget.ui.contentSelector.setCurrentNode(content)
        settle()
        assert widget.ui.applyButton.enabled, widget.ui.applyButton.toolTip
        click(widget.ui.applyButton)
        wait_for_end(widget)
        assert widget.ui.statusLabel.text.startswith("Finished"), widget.ui.statusLabel.text
        wait_until(lambda: widget.ui.seriesPlotNoteLabel.text, "the plot", 5)
        yield widget, content, helpers.run_of(widget).results[0]
        slicer.mrmlScene.Clear(0)
        settle()


def test_a_result_is_a_sequence_with_the_same_times_beside_the_content(finished):
    _widget, content, result = finished
    browser, made = find_browser(slicer.mrmlScene, result)
    assert find_browser(slicer.mrmlScene, content)[0] is browser
    values = [float(made.GetNthIndexValue(number)) for number in range(made.GetNumberOfDataNodes())]
    assert values == series.TIMES_S.tolist()
    assert (made.GetIndexName(), made.GetIndexUnit()) == ("time", "s")
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(content, result) == ""
    history = json.loads(result.GetAttribute("MRStyle.History"))
    assert history["model_id"] == "tiny-dce" and history["enhancement"] == "baseline"
    assert result.GetName() == "Kidney (not enhanced, synthetic)"
    assert layouts.is_shown(slicer.mrmlScene)
    helpers.assert_nothing_left()


def test_stepping_and_playing_moves_both(finished):
    widget, content, result = finished
    browser, made = find_browser(slicer.mrmlScene, result)
    original = find_browser(slicer.mrmlScene, content)[1]
    assert widget.ui.frameSlider.maximum == len(series.TIMES_S)
    widget.ui.frameSlider.value = 7
    settle()
    for proxy, sequence in ((content, original), (result, made)):
        np.testing.assert_array_equal(
            slicer.util.arrayFromVolume(proxy), slicer.util.arrayFromVolume(sequence.GetNthDataNode(6))
        )
    # The result is still known as one: the panel shows it.
    assert widget.ui.resultSelector.currentNode() is result
    assert widget.ui.enhancementCollapsibleButton.isVisibleTo(widget.parent)
    assert not widget.ui.qualityCollapsibleButton.isVisibleTo(widget.parent)
    click(widget.ui.playButton)
    assert browser.GetPlaybackActive()
    click(widget.ui.playButton)
    assert not browser.GetPlaybackActive()
    browser.SetSelectedItemNumber(3)  # as Slicer's tool bar does
    browser.SetPlaybackActive(True)
    assert widget.ui.frameSlider.value == 4 and widget.ui.playButton.checked
    browser.SetPlaybackActive(False)


def chart_of(widget):
    """Title, and the lines by name as (x, y)."""
    assert widget.ui.seriesPlotView.isVisibleTo(widget.ui.enhancementCollapsibleButton)
    chart = slicer.mrmlScene.GetSingletonNode("MRStyleSeries", "vtkMRMLPlotViewNode").GetPlotChartNode()
    lines = {}
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        each = chart.GetNthPlotSeriesNode(number)
        columns = each.GetXColumnName(), each.GetYColumnName()
        lines[each.GetName()] = tuple(
            slicer.util.arrayFromTableColumn(each.GetTableNode(), name) for name in columns
        )
    return chart.GetTitle(), lines


def choose_and_wait(widget, choose) -> None:
    widget.ui.seriesPlotNoteLabel.text = ""
    choose()
    wait_until(lambda: widget.ui.seriesPlotNoteLabel.text, "the plot", 5)


def test_the_curve_of_what_enhances_is_shown_before_and_after(finished):
    widget, _content, result = finished
    title, lines = chart_of(widget)
    assert "enhanced voxels" in title
    frames, _affine = series.kidney_frames()
    enhanced = slicer.util.arrayFromVolume(map_of(result, "ENHANCEMENT")) > 20 / 255
    np.testing.assert_allclose(lines["Before"][0], series.TIMES_S)
    np.testing.assert_allclose(lines["Before"][1], frames[:, enhanced].mean(axis=1), rtol=1e-4)
    assert lines["Before"][1][-1] > 1.3 * lines["Before"][1][0]
    assert not np.allclose(lines["After"][1], lines["Before"][1])


def map_of(result, kind: str):
    from MRStyleTransferLib import result_links

    from MRStyleLib.overlays import OverlayKind

    return result_links.map_of(result, OverlayKind[kind])


def test_the_threshold_moves_mask_distances_and_curve(finished):
    """As the core computes them from the same enhancement."""
    from mrstyle.metrics.enhancement import ENHANCEMENT_THRESHOLD, distance_weights
    from MRStyleLib.enhancement import PUBLISHED_THRESHOLD

    assert PUBLISHED_THRESHOLD == ENHANCEMENT_THRESHOLD / 255

    widget, _content, result = finished
    gain = slicer.util.arrayFromVolume(map_of(result, "ENHANCEMENT"))
    weights = map_of(result, "CONTENT_WEIGHT")
    before = chart_of(widget)[1]["Before"][1]
    choose_and_wait(widget, lambda: setattr(widget.ui.enhancementSlider, "value", 0.5))
    expected, _ = distance_weights(gain > 0.5, spacing_mm=weights.GetSpacing())
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(weights), expected)
    assert widget.ui.seriesPlotNoteLabel.text == f"{int((gain > 0.5).sum())} voxels"
    assert chart_of(widget)[1]["Before"][1].max() > before.max()
    overlay = shown_overlay(slicer.mrmlScene)
    assert overlay is map_of(result, "ENHANCEMENT")
    assert overlay.GetDisplayNode().GetLowerThreshold() == pytest.approx(0.5)
    choose_and_wait(widget, lambda: setattr(widget.ui.enhancementSlider, "value", 1.0))
    assert "lower the threshold" in widget.ui.seriesPlotNoteLabel.text
    choose_and_wait(widget, lambda: setattr(widget.ui.enhancementSlider, "value", 0.078))


def test_maps_are_shown_over_the_result_and_change_with_the_frame(finished):
    widget, _content, result = finished
    combo = widget.ui.seriesOverlayComboBox
    for index, kind in enumerate(("ENHANCEMENT", "CONTENT_WEIGHT", "CW_SSIM_CONTENT", "CW_SSIM_STYLE"), 1):
        combo.currentIndex = index
        settle()
        assert shown_overlay(slicer.mrmlScene) is map_of(result, kind)
    widget.ui.seriesOpacitySlider.value = 0.3
    settle()
    composite = slicer.mrmlScene.GetSingletonNode(layouts.OVERLAY_VIEW, "vtkMRMLSliceCompositeNode")
    assert composite.GetForegroundOpacity() == pytest.approx(0.3)
    seen = []
    for frame in (1, 8):
        widget.ui.frameSlider.value = frame
        settle()
        seen.append(slicer.util.arrayFromVolume(map_of(result, "CW_SSIM_STYLE")).copy())
    assert not np.array_equal(*seen)
    assert shown_overlay(slicer.mrmlScene) is map_of(result, "CW_SSIM_STYLE")
    combo.currentIndex = 0
    settle()
    assert shown_overlay(slicer.mrmlScene) is None
    combo.currentIndex = 1


def test_similarity_is_plotted_over_time(finished):
    widget, _content, _result = finished
    choose_and_wait(widget, lambda: setattr(widget.ui.seriesPlotComboBox, "currentIndex", 1))
    _title, lines = chart_of(widget)
    assert list(lines) == ["To content", "To style"]
    for x, y in lines.values():
        np.testing.assert_allclose(x, series.TIMES_S)
        assert ((y > 0) & (y <= 1)).all() and np.ptp(y) > 0
    choose_and_wait(widget, lambda: setattr(widget.ui.seriesPlotComboBox, "currentIndex", 0))


def test_every_frame_says_that_it_is_a_result(finished):
    """The volume that shows it takes over the attributes of each frame."""
    from MRStyleTransferLib import result_links

    _widget, content, result = finished
    assert result_links.is_series(result) and result_links.content_of(result) is content
    made = find_browser(slicer.mrmlScene, result)[1]
    roles = {made.GetNthDataNode(n).GetAttribute("MRStyle.Role") for n in range(made.GetNumberOfDataNodes())}
    assert roles == {"styled"}


def test_the_curve_of_a_region_that_the_user_draws(finished):
    widget, content, _result = finished
    frames, _affine = series.kidney_frames()
    brightest = frames[6] > 0.9 * frames[6].max()
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Cortex")
    slicer.util.updateVolumeFromArray(labels, brightest.astype(np.uint8))
    labels.CopyOrientation(content)
    choose_and_wait(widget, lambda: widget.ui.regionSelector.setCurrentNode(labels))
    title, lines = chart_of(widget)
    assert title == "Mean signal of Cortex"
    np.testing.assert_allclose(lines["Before"][1], frames[:, brightest].mean(axis=1), rtol=1e-4)

    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Drawn")
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(labels, segmentation)
    segmentation.CreateDefaultDisplayNodes()
    choose_and_wait(widget, lambda: widget.ui.regionSelector.setCurrentNode(segmentation))
    title, of_segments = chart_of(widget)
    assert title == "Mean signal of Drawn"
    np.testing.assert_allclose(of_segments["Before"][1], lines["Before"][1])
    labels.SetSpacing(1, 1, 1)
    choose_and_wait(widget, lambda: widget.ui.regionSelector.setCurrentNode(labels))
    assert "Cortex is not on the grid" in widget.ui.seriesPlotNoteLabel.text
    choose_and_wait(widget, lambda: widget.ui.regionSelector.setCurrentNode(None))


def test_a_result_is_known_in_a_saved_and_loaded_scene(finished, tmp_path):
    """The last test: the scene is another one afterward."""
    widget, _content, result = finished
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert names.count("Kidney") == 1 and names.count(result.GetName()) == 1
    choose_and_wait(widget, lambda: setattr(widget.ui.enhancementSlider, "value", 0.3))
    said, path = widget.ui.seriesPlotNoteLabel.text, str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    settle()
    assert not widget.ui.enhancementCollapsibleButton.isVisibleTo(widget.parent)
    slicer.util.loadScene(path)
    settle()
    loaded = slicer.util.getNode("Kidney (not enhanced, synthetic)")
    widget.ui.seriesPlotNoteLabel.text = ""
    widget.ui.resultSelector.setCurrentNode(loaded)
    wait_until(lambda: widget.ui.seriesPlotNoteLabel.text, "the plot", 10)
    assert widget.ui.seriesPlotNoteLabel.text == said
    assert widget.ui.enhancementSlider.value == pytest.approx(0.3)
    widget.ui.frameSlider.value = 5
    settle()
    made = find_browser(slicer.mrmlScene, loaded)[1]
    np.testing.assert_array_equal(
        slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(made.GetNthDataNode(4))
    )
    assert widget.ui.resultSelector.currentNode() is loaded
