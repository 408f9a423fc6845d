"""What goes wrong around a run of the panel, each with a real worker process: no trace is left and one sentence says why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys

import pytest
import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import add_volume, choose, click, settle, wait_for_end, wait_until
from worker_helpers import offer_python, offer_stand_in

from MRStyleLib import settings
from MRStyleLib.models import bundled_models_folder


@pytest.fixture
def panel(scene):
    """The panel with a chosen pair."""
    widget = helpers.open_panel()
    choose(widget, add_volume("T1 patient", 1), add_volume("T2 patient", 2, scale=900.0))
    assert widget.ui.applyButton.enabled, widget.ui.applyButton.toolTip
    yield widget
    widget = slicer.modules.MRStyleTransferWidget
    if widget.logic.runner.is_busy:
        widget.logic.runner.run.cancel()
        wait_for_end(widget)


def _assert_usable(widget) -> None:
    """The panel can start the next run."""
    assert widget.ui.applyButton.text == "Apply"
    helpers.assert_nothing_left()


@pytest.mark.parametrize("stage", ["starting", "running"])
def test_worker_is_killed(panel, stage):
    click(panel.ui.applyButton)
    wait_until(lambda: bool(helpers.worker_pids()), "the worker process")
    if stage == "running":
        helpers.wait_for_worker(panel)
    for pid in helpers.worker_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for_end(panel)
    _assert_usable(panel)
    assert "memory" in panel.ui.statusLabel.text  # a kill from outside is mostly the system's, for memory
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2
    assert not panel.ui.logCollapsibleButton.collapsed


def test_worker_runs_out_of_memory(panel, tmp_path, monkeypatch):
    offer_stand_in(monkeypatch, tmp_path, "hello(); progress(0.4); os._exit(4)")
    click(panel.ui.applyButton)
    wait_for_end(panel)
    _assert_usable(panel)
    assert panel.ui.statusLabel.text == (
        "The computer ran out of memory. Close other programs or choose a smaller volume."
    )
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2


def test_no_room_for_the_result(panel, tmp_path, monkeypatch):
    # A limit on the size of files is what every user of a system can set: writing fails as on a full disk.
    offer_python(monkeypatch, tmp_path, f'ulimit -f 8\nexec "{sys.executable}" "$@"')
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    click(panel.ui.applyButton)
    wait_for_end(panel)
    _assert_usable(panel)
    assert helpers.run_of(panel).state.name == "FAILED"
    assert "_styled.nrrd" in panel.ui.statusLabel.text
    assert "Traceback" not in panel.ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_scene_is_closed_during_a_run(panel):
    click(panel.ui.applyButton)
    wait_until(lambda: bool(helpers.worker_pids()), "the worker process")
    slicer.mrmlScene.Clear(0)
    wait_for_end(panel)
    _assert_usable(panel)
    assert helpers.run_of(panel).message == "Canceled, because the scene was closed."
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []


def test_content_is_deleted_during_a_run(panel):
    click(panel.ui.applyButton)
    wait_until(lambda: bool(helpers.worker_pids()), "the worker process")
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("T1 patient"))
    wait_for_end(panel)
    _assert_usable(panel)
    assert "T1 patient was deleted during the run" in helpers.run_of(panel).message


def test_second_start_is_refused(panel):
    click(panel.ui.applyButton)
    with pytest.raises(RuntimeError, match="in progress"):
        panel.logic.process(
            slicer.util.getNode("T1 patient"), slicer.util.getNode("T2 patient"), "histogram-matching"
        )
    assert not panel.ui.batchApplyButton.enabled
    assert "in progress" in panel.ui.batchApplyButton.toolTip


def test_module_is_reloaded_during_a_run(panel):
    click(panel.ui.applyButton)
    wait_until(lambda: bool(helpers.worker_pids()), "the worker process")
    panel.onReload()
    settle(0.2)
    helpers.assert_nothing_left()
    again = slicer.modules.MRStyleTransferWidget
    assert again is not panel
    assert again.ui.contentSelector.currentNode().GetName() == "T1 patient"
    assert again.ui.applyButton.enabled, again.ui.applyButton.toolTip


def test_corrupt_package_cannot_be_chosen(panel, tmp_path):
    folder = settings.model_folder()
    settings.set_model_folder(tmp_path)
    try:
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "model.json").write_text("{", encoding="utf-8")
        panel._panel._models.refresh("")
        rows = [panel.ui.modelList.item(row) for row in range(panel.ui.modelList.count)]
        item = next(item for item in rows if "broken" in item.text())
        assert not int(item.flags()) & 32  # Qt::ItemIsEnabled
        assert "not valid JSON" in item.toolTip()
    finally:
        settings.set_model_folder(folder)


def test_damaged_weights_are_told_in_a_sentence(panel, tmp_path):
    folder = settings.model_folder()
    package = tmp_path / "brain"
    shutil.copytree(bundled_models_folder() / "brain-reference", package)
    card = json.loads((package / "model.json").read_text(encoding="utf-8"))
    (package / "model.json").write_text(json.dumps(card | {"version": "9.9.9"}), encoding="utf-8")
    (package / "weights.safetensors").write_bytes(b"damaged")
    settings.set_model_folder(tmp_path)
    settings.accept_license("brain-reference@9.9.9", "Apache-2.0")
    try:
        panel._panel._models.refresh("")
        helpers.choose_model(panel, "brain-reference@9.9.9")
        click(panel.ui.applyButton)
        wait_for_end(panel)
        assert "weights" in panel.ui.statusLabel.text
        _assert_usable(panel)
    finally:
        settings.set_model_folder(folder)


def test_hostile_values_of_a_scene_are_replaced_and_told(panel):
    panel._panel.disconnect_scene()
    node = panel.logic.getParameterNode()
    for name, value in {
        "samples": "1000000",
        "opacity": "nan",
        "overlay": "__import__('os')",
        "measure_quality": "\x07",
        "model": "../../etc/passwd\n" * 100,
    }.items():
        node.SetParameter(name, value)
    panel.enter()
    settle()
    assert panel.ui.samplesSpinBox.value == 1
    assert panel.ui.opacitySlider.value == pytest.approx(0.6)
    assert "unusable value" in panel.ui.statusLabel.text
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip


def test_unknown_model_of_a_scene_is_asked_for_again(panel):
    panel._panel.disconnect_scene()
    panel.logic.getParameterNode().SetParameter("model", "gone@1.0.0")
    panel.enter()
    settle()
    assert not panel.ui.applyButton.enabled
    assert panel.ui.applyButton.toolTip == "Choose a model."


def test_missing_torch_is_offered_and_declined(panel, monkeypatch):
    from MRStyleLib import install

    monkeypatch.setattr(install, "missing_requirements", lambda *_: ["torch>=2.1"])
    questions = []
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text, *_rest: bool(questions.append(text))
    )
    click(panel.ui.applyButton)
    assert not panel.logic.runner.is_busy
    assert "torch" in questions[0]
    assert "torch" in panel.ui.statusLabel.text
