"""Sequences: every frame goes out, and a sequence comes back that plays together with the content."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
from mrml_helpers import HISTORY, add_volume, affine_of, image_array, node_count, oblique_affine, write_image

from MRStyleLib.sequences import export_frames, frames_of, import_sequence, read_frames, time_axis

INDEX_VALUES = ("0", "12.5", "31", "60.25")


def frame_array(number: int) -> np.ndarray:
    return image_array() + 100 * number


@pytest.fixture
def series(scene):
    """A volume of the scene that shows the third of four frames, and its browser."""
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "DCE")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    frame = slicer.vtkMRMLScalarVolumeNode()
    for number, value in enumerate(INDEX_VALUES):
        slicer.util.updateVolumeFromArray(frame, frame_array(number))
        frame.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique_affine()))
        frame.SetName("DCE")
        sequence.SetDataNodeAtValue(frame, value)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "DCE browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.SetSelectedItemNumber(2)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return browser.GetProxyNode(sequence), browser, sequence


@pytest.fixture
def results(scene, series, tmp_path):
    return [
        (
            frame,
            write_image(
                tmp_path / f"out_{frame.number}.nrrd",
                2 * frame_array(frame.number),
                oblique_affine(),
                history=HISTORY,
            ),
        )
        for frame in frames_of(scene, series[0])
    ]


def import_all(scene, results, *arguments):
    """All pieces of an import, one after the other; returns what it returns."""
    pieces = import_sequence(scene, read_frames(results), *arguments)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def test_a_single_volume_has_no_frames(scene):
    assert frames_of(scene, add_volume(scene)) is None
    assert frames_of(scene, None) is None


def test_frames_are_exported_in_order_without_stepping_the_browser(scene, series, tmp_path):
    proxy, browser, _sequence = series
    before = browser.GetMTime(), slicer.util.arrayFromVolume(proxy).copy()
    paths = export_frames(frames_of(scene, proxy), tmp_path)
    assert [path.name for path in paths] == [f"frame_{number:04d}.nrrd" for number in (1, 2, 3, 4)]
    for number, path in enumerate(paths):
        np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), frame_array(number))
    assert browser.GetMTime() == before[0]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(proxy), before[1])


def test_an_unusable_frame_is_named(scene, series, tmp_path):
    proxy, _browser, sequence = series
    slicer.util.arrayFromVolume(sequence.GetNthDataNode(1))[:] = np.nan
    with pytest.raises(
        ValueError, match=r"^Frame 2 of the sequence \(index 12.5\): DCE has voxels that are no finite"
    ):
        export_frames(frames_of(scene, proxy), tmp_path)


def test_result_has_the_same_index_and_every_frame_its_voxels_and_grid(scene, series, results):
    proxy, browser, content = series
    output = import_all(scene, results, proxy, "DCE (synthetic)")
    sequence = browser.GetSequenceNode(output)
    assert sequence.GetName() == "DCE (synthetic)"
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("time", "s")
    assert sequence.GetIndexType() == content.GetIndexType()
    assert tuple(sequence.GetNthIndexValue(n) for n in range(sequence.GetNumberOfDataNodes())) == INDEX_VALUES
    for number in range(len(INDEX_VALUES)):
        frame = sequence.GetNthDataNode(number)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(frame), 2 * frame_array(number))
        np.testing.assert_array_equal(affine_of(frame), affine_of(content.GetNthDataNode(number)))


def test_the_users_frame_stays_and_both_step_together(scene, series, results):
    proxy, browser, _content = series
    output = import_all(scene, results, proxy, "DCE (synthetic)")
    assert browser.GetSelectedItemNumber() == 2
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(proxy), frame_array(2))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(output), 2 * frame_array(2))
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(proxy), frame_array(1))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(output), 2 * frame_array(1))


def test_all_frames_share_a_window_and_name_transform_and_history_stay_when_stepping(scene, series, results):
    proxy, browser, _content = series
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    proxy.SetAndObserveTransformNodeID(transform.GetID())
    output = import_all(scene, results, proxy, "DCE (synthetic)")
    window = output.GetDisplayNode().GetWindow(), output.GetDisplayNode().GetLevel()
    browser.SetSelectedItemNumber(0)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    assert (output.GetDisplayNode().GetWindow(), output.GetDisplayNode().GetLevel()) == window
    assert output.GetParentTransformNode() is transform
    assert output.GetName() == "DCE (synthetic)"
    assert json.loads(output.GetAttribute("MRStyle.History")) == HISTORY


def test_frames_that_failed_are_left_out(scene, series, results):
    proxy, browser, _content = series
    output = import_all(scene, results[:1] + results[2:], proxy, "DCE (synthetic)")
    sequence = browser.GetSequenceNode(output)
    values = [sequence.GetNthIndexValue(number) for number in range(sequence.GetNumberOfDataNodes())]
    assert values == ["0", "31", "60.25"]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(output), 2 * frame_array(2))


def test_every_piece_reads_one_frame_and_the_scene_changes_only_in_the_last(scene, series, results):
    before = node_count(scene)
    pieces = import_sequence(scene, read_frames(results), series[0], "DCE (synthetic)")
    for _frame, path in results:
        assert path.exists()
        next(pieces)
        path.unlink()
        assert node_count(scene) == before
    with pytest.raises(StopIteration) as end:
        next(pieces)
    assert series[1].GetSequenceNode(end.value.value).GetNumberOfDataNodes() == len(results)


def test_a_sequence_that_goes_while_its_frames_are_read_is_told(scene, series, results):
    pieces = import_sequence(scene, read_frames(results), series[0], "DCE (synthetic)")
    for _result in results:
        next(pieces)
    scene.RemoveNode(series[1])
    before = node_count(scene)
    with pytest.raises(ValueError, match="is no longer a sequence"):
        next(pieces)
    assert node_count(scene) == before


def test_a_damaged_frame_leaves_the_scene_as_it_was(scene, series, results):
    results[3][1].write_bytes(b"NRRD0004\n")
    before = node_count(scene)
    with pytest.raises(ValueError, match="is missing or damaged"):
        import_all(scene, results, series[0], "DCE (synthetic)")
    assert node_count(scene) == before


def test_a_content_that_lost_its_sequence_is_told(scene, series, results):
    proxy, browser, _content = series
    scene.RemoveNode(browser)
    with pytest.raises(ValueError, match="is no longer a sequence"):
        import_all(scene, results, proxy, "DCE (synthetic)")


def test_times_are_those_of_the_index_as_far_as_it_has_some(series):
    sequence = series[2]
    axis = time_axis(sequence)
    assert (axis.title, axis.is_time) == ("Time (s)", True)
    np.testing.assert_allclose(axis.values, [0, 12.5, 31, 60.25])
    sequence.SetIndexUnit("ms")
    np.testing.assert_allclose(time_axis(sequence).values, [0, 0.0125, 0.031, 0.06025])
    sequence.SetIndexName("trigger delay")
    sequence.SetIndexUnit("%")
    axis = time_axis(sequence)
    assert (axis.title, axis.is_time) == ("Trigger delay (%)", False)
    np.testing.assert_allclose(axis.values, [0, 12.5, 31, 60.25])


def test_frames_without_numbers_are_counted(scene):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Phases")
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.TextIndex)
    for name in ("early", "late"):
        sequence.SetDataNodeAtValue(slicer.vtkMRMLScalarVolumeNode(), name)
    axis = time_axis(sequence)
    assert (axis.title, axis.is_time, axis.values.tolist()) == ("Frame", False, [1, 2])
