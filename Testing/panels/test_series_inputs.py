"""The inputs of dynamic series in the panel: what a model brings, why Apply is off, series from files, old scenes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import qt
import series_panel_helpers as series
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
import transfer_panel_helpers as helpers
from mrml_helpers import write_image
from series_panel_helpers import model_folder, panel  # noqa: F401
from transfer_panel_helpers import add_volume, settle, wait_until

from MRStyleLib.sequences import find_browser, time_axis
from MRStyleLib.series_files import is_multi_volume

LIKE = 2  # row of the choice


def shown(panel, name: str) -> bool:  # noqa: F811
    return getattr(panel.ui, name).isVisibleTo(panel.parent)


def choose_content(panel, node) -> str:  # noqa: F811
    """The tool tip of Apply with that content."""
    panel.ui.contentSelector.setCurrentNode(node)
    settle()
    return panel.ui.applyButton.toolTip


def test_a_model_for_series_brings_their_inputs_and_takes_those_of_volumes(panel):  # noqa: F811
    of_volumes = ("styleSelector", "outputCollapsibleButton", "batchCollapsibleButton")
    assert shown(panel, "dynamicCollapsibleButton")
    assert not any(shown(panel, name) for name in of_volumes)
    assert "processSeries" in panel.ui.scriptingLabel.text
    assert shown(panel, "researchLabel")
    assert not shown(panel, "likeSelector")
    panel.ui.enhancementComboBox.currentIndex = LIKE
    settle()
    assert shown(panel, "likeSelector") and shown(panel, "likeFrameSpinBox")
    helpers.choose_model(panel, helpers.HISTOGRAM_MATCHING)
    assert not shown(panel, "dynamicCollapsibleButton")
    assert all(shown(panel, name) for name in of_volumes)
    assert "process(" in panel.ui.scriptingLabel.text


def test_apply_says_what_is_missing(panel):  # noqa: F811
    ui = panel.ui
    assert "Choose the content: a dynamic series" in ui.applyButton.toolTip
    assert "Single is a single volume" in choose_content(panel, add_volume("Single"))
    frames, _affine = series.kidney_frames()
    short = series.add_kidney("Short", frames=frames[:4], times=series.TIMES_S[:4])
    assert "Short has 4 frames; this needs at least 5" in choose_content(panel, short)
    content = series.add_kidney()
    choose_content(panel, content)
    assert ui.applyButton.enabled, ui.applyButton.toolTip
    ui.enhancementComboBox.currentIndex = LIKE
    settle()
    assert "Choose the series that has the frame" in ui.applyButton.toolTip
    ui.likeSelector.setCurrentNode(short)
    settle()
    assert ui.applyButton.enabled, ui.applyButton.toolTip
    ui.likeFrameSpinBox.value = 5
    settle()
    assert "Short has frames 1 to 4, not 5" in ui.applyButton.toolTip
    assert not ui.applyButton.enabled


def test_frames_of_different_grids_and_broken_ones_are_named(panel):  # noqa: F811
    content = series.add_kidney("Kidney")
    sequence = find_browser(slicer.mrmlScene, content)[1]
    sequence.GetNthDataNode(3).SetSpacing(1.0, 1.0, 1.0)
    assert "Frame 4 of Kidney has another grid" in choose_content(panel, content)
    other = series.add_kidney("Other")
    slicer.util.arrayFromVolume(find_browser(slicer.mrmlScene, other)[1].GetNthDataNode(5))[:] = np.nan
    assert "Frame 6 of the sequence" in choose_content(panel, other)


def open_path(panel, monkeypatch, path: Path, dialog: str = "getOpenFileName") -> None:  # noqa: F811
    monkeypatch.setattr(qt.QFileDialog, dialog, lambda *_arguments: str(path))
    panel.ui.statusLabel.text = "?"
    button = panel.ui.openSeriesButton if dialog == "getOpenFileName" else panel.ui.openFramesButton
    helpers.click(button)
    wait_until(lambda: not panel.ui.statusLabel.text.startswith("Opening"), "the series", 10)


def write_nifti(path: Path, step: float, unit: str = "msec") -> np.ndarray:
    frames, affine = series.kidney_frames()
    image = nib.Nifti1Image(frames.transpose(3, 2, 1, 0), affine)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = step
    nib.save(image, path)
    return affine


def content_of(panel):  # noqa: F811
    """The content, its frames as an array, and its times in s."""
    node = panel.ui.contentSelector.currentNode()
    sequence = find_browser(slicer.mrmlScene, node)[1]
    count = sequence.GetNumberOfDataNodes()
    frames = [slicer.util.arrayFromVolume(sequence.GetNthDataNode(number)) for number in range(count)]
    axis = time_axis(sequence)
    assert axis.is_time
    return node, np.stack(frames), axis.values


def assert_is_kidney(panel, times_s=series.TIMES_S) -> None:  # noqa: F811
    frames, affine = series.kidney_frames()
    node, found, found_s = content_of(panel)
    np.testing.assert_allclose(found, frames, rtol=1e-5)
    np.testing.assert_allclose(found_s, times_s)
    got = np.array([[node.GetSpacing()[axis] for axis in range(3)], node.GetOrigin()])
    np.testing.assert_allclose(got, [np.diag(affine)[:3], affine[:3, 3]], rtol=1e-5)
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip


def test_a_4d_file_with_its_times(panel, tmp_path, monkeypatch):  # noqa: F811
    write_nifti(tmp_path / "Niere.nii.gz", 5000.0)
    open_path(panel, monkeypatch, tmp_path / "Niere.nii.gz")
    assert_is_kidney(panel)
    assert panel.ui.statusLabel.text == "Niere was opened as a sequence."
    assert helpers.run_folders() == []


def test_seconds_are_asked_where_nothing_tells_the_times(panel, tmp_path, monkeypatch):  # noqa: F811
    write_nifti(tmp_path / "Niere.nii", 0.0)
    asked = []
    monkeypatch.setattr(
        qt.QInputDialog, "getDouble", lambda _parent, _title, text, *_rest: asked.append(text) or 0.0
    )
    open_path(panel, monkeypatch, tmp_path / "Niere.nii")
    assert "Niere.nii" in asked[0]
    assert panel.ui.contentSelector.currentNode() is None
    monkeypatch.setattr(qt.QInputDialog, "getDouble", lambda *_arguments: 2.5)
    open_path(panel, monkeypatch, tmp_path / "Niere.nii")
    assert_is_kidney(panel, 2.5 * np.arange(12))


def test_a_folder_of_frames_in_the_order_of_their_numbers(panel, tmp_path, monkeypatch):  # noqa: F811
    frames, affine = series.kidney_frames()
    for number, frame in enumerate(frames):
        write_image(tmp_path / f"frame_{number}.nrrd", frame, affine)
    (tmp_path / "series.json").write_text(json.dumps({"VolumeTiming": series.TIMES_S.tolist()}))
    open_path(panel, monkeypatch, tmp_path, "getExistingDirectory")
    assert_is_kidney(panel)


def test_a_multi_volume_file(panel, tmp_path, monkeypatch):  # noqa: F811
    frames, affine = series.kidney_frames()
    write_image(tmp_path / "one.nrrd", frames[0], affine)
    like = sitk.ReadImage(str(tmp_path / "one.nrrd"))
    image = sitk.GetImageFromArray(np.moveaxis(frames, 0, -1).copy(), isVector=True)
    for name in ("Spacing", "Origin", "Direction"):
        getattr(image, f"Set{name}")(getattr(like, f"Get{name}")())
    image.SetMetaData("MultiVolume.FrameLabels", ",".join(str(1000 * each) for each in series.TIMES_S))
    sitk.WriteImage(image, str(tmp_path / "multi.nrrd"))
    open_path(panel, monkeypatch, tmp_path / "multi.nrrd")
    assert_is_kidney(panel)


def test_what_cannot_be_opened_is_said_in_a_sentence(panel, tmp_path, monkeypatch):  # noqa: F811
    frames, affine = series.kidney_frames()
    write_image(tmp_path / "one.nrrd", frames[0], affine)
    (tmp_path / "broken.nii").write_bytes(b"no")
    (tmp_path / "packed.nii.gz").write_bytes(b"no")
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    write_image(mixed / "frame_1.nrrd", frames[0], affine)
    write_image(mixed / "frame_2.nrrd", frames[1], 2 * affine)
    write_nifti(tmp_path / "timing.nii", 5000.0)
    (tmp_path / "timing.json").write_text(json.dumps({"VolumeTiming": [0, 1]}))
    told = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, *_rest, **_named: told.append(text))
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    for name, said in (
        ("one.nrrd", "is one volume"),
        ("broken.nii", "damaged"),
        ("packed.nii.gz", "gzip"),
        ("text.txt", "is no series"),
        ("timing.nii", "12 frames and 2 times"),
    ):
        open_path(panel, monkeypatch, tmp_path / name)
        assert said in told[-1].lower() and len(told[-1]) < 400, told[-1]
    for name, said in (("empty", "has no images"), ("mixed", "frame_2.nrrd has another grid")):
        open_path(panel, monkeypatch, tmp_path / name, "getExistingDirectory")
        assert said in told[-1], told[-1]
    assert len(told) == 7 and slicer.mrmlScene.GetNumberOfNodes() == nodes
    assert helpers.run_folders() == []


def test_a_multi_volume_of_the_scene_is_a_content(panel):  # noqa: F811
    frames, affine = series.kidney_frames()
    # As vtkMRMLMultiVolumeNode, which the wheel of Slicer's core does not have.
    node = slicer.vtkMRMLVectorVolumeNode()
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(np.moveaxis(frames, 0, -1)))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
    node.SetName("DCE multi")
    node.SetAttribute("MultiVolume.FrameLabels", ",".join(str(1000 * each) for each in series.TIMES_S))
    slicer.mrmlScene.AddNode(node)
    assert is_multi_volume(node) and not is_multi_volume(add_volume("Single"))
    choose_content(panel, node)
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip
    helpers.click(panel.ui.applyButton)
    helpers.wait_for_end(panel)
    assert panel.ui.statusLabel.text.startswith("Finished"), panel.ui.statusLabel.text
    result = helpers.run_of(panel).results[0]
    browser, made = find_browser(slicer.mrmlScene, result)
    np.testing.assert_allclose(time_axis(made).values, series.TIMES_S)
    original = browser.GetMasterSequenceNode()
    np.testing.assert_allclose(slicer.util.arrayFromVolume(original.GetNthDataNode(6)), frames[6])


def test_the_choices_of_an_older_scene_are_taken(panel):  # noqa: F811
    """A scene of before knows nothing of series, and what a file may hold instead is put right."""
    from MRStyleTransferLib.parameters import EnhancementChoice, TransferParameters

    node = panel.logic.getParameterNode()
    panel._panel.disconnect_scene()
    for name in tuple(node.GetParameterNames()):
        if name not in ("model", "samples", "overlay", "opacity", "measure_quality"):
            node.UnsetParameter(name)
    node.SetParameter("opacity", "0.25")
    panel._panel.connect_scene()
    parameters = TransferParameters(node)
    assert (parameters.opacity, parameters.enhancement) == (0.25, EnhancementChoice.BASELINE)
    assert parameters.threshold == pytest.approx(20 / 255)
    panel._panel.disconnect_scene()
    node.SetParameter("enhancement", "TRIPLED")
    node.SetParameter("threshold", "7")
    panel._panel.connect_scene()
    assert TransferParameters(node).enhancement is EnhancementChoice.BASELINE
    assert TransferParameters(node).threshold == pytest.approx(20 / 255)
    assert "unusable value" in panel.ui.statusLabel.text
