"""What goes wrong around a run of ContrastSynth: one sentence says why, and nothing is left behind."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
import synth_panel_helpers as helpers
from synth_panel_helpers import add_scan, choose_source, move, preview_of, settle, wait_for_preview
from transfer_panel_helpers import assert_nothing_left, click, run_of, wait_for_end, wait_until
from worker_helpers import offer_stand_in

from mrstyle.presets import preset_acquisition

_IMAGE = """
import json, sys
from pathlib import Path
case = json.loads(Path(sys.argv[sys.argv.index("--job") + 1]).read_text(encoding="utf-8"))["cases"][0]
source, target = Path(case["sources"][0]["volume"]), case["targets"][0]
header, voxels = source.read_bytes().split(b"\\n\\n", 1)
for path in filter(None, (target["output"], target["uncertainty"])):
    Path(path).write_bytes(header + b"\\n\\n" + voxels)
history = dict(model_id="tiny-crl", model_version="1.2.3", target=dict(kind="acquisition", **target["acquisition"]))
Path(target["output"]).with_suffix(".json").write_text(json.dumps(history), encoding="utf-8")
row = dict(metric="PSNR", value=27.5, unit="dB", against="reference", data_range="1", mask="all", note="")
told = dict(image=target["output"], history=None, uncertainty=target["uncertainty"],
            metrics=[row] if target["reference"] else None)
hello()
say(type="result", case=1, name="", seconds=0.1,
    outputs=dict(sources=[], encoding=None, maps={}, targets=[told], notes=["Seen from afar."]))
"""


@pytest.fixture
def panel(scene):
    """The panel with a chosen source."""
    widget = helpers.open_panel()
    choose_source(widget, add_scan("MPRAGE", "T1 patient"))
    assert widget.ui.applyButton.enabled, widget.ui.applyButton.toolTip
    yield widget
    helpers.close_panel(slicer.modules.ContrastSynthWidget)


def volumes() -> list[str]:
    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]


def test_preparation_can_be_canceled(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, "hello(); progress(0.2); until_canceled()")
    move(panel.ui.echoSlider, 40)
    wait_until(lambda: run_of(panel).hello is not None, "the worker's hello")
    assert panel.ui.applyButton.text == "Cancel"
    assert panel.ui.progressBar.isVisibleTo(panel.parent)
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert_nothing_left()
    assert volumes() == ["T1 patient"] and panel.ui.applyButton.text == "Apply"


def test_worker_that_dies_is_told_in_a_sentence(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, "hello(); progress(0.4); os._exit(4)")
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert "ran out of memory" in panel.ui.statusLabel.text
    assert volumes() == ["T1 patient"] and not panel.ui.logCollapsibleButton.collapsed
    assert_nothing_left()


def test_damaged_encoding_is_told_in_a_sentence(panel, tmp_path, monkeypatch):
    code = """
    from pathlib import Path
    Path("encoding.npz").write_bytes(b"damaged")
    hello()
    say(type="result", case=1, name="", seconds=0.1, outputs=dict(
        sources=[], encoding=str(Path("encoding.npz").resolve()), maps={}, targets=[], notes=[]))
    """
    offer_stand_in(monkeypatch, tmp_path, code)
    click(panel.ui.applyButton)
    wait_for_end(panel)
    assert "damaged; encode the volume again" in panel.ui.statusLabel.text
    assert panel._panel._live.encoding is None and volumes() == ["T1 patient"]


def test_model_without_formula_gives_its_image_with_metrics_and_uncertainty(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, _IMAGE)
    helpers.choose_model(panel, helpers.CRL)
    panel.ui.samplesSpinBox.value = 3
    panel.ui.referenceSelector.setCurrentNode(add_scan("T2w", "Real T2"))
    settle()
    click(panel.ui.applyButton)
    wait_for_end(panel)
    image = run_of(panel).styled
    assert image is not None, (run_of(panel).message, run_of(panel).log)
    assert json.loads(image.GetAttribute("MRStyle.History"))["target"]["family"] == "spin_echo"
    table = panel.ui.metricsTable.mrmlTableNode()
    assert table.GetCellText(0, 0) == "PSNR" and table.GetCellText(0, 1) == "27.50"
    assert "Seen from afar." in panel.ui.statusLabel.text
    panel.ui.overlayComboBox.currentIndex = 1
    settle()
    assert "Bright is uncertain" in panel.ui.mapsNoteLabel.text
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert red.GetBackgroundVolumeID() == image.GetID()


def test_real_image_on_another_grid_is_refused_with_what_to_do(panel):
    real = add_scan("T2w", "Real T2")
    real.SetSpacing(2.5, 2, 3)
    panel.ui.referenceSelector.setCurrentNode(real)
    settle()
    assert not panel.ui.applyButton.enabled
    assert panel.ui.applyButton.toolTip.startswith("Real T2 is not on the grid of T1 patient; resample")


def test_slider_asks_no_question(panel, monkeypatch):
    from MRStyleLib import install

    monkeypatch.setattr(install, "missing_requirements", lambda *_: ["torch>=2.1"])
    questions = []
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text, *_rest: bool(questions.append(text))
    )
    move(panel.ui.echoSlider, 40)
    settle()
    assert questions == [] and not panel.logic.runner.is_busy
    assert "Press Apply once" in panel.ui.statusLabel.text
    click(panel.ui.applyButton)
    assert "torch" in questions[0] and "torch" in panel.ui.statusLabel.text


def test_hostile_values_of_a_scene_are_replaced_and_told(panel):
    panel._panel.disconnect_scene()
    node = panel.logic.getParameterNode()
    for name, value in {
        "family": "__import__('os')",
        "preset": "nothing",
        "repetition_time_ms": "nan",
        "echo_time_ms": "-3",
        "field_strength_t": "inf",
        "samples": "1000000",
    }.items():
        node.SetParameter(name, value)
    panel.enter()
    settle()
    assert panel._panel._target.acquisition == preset_acquisition("T2w")
    assert "unusable value" in panel.ui.statusLabel.text


def test_module_is_reloaded_with_a_preview(panel, tmp_path, monkeypatch):
    helpers.offer_truthful_worker(monkeypatch, tmp_path)
    move(panel.ui.echoSlider, 40)
    wait_for_preview(panel)
    panel.onReload()
    settle(0.3)
    again = slicer.modules.ContrastSynthWidget
    assert again is not panel and again.ui.sourceSelector.currentNode().GetName() == "T1 patient"
    assert again.ui.echoSlider.value == 40
    move(again.ui.echoSlider, 60)
    wait_for_preview(again)
    assert sum("live preview" in name for name in volumes()) == 1


def test_source_is_deleted_under_the_preview(panel, tmp_path, monkeypatch):
    helpers.offer_truthful_worker(monkeypatch, tmp_path)
    move(panel.ui.echoSlider, 40)
    wait_for_preview(panel)
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("T1 patient"))
    settle(0.1)
    move(panel.ui.echoSlider, 60)
    settle(0.4)
    assert not panel.ui.applyButton.enabled and "Choose the source" in panel.ui.applyButton.toolTip


def test_changed_voxels_of_the_source_are_encoded_again(panel, tmp_path, monkeypatch):
    helpers.offer_truthful_worker(monkeypatch, tmp_path)
    move(panel.ui.echoSlider, 40)
    wait_for_preview(panel)
    first = run_of(panel)
    source = slicer.util.getNode("T1 patient")
    slicer.util.updateVolumeFromArray(source, slicer.util.arrayFromVolume(source) * np.float32(2))
    move(panel.ui.echoSlider, 60)
    wait_for_preview(panel)
    assert run_of(panel) is not first and preview_of(panel) is not None
