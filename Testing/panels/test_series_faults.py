"""Runs on dynamic series that end otherwise, with the real worker, and the same from a script."""

from __future__ import annotations

import time

import numpy as np
import pytest
import series_panel_helpers as series
import slicer
import transfer_panel_helpers as helpers
from series_panel_helpers import model_folder, panel  # noqa: F401
from transfer_panel_helpers import click, settle, wait_for_end, wait_until

from MRStyleLib.overlays import OverlayKind
from MRStyleLib.sequences import find_browser, time_axis

ENHANCED, LIKE = 1, 2  # rows of the choice


def run(panel, content, choice: int = 0) -> str:  # noqa: F811
    """Apply, and what is said at the end."""
    panel.ui.contentSelector.setCurrentNode(content)
    panel.ui.enhancementComboBox.currentIndex = choice
    settle()
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip
    click(panel.ui.applyButton)
    wait_for_end(panel)
    helpers.assert_nothing_left()
    return panel.ui.statusLabel.text


def test_series_that_cannot_be_used_are_refused_by_name(panel):  # noqa: F811
    frames, _affine = series.kidney_frames()
    late = series.add_kidney("Late start", frames=frames[::-1].copy())
    quiet = series.add_kidney("Quiet", frames=np.repeat(frames[:1], len(frames), axis=0))
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    assert "The first frame of Late start is enhanced already" in run(panel, late)
    assert "The series Quiet shows no enhancement" in run(panel, quiet, ENHANCED)
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_a_series_without_enhancement_has_no_distances(panel):  # noqa: F811
    frames, _affine = series.kidney_frames()
    quiet = series.add_kidney("Quiet", frames=np.repeat(frames[:1], len(frames), axis=0))
    assert run(panel, quiet).startswith("Finished")
    wait_until(lambda: panel.ui.seriesPlotNoteLabel.text, "the plot", 5)
    assert "No voxel is enhanced by so much" in panel.ui.seriesPlotNoteLabel.text
    from MRStyleTransferLib import result_links

    weights = result_links.map_of(helpers.run_of(panel).results[0], OverlayKind.CONTENT_WEIGHT)
    assert (slicer.util.arrayFromVolume(weights) == 1).all()


def test_motion_is_told_with_a_figure(panel):  # noqa: F811
    frames, _affine = series.kidney_frames()
    shifted = np.stack([np.roll(frame, 4 * (number % 2), axis=0) for number, frame in enumerate(frames)])
    said = run(panel, series.add_kidney("Moving", frames=shifted))
    assert said.startswith("Finished") and "Moving moves by up to 2" in said and " mm " in said


def test_frames_without_times_are_counted_and_that_is_said(panel):  # noqa: F811
    content = series.add_kidney("Numbered", times=np.arange(12), unit="")
    find_browser(slicer.mrmlScene, content)[1].SetIndexName("frame")
    assert run(panel, content).startswith("Finished")
    assert any("Numbered have no times" in line for line in helpers.run_of(panel).log)
    made = find_browser(slicer.mrmlScene, helpers.run_of(panel).results[0])[1]
    axis = time_axis(made)
    assert (axis.title, axis.is_time) == ("Frame", False)
    np.testing.assert_array_equal(axis.values, np.arange(12))


def test_like_a_frame_of_another_series(panel):  # noqa: F811
    content, other = series.add_kidney("Kidney A"), series.add_kidney("Kidney B", seed=2)
    panel.ui.likeSelector.setCurrentNode(other)
    panel.ui.likeFrameSpinBox.value = 7
    assert run(panel, content, LIKE).startswith("Finished")
    result = helpers.run_of(panel).results[0]
    from MRStyleTransferLib import result_links

    assert result_links.style_of(result) is other
    assert '"name": "Kidney B", "frame": 6' in result.GetAttribute("MRStyle.Target")
    panel.ui.seriesOverlayComboBox.currentIndex = 4
    settle()
    assert "shows other anatomy" in panel.ui.seriesNoteLabel.text


def test_cancel_ends_all_within_three_seconds(panel):  # noqa: F811
    panel.ui.contentSelector.setCurrentNode(series.add_kidney())
    settle()
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    click(panel.ui.applyButton)
    assert panel.ui.applyButton.text == "Cancel"
    helpers.wait_for_worker(panel)
    click(panel.ui.applyButton)
    wait_for_end(panel)
    helpers.assert_nothing_left()
    assert panel.ui.statusLabel.text.startswith("Canceled")
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_content_is_deleted_during_a_run(panel):  # noqa: F811
    content = series.add_kidney()
    panel.ui.contentSelector.setCurrentNode(content)
    settle()
    click(panel.ui.applyButton)
    helpers.wait_for_worker(panel)
    slicer.mrmlScene.RemoveNode(content)
    wait_for_end(panel)
    helpers.assert_nothing_left()
    assert "Kidney was deleted during the run" in helpers.run_of(panel).message


def test_without_measured_quality_only_the_series_comes(panel):  # noqa: F811
    panel.ui.measureQualityCheckBox.checked = False
    try:
        assert run(panel, series.add_kidney()).startswith("Finished")
        wait_until(lambda: panel.ui.seriesPlotNoteLabel.text, "the plot", 5)
        assert "Measure quality" in panel.ui.seriesPlotNoteLabel.text
        assert "Measure quality" in panel.ui.seriesNoteLabel.text
        assert len(slicer.util.getNodesByClass("vtkMRMLSequenceNode")) == 2
    finally:
        panel.ui.measureQualityCheckBox.checked = True


def test_the_window_answers_while_a_result_comes_in(panel):  # noqa: F811
    """The import of a series is done in pieces: the event loop runs many times before it is over."""
    panel.ui.contentSelector.setCurrentNode(series.add_kidney())
    settle()
    click(panel.ui.applyButton)
    wait_until(lambda: bool(helpers.run_of(panel).results), "the series")
    turns = 0
    while panel.logic.runner.is_busy:
        slicer.app.processEvents()
        turns += 1
        time.sleep(0.001)
    # Two maps of the whole series, with a frame at a time.
    assert turns >= 2 * len(series.TIMES_S)


@pytest.fixture
def logic(scene, model_folder, monkeypatch):  # noqa: F811
    """The logic, without a panel."""
    monkeypatch.setenv("MRSTYLE_MODELS", str(model_folder))
    helpers.load_module()
    from MRStyleTransfer import MRStyleTransferLogic

    return MRStyleTransferLogic()


def test_a_script_changes_a_series(logic):
    content = series.add_kidney()
    changed = logic.processSeries(content, series.MODEL, "enhanced", device="cpu")
    assert changed.GetName() == "Kidney (enhanced, synthetic)"
    assert find_browser(slicer.mrmlScene, changed)[0] is find_browser(slicer.mrmlScene, content)[0]
    helpers.assert_nothing_left()


def test_a_script_is_told_what_is_wrong(logic):
    content, single = series.add_kidney(), helpers.add_volume("Single")
    for arguments, said in (
        ((content, "nothing"), "no model"),
        ((None, series.MODEL), "Choose the content"),
        ((single, series.MODEL), "is a single volume"),
        ((content, series.MODEL, "tripled"), "no enhancement 'tripled'; choose one of baseline"),
        ((content, series.MODEL, "like"), "Choose the series that has the frame"),
        ((content, series.MODEL, "like", content, 13), "frames 1 to 12, not 13"),
        ((content, "histogram-matching"), "does not change enhancement"),
    ):
        with pytest.raises(ValueError, match=said):
            logic.processSeries(*arguments)
    with pytest.raises(ValueError, match="changes the enhancement of one dynamic series"):
        logic.process(single, helpers.add_volume("Other", 2), series.MODEL)
    frames, _affine = series.kidney_frames()
    late = series.add_kidney("Late", frames=frames[::-1].copy())
    with pytest.raises(RuntimeError, match="Late is enhanced already"):
        logic.processSeries(late, series.MODEL)
    assert helpers.run_folders() == []
