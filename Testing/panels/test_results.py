"""Results in the scene: the exact grid, place and study of the content, and where the image comes from."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
from mrml_helpers import HISTORY, add_volume, affine_of, image_array, node_count, oblique_affine, write_image

from MRStyleLib.results import import_volume


@pytest.fixture
def content(scene):
    node = add_volume(scene, image_array(dtype=np.int16), oblique_affine())
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made at the first call
    return node


@pytest.fixture
def result_path(tmp_path):
    return write_image(tmp_path / "out.nii.gz", image_array() * 2, oblique_affine(), history=HISTORY)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_grid_is_exactly_that_of_the_content_and_voxels_are_the_files(scene, content, tmp_path, suffix):
    array = image_array() * 2
    path = write_image(tmp_path / f"out{suffix}", array, oblique_affine())
    node = import_volume(scene, path, content, "T1 (synthetic)")
    np.testing.assert_array_equal(affine_of(node), affine_of(content))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), array)
    assert node.GetSpacing() == content.GetSpacing() and node.GetOrigin() == content.GetOrigin()


def test_result_stays_on_its_content_under_a_hierarchy_of_transforms(scene, content, result_path):
    inner, outer = (scene.AddNewNodeByClass("vtkMRMLLinearTransformNode") for _ in range(2))
    inner.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(oblique_affine((1, 1, 1))))
    inner.SetAndObserveTransformNodeID(outer.GetID())
    content.SetAndObserveTransformNodeID(inner.GetID())
    node = import_volume(scene, result_path, content, "T1 (synthetic)")
    assert node.GetParentTransformNode() is inner
    shift = np.eye(4)
    shift[:3, 3] = (5, -7, 9)
    outer.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift))
    bounds, content_bounds = np.zeros(6), np.zeros(6)
    node.GetRASBounds(bounds)
    content.GetRASBounds(content_bounds)
    np.testing.assert_array_equal(bounds, content_bounds)


def test_history_is_kept_and_dicom_identity_is_not(scene, content, result_path):
    node = import_volume(scene, result_path, content, "T1 (synthetic)")
    assert node.GetAttribute("MRStyle.Model") == f"brain-reference@0.1.0 sha256:{'ab' * 32}"
    assert json.loads(node.GetAttribute("MRStyle.Target")) == HISTORY["target"]
    assert json.loads(node.GetAttribute("MRStyle.History")) == HISTORY
    assert node.GetAttribute("DICOM.instanceUIDs") is None
    assert content.GetAttribute("DICOM.instanceUIDs") == "1.2.3 1.2.4"


def test_names_are_unique(scene, content, result_path):
    names = [import_volume(scene, result_path, content, "T1 (synthetic)").GetName() for _ in range(3)]
    assert names[0] == "T1 (synthetic)" and len(set(names)) == 3


def test_result_is_put_into_the_study_of_its_content(scene, content, result_path):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe"), "2026")
    hierarchy.CreateItem(study, content)
    node = import_volume(scene, result_path, content, "T1 (synthetic)")
    item = hierarchy.GetItemByDataNode(node)
    assert hierarchy.GetItemParent(item) == study
    assert hierarchy.GetItemUID(item, "DICOM") == ""


def test_window_is_that_of_the_style(scene, content, result_path):
    style = add_volume(scene, name="T2")
    style.GetDisplayNode().SetAutoWindowLevel(False)
    style.GetDisplayNode().SetWindowLevel(321.0, 123.0)
    node = import_volume(scene, result_path, content, "T1 (synthetic)", window_like=style)
    display = node.GetDisplayNode()
    assert (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel()) == (0, 321.0, 123.0)
    # The style keeps its own: windowing one does not change the other.
    display.SetWindowLevel(1.0, 2.0)
    assert style.GetDisplayNode().GetWindow() == 321.0


def test_without_a_style_the_window_fits_the_voxels(scene, content, result_path):
    display = import_volume(scene, result_path, content, "T1 (synthetic)").GetDisplayNode()
    array = image_array() * 2
    assert array.min() <= display.GetLevel() <= array.max()
    assert 0.5 * np.ptp(array) < display.GetWindow() <= 1.1 * np.ptp(array)


def test_an_existing_output_is_refilled_and_keeps_its_name(scene, content, result_path):
    output = add_volume(scene, np.zeros((3, 3, 3), dtype=np.uint8), name="my output")
    output.SetAttribute("DICOM.instanceUIDs", "9.9")
    before = node_count(scene)
    node = import_volume(scene, result_path, content, "T1 (synthetic)", output)
    assert node is output and node.GetName() == "my output" and node_count(scene) == before
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), image_array() * 2)
    np.testing.assert_array_equal(affine_of(node), affine_of(content))
    assert node.GetAttribute("DICOM.instanceUIDs") is None


def test_a_map_without_history_clears_that_of_an_earlier_run(scene, content, result_path, tmp_path):
    output = import_volume(scene, result_path, content, "T1 (synthetic)")
    path = write_image(tmp_path / "map.nii.gz", image_array(), oblique_affine())
    import_volume(scene, path, content, "map", output)
    assert output.GetAttribute("MRStyle.Model") is None and output.GetAttribute("MRStyle.History") is None


def test_outputs_that_cannot_hold_the_result_are_refused(scene, content, result_path):
    label_map = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    for output, expected in ((label_map, "labels cannot hold"), (content, "T1 is the content")):
        with pytest.raises(ValueError, match=expected):
            import_volume(scene, result_path, content, "T1 (synthetic)", output)


def faulty(kind, tmp_path):
    """A result file, or one beside it, that a full disk or another program has spoiled."""
    path = write_image(tmp_path / "out.nrrd", image_array(), oblique_affine(), history=HISTORY)
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut off":
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "other grid":
        write_image(path, image_array(), oblique_affine() @ np.diag([1, 1, 1.01, 1]))
    elif kind == "other size":
        write_image(path, image_array((11, 20, 24)), oblique_affine())
    elif kind == "history cut off":
        path.with_suffix(".json").write_text('{"model_id": "brain-r')
    elif kind == "history of another program":
        path.with_suffix(".json").write_text("[1, 2]")
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "is missing or damaged"),
        ("empty", "is missing or damaged"),
        ("cut off", "is missing or damaged"),
        ("other grid", "is not on the grid of T1"),
        ("other size", "is not on the grid of T1"),
        ("history cut off", "history .*out.json of the result is damaged"),
        ("history of another program", "history .*out.json of the result is damaged"),
    ],
)
def test_a_spoiled_result_leaves_the_scene_as_it_was(scene, content, tmp_path, kind, expected):
    before = node_count(scene)
    with pytest.raises(ValueError, match=expected):
        import_volume(scene, faulty(kind, tmp_path), content, "T1 (synthetic)")
    assert node_count(scene) == before
