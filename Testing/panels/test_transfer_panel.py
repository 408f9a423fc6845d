"""The MRStyleTransfer panel as a user has it: the unchanged module in the host, a real worker, clicks."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pytest
import qt
import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import add_volume, choose, click, settle, wait_for_end

from MRStyleLib import layouts
from MRStyleLib.overlays import OverlayKind, shown_overlay


@pytest.fixture
def panel(scene):
    """The panel on an empty scene."""
    widget = helpers.open_panel()
    widget.ui.modelSearchBox.text = ""
    yield widget
    widget.logic.runner.run and widget.logic.runner.run.cancel()
    wait_for_end(widget)


@pytest.fixture
def pair(panel):
    """Content and style, chosen, with a model without weights."""
    content, style = add_volume("T1 patient", 1), add_volume("T2 patient", 2, scale=900.0)
    choose(panel, content, style)
    return content, style


@pytest.fixture(scope="module")
def finished(host):
    """One run, for the tests that only look at its result: (panel, content, style, result)."""
    slicer.mrmlScene.Clear(0)
    widget = helpers.open_panel()
    content, style = add_volume("T1 patient", 1), add_volume("T2 patient", 2, scale=900.0)
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    choose(widget, content, style)
    click(widget.ui.applyButton)
    wait_for_end(widget)
    assert widget.ui.statusLabel.text.startswith("Finished"), widget.ui.statusLabel.text
    return widget, content, style, helpers.run_of(widget).results[0]


def test_panel_opens_without_torch(scene):
    helpers.open_panel()
    assert "torch" not in sys.modules and "pydantic" not in sys.modules


def test_result_is_on_the_grid_and_carries_its_history(finished):
    _panel, content, _style, result = finished
    assert result.GetName() == "T1 patient (synthetic)"
    assert slicer.util.arrayFromVolume(result).shape == slicer.util.arrayFromVolume(content).shape
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(content, result) == ""
    assert result.GetAttribute("MRStyle.Model").startswith("histogram-matching@1.0.0")
    assert json.loads(result.GetAttribute("MRStyle.History"))["target"]
    assert result.GetAttribute("DICOM.instanceUIDs") is None


def test_result_has_the_intensities_of_the_style(finished):
    _panel, _content, style, result = finished
    assert np.percentile(slicer.util.arrayFromVolume(result), 99) == pytest.approx(
        np.percentile(slicer.util.arrayFromVolume(style), 99), rel=0.1
    )


def test_result_is_shown_side_by_side_with_an_overlay(finished):
    panel, _content, _style, result = finished
    scene = slicer.mrmlScene
    assert layouts.is_shown(scene)
    overlay = shown_overlay(scene)
    assert overlay is not None and "cw ssim content" in overlay.GetName()
    assert panel.ui.resultSelector.currentNode() is result


def test_run_leaves_nothing_behind(finished):
    helpers.assert_nothing_left()


def test_metrics_and_histograms_are_shown(finished):
    panel, _content, _style, _result = finished
    table = panel.ui.metricsTable.mrmlTableNode()
    assert table.GetNumberOfRows() >= 5
    assert panel.ui.metricsTable.isVisibleTo(panel.ui.qualityCollapsibleButton)
    assert panel.ui.histogramView.isVisibleTo(panel.ui.qualityCollapsibleButton)


def test_names_and_values_of_the_metrics_fit_into_the_panel(finished):
    table = finished[0].ui.metricsTable
    assert table.columnViewportPosition(2) <= table.viewport().width
    assert not table.verticalHeader().isVisibleTo(table)


def test_saved_report_is_the_page_of_the_result(finished, tmp_path, monkeypatch):
    panel = finished[0]
    offered = []

    def choose_file(_parent, _title, name, _filter):
        offered.append(name)
        return str(tmp_path / "Befund für Müller.html")

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", choose_file)
    assert panel.ui.saveReportButton.enabled, panel.ui.saveReportButton.toolTip
    click(panel.ui.saveReportButton)
    page = (tmp_path / "Befund für Müller.html").read_text(encoding="utf-8")
    assert offered == ["T1 patient (synthetic).html"]
    assert page.lstrip().lower().startswith("<!doctype html") and "CW-SSIM" in page
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: "")
    click(panel.ui.saveReportButton)
    assert len(list(tmp_path.iterdir())) == 1


def test_overlay_choice_opacity_and_cut_out(finished):
    panel, _content, _style, _result = finished
    ui = panel.ui
    ui.overlayComboBox.currentIndex = 3
    settle()
    overlay = shown_overlay(slicer.mrmlScene)
    assert "difference" in overlay.GetName()
    ui.opacitySlider.value = 0.25
    settle()
    composite = slicer.mrmlScene.GetSingletonNode(layouts.OVERLAY_VIEW, "vtkMRMLSliceCompositeNode")
    assert composite.GetForegroundOpacity() == pytest.approx(0.25)
    ui.overlayComboBox.currentIndex = 1
    settle()
    ui.thresholdSlider.value = 0.5
    settle()
    display = shown_overlay(slicer.mrmlScene).GetDisplayNode()
    assert display.GetUpperThreshold() == pytest.approx(0.5)
    ui.overlayComboBox.currentIndex = 0
    settle()
    assert shown_overlay(slicer.mrmlScene) is None


def test_missing_uncertainty_is_explained(finished):
    panel, _content, _style, _result = finished
    panel.ui.overlayComboBox.currentIndex = 4
    settle()
    assert "Samples" in panel.ui.qualityNoteLabel.text
    assert not panel.ui.opacitySlider.enabled


def test_fade_rock_and_flicker_change_the_middle_view(finished):
    panel, _content, _style, _result = finished
    composite = slicer.mrmlScene.GetSingletonNode(layouts.STYLED_VIEW, "vtkMRMLSliceCompositeNode")
    panel.ui.fadeSlider.value = 0.3
    assert composite.GetForegroundOpacity() == pytest.approx(0.3)
    for button in (panel.ui.rockButton, panel.ui.flickerButton):
        click(button)
        seen = set()
        end = time.monotonic() + 10
        while not {0.0, 1.0} <= seen and time.monotonic() < end:
            settle(0.05)
            seen.add(round(composite.GetForegroundOpacity(), 1))
        assert {0.0, 1.0} <= seen
    assert not panel.ui.rockButton.checked
    click(panel.ui.flickerButton)
    assert composite.GetForegroundOpacity() == pytest.approx(0.3)


def test_restore_brings_the_layout_back(finished):
    panel = finished[0]
    panel.ui.overlayComboBox.currentIndex = 1
    settle()
    click(panel.ui.restoreLayoutButton)
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    assert shown_overlay(slicer.mrmlScene) is None
    click(panel.ui.sideBySideButton)
    assert layouts.is_shown(slicer.mrmlScene) and shown_overlay(slicer.mrmlScene) is not None


def test_device_line_and_log_are_filled(finished):
    panel, _content, _style, _result = finished
    assert "CPU" in panel.ui.deviceLabel.text and "torch" in panel.ui.deviceLabel.text


def test_result_is_known_in_a_saved_and_loaded_scene(finished, tmp_path):
    panel, _content, _style, _result = finished
    panel.ui.overlayComboBox.currentIndex = 1
    path = tmp_path / "scene.mrml"
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(str(tmp_path / f"{node.GetID()}.nrrd"))
        storage.WriteData(node)
    slicer.mrmlScene.SetURL(str(path))
    slicer.mrmlScene.Commit()
    slicer.mrmlScene.Clear(0)
    settle()
    assert not panel.ui.sideBySideButton.enabled
    slicer.mrmlScene.SetURL(str(path))
    slicer.mrmlScene.Connect()
    settle()
    loaded = slicer.util.getNode("T1 patient (synthetic)")
    panel.ui.resultSelector.setCurrentNode(loaded)
    settle()
    assert panel.ui.sideBySideButton.enabled
    click(panel.ui.sideBySideButton)
    assert shown_overlay(slicer.mrmlScene) is not None


def test_closing_the_scene_gives_the_users_layout_back(panel, pair):
    from MRStyleTransferLib import result_links

    content, style = pair
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    styled = add_volume("T1 patient (synthetic)", 1)
    result_links.link_inputs(styled, content, style)
    panel._panel._compare.choose(styled)
    settle()
    click(panel.ui.sideBySideButton)
    assert layouts.is_shown(slicer.mrmlScene)
    slicer.mrmlScene.Clear(0)
    settle()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    assert manager.sliceWidget("Red").isVisibleTo(manager.viewport())
    assert not manager.sliceWidget(layouts.STYLED_VIEW).isVisibleTo(manager.viewport())


def test_apply_says_what_is_missing(panel):
    ui = panel.ui
    assert not ui.applyButton.enabled
    assert "content" in ui.applyButton.toolTip
    content = add_volume("A")
    ui.contentSelector.setCurrentNode(content)
    settle()
    assert "style" in ui.applyButton.toolTip
    ui.styleSelector.setCurrentNode(content)
    settle()
    assert ui.applyButton.toolTip == "A is both content and style; choose two different volumes."
    ui.styleSelector.setCurrentNode(add_volume("B", 2))
    settle()
    assert ui.applyButton.enabled


def test_constant_volume_is_refused_by_name(panel, pair):
    flat = slicer.util.addVolumeFromArray(np.ones((20, 20, 20), np.float32), name="Empty scan")
    panel.ui.contentSelector.setCurrentNode(flat)
    settle()
    assert not panel.ui.applyButton.enabled
    assert "Empty scan" in panel.ui.applyButton.toolTip


def test_input_that_is_filled_later_is_looked_at_again(panel, pair):
    content, _style = pair
    slicer.util.updateVolumeFromArray(content, np.ones((20, 20, 20), np.float32))
    settle()
    panel.enter()
    panel.ui.samplesSpinBox.value = 1
    panel._panel.update()
    assert not panel.ui.applyButton.enabled


def test_output_must_not_be_an_input(panel, pair):
    panel.ui.outputSelector.setCurrentNode(pair[0])
    settle()
    assert "would be overwritten" in panel.ui.applyButton.toolTip


def test_chosen_output_takes_the_result_and_old_maps_go(panel, pair):
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Mine")
    panel.ui.outputSelector.setCurrentNode(output)
    for _run in range(2):
        click(panel.ui.applyButton)
        wait_for_end(panel)
    assert helpers.run_of(panel).results == [output]
    assert output.GetName() == "Mine"
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert sum("cw ssim content" in name for name in names) == 1


def test_apply_becomes_cancel_which_ends_all(panel, pair):
    click(panel.ui.applyButton)
    assert panel.ui.applyButton.text == "Cancel"
    assert panel.ui.progressBar.isVisibleTo(panel.parent)
    helpers.wait_for_worker(panel)
    click(panel.ui.applyButton)
    wait_for_end(panel)
    helpers.assert_nothing_left()
    assert panel.ui.applyButton.text == "Apply" and panel.ui.applyButton.enabled
    assert panel.ui.statusLabel.text.startswith("Canceled")
    assert helpers.run_of(panel).results == []


def test_run_goes_on_while_another_module_is_shown(panel, pair):
    click(panel.ui.applyButton)
    panel.exit()
    wait_for_end(panel)
    assert len(helpers.run_of(panel).results) == 1


def test_batch_does_all_with_one_worker(panel, pair):
    panel.ui.batchCollapsibleButton.collapsed = False
    contents = [pair[0], add_volume("Second", 5), add_volume("Third", 6)]
    for node in contents:
        panel.ui.batchSelector.setCheckState(node, 2)
    settle()
    assert panel.ui.batchTable.rowCount == 3
    click(panel.ui.batchApplyButton)
    pids, shown_early = set(), False
    while panel.logic.runner.is_busy:
        settle(0.05)
        pids |= set(helpers.worker_pids())
        shown_early |= shown_overlay(slicer.mrmlScene) is not None and panel.logic.runner.is_busy
    assert shown_early  # the first result with its map, while the others are waiting
    settle(0.2)
    run = helpers.run_of(panel)
    assert run.state.name == "FINISHED", (run.message, run.log)
    assert len(pids) <= 2  # the launcher and the worker, once
    assert [node.GetName() for node in run.results] == [f"{node.GetName()} (synthetic)" for node in contents]
    assert [panel.ui.batchTable.item(row, 1).text() for row in range(3)] == ["Done"] * 3
    panel.ui.batchTable.cellClicked.emit(2, 0)
    settle()
    assert panel.ui.resultSelector.currentNode() is run.results[2]


def test_sequence_becomes_a_sequence(panel, pair):
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Dynamic")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for seconds in (0, 12, 25):
        frame = add_volume(f"Frame {seconds}", seed=seconds, scale=100 + seconds)
        sequence.SetDataNodeAtValue(frame, str(seconds))
        slicer.mrmlScene.RemoveNode(frame)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    settle()
    panel.ui.contentSelector.setCurrentNode(browser.GetProxyNode(sequence))
    settle()
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip
    click(panel.ui.applyButton)
    wait_for_end(panel)
    styled = helpers.run_of(panel).results[0]
    made = browser.GetSequenceNode(styled)
    values = [made.GetNthIndexValue(number) for number in range(made.GetNumberOfDataNodes())]
    assert values == ["0", "12", "25"]
    assert (made.GetIndexName(), made.GetIndexUnit()) == ("time", "s")
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    settle()
    assert panel.ui.resultSelector.currentNode() is styled  # and still a result when another frame is shown
    panel._panel._compare.list_results()
    assert panel._panel._compare.result is styled


def test_uncertainty_needs_a_model_that_gives_one(panel, pair):
    panel.ui.samplesSpinBox.value = 2
    click(panel.ui.applyButton)
    wait_for_end(panel)
    run = helpers.run_of(panel)
    assert any("uncertainty" in line for line in run.log), run.log
    from MRStyleTransferLib import result_links

    assert result_links.map_of(run.results[0], OverlayKind.UNCERTAINTY) is None
