"""The sequences of the sources: read from files with their origin, typed, corrected by a click, estimated."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
import synth_panel_helpers as helpers
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from synth_panel_helpers import add_scan, choose_source, settle, type_into, wait_for_end
from transfer_panel_helpers import click

from mrstyle.presets import preset_acquisition


@pytest.fixture
def panel(scene, tmp_path, monkeypatch):
    """The panel on an empty scene, with a worker that answers at once."""
    helpers.offer_truthful_worker(monkeypatch, tmp_path)
    widget = helpers.open_panel()
    yield widget
    helpers.close_panel(widget)


def load(path, name: str):
    image = sitk.GetImageFromArray(np.random.default_rng(1).random((6, 8, 8)).astype(np.float32))
    sitk.WriteImage(image, str(path))
    return slicer.util.loadVolume(str(path), {"name": name})


def offered(panel) -> list[str]:
    """The corrections that can be clicked."""
    buttons = (panel.ui.firstCorrectionButton, panel.ui.secondCorrectionButton)
    return [button.text for button in buttons if button.isVisibleTo(panel.ui.inputsCollapsibleButton)]


def test_sidecar_fills_the_fields_and_says_so(panel, tmp_path):
    sidecar = {
        "ScanningSequence": "SE",
        "RepetitionTime": 0.6,
        "EchoTime": 0.01,
        "MagneticFieldStrength": 1.5,
    }
    (tmp_path / "head.json").write_text(json.dumps(sidecar))
    choose_source(panel, load(tmp_path / "head.nii.gz", "Head"))
    ui = panel.ui
    assert ui.sourceFamilyComboBox.currentText == "Spin echo"
    assert (ui.sourceRepetitionLineEdit.text, ui.sourceEchoLineEdit.text) == ("600", "10")
    assert (ui.sourceFieldStrengthLineEdit.text, ui.sourceInversionLineEdit.text) == ("1.5", "")
    assert ui.sourceEchoOriginLabel.text == "from sidecar" and ui.sourceInversionOriginLabel.text == ""
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip


def test_dicom_of_the_database_comes_first(panel, tmp_path, monkeypatch):
    uid = generate_uid()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(tmp_path / "one.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = MRImageStorage, uid, "MR"
    data.SeriesInstanceUID = generate_uid()
    data.ScanningSequence, data.SequenceVariant, data.MRAcquisitionType = "SE", "NONE", "2D"
    data.Rows = data.Columns = 8
    data.RepetitionTime, data.EchoTime, data.MagneticFieldStrength = "4200", "98", "3"
    data.save_as(tmp_path / "one.dcm", enforce_file_format=True)
    database = SimpleNamespace(
        fileForInstance=lambda asked: str(tmp_path / "one.dcm") if asked == uid else ""
    )
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    node = add_scan("T2w", "From DICOM", known=False)
    node.SetAttribute("DICOM.instanceUIDs", uid)
    choose_source(panel, node)
    assert panel.ui.sourceRepetitionLineEdit.text == "4200"
    assert panel.ui.sourceRepetitionOriginLabel.text == "from DICOM"


def test_image_of_another_modality_is_refused(panel, tmp_path):
    (tmp_path / "ct.json").write_text(json.dumps({"Modality": "CT"}))
    choose_source(panel, load(tmp_path / "ct.nii.gz", "Chest"))
    assert "modality CT" in panel.ui.sourceNoteLabel.text
    assert not panel.ui.applyButton.enabled


def test_volume_without_file_says_what_to_enter(panel):
    choose_source(panel, add_scan("T2w", "Nameless", known=False))
    note = panel.ui.sourceNoteLabel.text
    assert "Unknown: sequence family, repetition time and echo time" in note and "file of Nameless" in note
    assert not panel.ui.applyButton.enabled and "of Nameless" in panel.ui.applyButton.toolTip
    assert panel.ui.estimateButton.enabled, panel.ui.estimateButton.toolTip


def test_what_is_typed_is_marked_and_kept_with_the_volume(panel):
    node = add_scan("T2w", "Typed")
    choose_source(panel, node)
    type_into(panel.ui.sourceEchoLineEdit, "85,5")
    assert panel.ui.sourceEchoOriginLabel.text == "entered"
    assert panel.ui.sourceRepetitionOriginLabel.text == "from sidecar"
    kept = json.loads(node.GetAttribute("MRStyle.Acquisition"))
    assert kept["values"]["echo_time_ms"] == 85.5 and kept["origins"]["echo_time_ms"] == "entered"
    click(panel.ui.readAgainButton)
    assert panel.ui.sourceEchoLineEdit.text == ""  # it has no file


def test_seconds_are_corrected_by_a_click(panel):
    choose_source(panel, add_scan("T2w", "Seconds"))
    type_into(panel.ui.sourceRepetitionLineEdit, "2.5")
    assert "looks like seconds" in panel.ui.sourceNoteLabel.text
    assert offered(panel)[0] == "Use TR 2500 ms"
    assert not panel.ui.applyButton.enabled
    click(panel.ui.firstCorrectionButton)
    assert panel.ui.sourceRepetitionLineEdit.text == "2500"
    assert offered(panel) == [] and panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip


def test_all_times_in_seconds_are_corrected_together(panel):
    choose_source(panel, add_scan("FLAIR", "Seconds"))
    for edit, text in (("Repetition", "9"), ("Echo", "0.09"), ("Inversion", "2.5")):
        type_into(getattr(panel.ui, f"source{edit}LineEdit"), text)
    assert offered(panel) == ["Use TR 9000 ms, TE 90 ms, TI 2500 ms"]
    click(panel.ui.firstCorrectionButton)
    assert panel.ui.sourceNoteLabel.text == "" and panel.ui.sourceInversionLineEdit.text == "2500"


def test_echo_after_the_repetition_is_refused_and_can_be_exchanged(panel):
    choose_source(panel, add_scan("T2w", "Exchanged"))
    type_into(panel.ui.sourceRepetitionLineEdit, "90")
    type_into(panel.ui.sourceEchoLineEdit, "1500")
    assert "not shorter than the repetition time" in panel.ui.sourceNoteLabel.text
    assert "Exchange repetition and echo time" in offered(panel)
    click(panel.ui.firstCorrectionButton if len(offered(panel)) == 1 else panel.ui.secondCorrectionButton)
    assert panel.ui.applyButton.enabled, panel.ui.sourceNoteLabel.text


def test_inversion_time_without_inversion_can_be_left_out_or_explained(panel):
    choose_source(panel, add_scan("T2w", "Inverted"))
    type_into(panel.ui.sourceInversionLineEdit, "900")
    assert offered(panel) == ["Leave the inversion time out", "It is an inversion recovery"]
    click(panel.ui.secondCorrectionButton)
    assert panel.ui.sourceFamilyComboBox.currentText == "Inversion recovery"
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip


@pytest.mark.parametrize("text", ["zero", "-10", "0", "nan", "1e99"])
def test_what_is_no_time_is_refused_in_a_sentence(panel, text):
    choose_source(panel, add_scan("T2w", "Wrong"))
    type_into(panel.ui.sourceEchoLineEdit, text)
    assert panel.ui.sourceNoteLabel.text.endswith(".")
    assert panel._panel._sources.known_of(panel.ui.sourceSelector.currentNode()).values
    if text != "zero":
        assert not panel.ui.applyButton.enabled


def test_estimate_fills_only_what_is_unknown(panel):
    node = add_scan("T1w", "Half known", known=False)
    choose_source(panel, node)
    type_into(panel.ui.sourceEchoLineEdit, "12")
    click(panel.ui.estimateButton)
    wait_for_end(panel)
    settle()
    assert (panel.ui.sourceRepetitionLineEdit.text, panel.ui.sourceEchoLineEdit.text) == ("600", "12")
    assert panel.ui.sourceRepetitionOriginLabel.text == "estimated from the image"
    assert panel.ui.sourceEchoOriginLabel.text == "entered"
    assert "was estimated from the image" in panel.ui.statusLabel.text
    assert not panel.ui.estimateButton.enabled and panel.ui.applyButton.enabled


def test_estimated_parameters_reach_the_worker_as_values(panel, tmp_path):
    choose_source(panel, add_scan("T1w", "Unknown", known=False))
    click(panel.ui.estimateButton)
    wait_for_end(panel)
    case = helpers.job_seen(tmp_path / "job_seen.json")
    assert case["estimate"] and not case["targets"] and case["encoding"] is None


def test_sources_of_different_grids_are_refused_by_name(panel):
    choose_source(panel, add_scan("MPRAGE", "First"))
    other = add_scan("T2w", "Second")
    other.SetOrigin(40, 0, 0)
    panel.ui.source2Selector.setCurrentNode(other)
    settle()
    assert "Second is not on the grid of First" in panel.ui.applyButton.toolTip
    panel.ui.source2Selector.setCurrentNode(panel.ui.sourceSelector.currentNode())
    settle()
    assert "chosen twice" in panel.ui.applyButton.toolTip


def test_each_source_has_its_own_parameters(panel):
    choose_source(panel, add_scan("MPRAGE", "First"))
    panel.ui.source2Selector.setCurrentNode(add_scan("FLAIR", "Second"))
    settle()
    assert panel.ui.parametersOfComboBox.isVisibleTo(panel.ui.inputsCollapsibleButton)
    assert panel.ui.sourceRepetitionLineEdit.text == "2300"
    panel.ui.parametersOfComboBox.currentIndex = 1
    settle()
    assert panel.ui.sourceRepetitionLineEdit.text == "9000"
    type_into(panel.ui.sourceRepetitionLineEdit, "8000")
    panel.ui.parametersOfComboBox.currentIndex = 0
    settle()
    assert panel.ui.sourceRepetitionLineEdit.text == "2300"


def test_hostile_attribute_of_a_scene_is_not_taken(panel):
    for text in (
        '{"values": {"family": "x"}, "origins": {}}',
        "{",
        "[]",
        '{"values": {"echo_time_ms": "9"}, "origins": {}}',
    ):
        node = add_scan("T2w", "Hostile", known=False)
        node.SetAttribute("MRStyle.Acquisition", text)
        choose_source(panel, node)
        assert panel.ui.sourceEchoLineEdit.text == ""


def test_synthetic_volume_can_be_a_source_again(panel):
    from ContrastSynthLib.acquisitions import keep_synthetic

    node = add_scan("FLAIR", "Synthetic", known=False)
    keep_synthetic(node, preset_acquisition("FLAIR"))
    choose_source(panel, node)
    assert panel.ui.sourceInversionLineEdit.text != "" and panel.ui.applyButton.enabled
