"""What goes wrong around a harmonization and its checks: one sentence says why, the rest goes on, nothing is left."""

from __future__ import annotations

import json

import harmonize_panel_helpers as helpers
import numpy as np
import pytest
import qt
import slicer
from harmonize_panel_helpers import check_volumes, choose_target, harmonize, states
from transfer_panel_helpers import (
    HISTOGRAM_MATCHING,
    add_volume,
    assert_nothing_left,
    choose_model,
    click,
    run_of,
    settle,
    wait_for_end,
    wait_until,
)
from worker_helpers import offer_stand_in

from MRStyleLib import layouts


@pytest.fixture
def panel(scene, monkeypatch, tmp_path):
    """The panel on an empty scene, with a worker that answers at once."""
    helpers.offer_answering_worker(monkeypatch, tmp_path)
    widget = helpers.open_panel()
    yield widget
    helpers.close_panel(slicer.modules.MRHarmonizeWidget)


def test_apply_says_what_is_missing(panel):
    apply, ui = panel.ui.applyButton, panel.ui
    assert not apply.enabled and apply.toolTip == "Add volumes to the table."
    check_volumes(panel, add_volume("A", 1))
    assert apply.enabled, apply.toolTip
    choose_target(panel, "REFERENCE")
    assert "Choose the reference" in apply.toolTip
    ui.referenceSelector.setCurrentNode(slicer.util.getNode("A"))
    settle()
    assert apply.toolTip == "A is the reference and in the table; take it off the table."
    flat = slicer.util.addVolumeFromArray(np.ones((20, 20, 20), np.float32), name="Empty scan")
    ui.referenceSelector.setCurrentNode(flat)
    settle()
    assert "Empty scan" in apply.toolTip and not apply.enabled


def test_model_that_knows_no_site_says_what_it_takes(panel):
    check_volumes(panel, add_volume("A", 1))
    choose_model(panel, HISTOGRAM_MATCHING)
    assert not panel.ui.applyButton.enabled
    assert "the site of a reference volume" in panel.ui.applyButton.toolTip


def test_site_of_a_scene_that_the_model_does_not_know_is_replaced(panel):
    panel._panel.disconnect_scene()
    panel.logic.getParameterNode().SetParameter("site", "sim-9T")
    panel.enter()
    settle()
    assert panel.ui.siteComboBox.currentText == "sim-1.5T-spgr"


def test_frame_of_a_sequence_is_refused(panel):
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Dynamic")
    for number in range(2):
        frame = add_volume(f"Frame {number}", number)
        sequence.SetDataNodeAtValue(frame, str(number))
        slicer.mrmlScene.RemoveNode(frame)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    settle()
    check_volumes(panel, browser.GetProxyNode(sequence))
    assert "(4D)" in panel.ui.applyButton.toolTip and not panel.ui.applyButton.enabled


def test_scan_with_contrast_agent_fails_alone(panel, tmp_path):
    """What the file of a volume says reaches the worker, though the volume comes from the scene."""
    saved = add_volume("sub-01_T1w", 1)
    slicer.util.saveNode(saved, str(tmp_path / "sub-01_T1w.nrrd"))
    (tmp_path / "sub-01_T1w.json").write_text(json.dumps({"ContrastBolusIngredient": "Gadolinium"}))
    check_volumes(panel, saved, add_volume("sub-02_T1w", 2))
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert panel.ui.statusLabel.text.startswith("1 of 2 volumes failed: sub-01_T1w was taken with gadolinium")
    assert states(panel)[0].startswith("Failed: sub-01_T1w") and states(panel)[1] == "Done"
    assert len(run_of(panel).results) == 1 and not panel.ui.logCollapsibleButton.collapsed
    assert_nothing_left()


def test_volume_that_cannot_be_used_fails_alone(panel):
    flat = slicer.util.addVolumeFromArray(np.ones((20, 20, 20), np.float32), name="Empty scan")
    check_volumes(panel, flat)
    assert (
        "Empty scan has the same value" in panel.ui.applyButton.toolTip and not panel.ui.applyButton.enabled
    )
    check_volumes(panel, add_volume("T1", 1))
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert states(panel)[0].startswith("Failed: Empty scan has the same value") and states(panel)[1] == "Done"


def test_directory_without_volumes_is_told(panel, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(slicer.util, "errorDisplay", told.append)
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_arguments: str(tmp_path / "none"))
    (tmp_path / "none").mkdir()
    click(panel.ui.addDirectoryButton)
    wait_until(lambda: bool(told), "the sentence", timeout_s=10)
    assert "There is no volume" in told[0] and panel.ui.inputTable.rowCount == 0


def test_file_that_is_gone_is_named(panel, tmp_path):
    node = add_volume("saved", 1)
    slicer.util.saveNode(node, str(tmp_path / "scan.nrrd"))
    panel._panel._inputs.add_directory(tmp_path)
    wait_until(lambda: panel.ui.inputTable.rowCount == 1, "the file", timeout_s=10)
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip
    (tmp_path / "scan.nrrd").unlink()
    panel._panel._inputs._fill()
    panel.ui.seedSpinBox.value = 3
    panel._panel._inputs_checked = None
    panel._panel.update()
    assert "scan.nrrd is gone" in panel.ui.applyButton.toolTip


def test_head_without_cortex_keeps_what_the_other_check_found(panel):
    dark = add_volume("Knee", 1, scale=1.0)
    harmonize(panel, dark)
    click(panel.ui.checkResultButton)
    wait_for_end(panel)
    assert "shows no cortex" in panel.ui.statusLabel.text
    assert "0.97 \u2192 0.12" in panel.ui.summaryLabel.text
    assert panel.ui.summaryLabel.text.count("not checked") == 2
    assert not panel.ui.showThicknessButton.enabled
    assert "run the check" in panel.ui.showThicknessButton.toolTip
    assert_nothing_left()


def test_apply_becomes_cancel(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, "hello(); progress(0.2); until_canceled(); sys.exit(3)")
    check_volumes(panel, add_volume("A", 1))
    click(panel.ui.applyButton)
    assert panel.ui.applyButton.text == "Cancel" and not panel.ui.addDirectoryButton.enabled
    wait_until(lambda: run_of(panel).hello is not None, "the worker's hello")
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert panel.ui.statusLabel.text == "Canceled." and states(panel) == ["Canceled"]
    assert panel.ui.addDirectoryButton.enabled
    assert_nothing_left()


def test_worker_that_dies_leaves_the_scene_as_it_was(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, "hello(); die()")
    check_volumes(panel, add_volume("A", 1))
    nodes = helpers.count_by_class()
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert "memory" in panel.ui.statusLabel.text
    assert helpers.count_by_class() == nodes
    assert_nothing_left()


def test_damaged_figures_of_a_check_are_told(panel, tmp_path, monkeypatch):
    harmonize(panel, add_volume("A", 1))
    offer_stand_in(
        monkeypatch,
        tmp_path,
        """
        hello()
        say(type="result", case=1, name="", outputs={"probabilities": {"x": "nan"}}, seconds=0.1)
        say(type="result", case=2, name="", outputs={}, seconds=0.1)
        """,
    )
    panel.ui.checkThicknessCheckBox.checked = False
    settle()
    click(panel.ui.checkResultButton)
    wait_for_end(panel)
    assert "damaged" in panel.ui.statusLabel.text
    assert not panel.ui.siteView.isVisibleTo(panel.ui.checksCollapsibleButton)


def test_original_that_was_deleted_is_told(panel):
    original = add_volume("A", 1)
    harmonize(panel, original)
    slicer.mrmlScene.RemoveNode(original)
    settle()
    panel._panel.update()
    assert not panel.ui.checkResultButton.enabled
    assert "original" in panel.ui.checkResultButton.toolTip
    assert not panel.ui.sideBySideButton.enabled or layouts.is_shown(slicer.mrmlScene)


def test_hostile_values_of_a_scene_are_replaced(panel):
    (result,) = harmonize(panel, add_volume("A", 1))
    panel._panel.disconnect_scene()
    node = panel.logic.getParameterNode()
    for name, value in {"seed": "-7", "opacity": "nan", "target": "os", "site": "\x07" * 3}.items():
        node.SetParameter(name, value)
    for text in ("{", "[]", '{"flicker_ratio": "NaN"}', "{" * 100_000):
        result.SetAttribute("MRStyle.Findings", text)
        panel._panel._on_result()
    panel.enter()
    settle()
    assert "unusable value" in panel.ui.statusLabel.text
    assert panel.ui.seedSpinBox.value == 0 and panel.ui.opacitySlider.value == pytest.approx(0.8)
    assert "Not checked yet" in panel.ui.summaryLabel.text


def test_module_is_reloaded(panel):
    check_volumes(panel, add_volume("A", 1))
    panel.ui.n4CheckBox.checked = True
    panel.onReload()
    settle(0.2)
    again = slicer.modules.MRHarmonizeWidget
    assert again is not panel and again.ui.n4CheckBox.checked
