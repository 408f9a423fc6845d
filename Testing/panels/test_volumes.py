"""Volumes as inputs: what is refused, and that the worker gets exactly the voxels and the grid."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import slicer
from mrml_helpers import add_volume, affine_of, image_array, oblique_affine

from MRStyleLib.volumes import describe_fault, export_volume

INTEGER_TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32"]


def lps_to_ras_affine(image: sitk.Image) -> np.ndarray:
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


@pytest.mark.parametrize("dtype", [*INTEGER_TYPES, "float32", "float64"])
def test_export_keeps_type_voxels_and_oblique_anisotropic_grid(scene, tmp_path, dtype):
    array = image_array().clip(0, 120).astype(dtype)
    node = add_volume(scene, array, oblique_affine())
    export_volume(node, tmp_path / "content.nrrd")
    image = sitk.ReadImage(str(tmp_path / "content.nrrd"))
    written = sitk.GetArrayFromImage(image)
    assert written.dtype == array.dtype
    np.testing.assert_array_equal(written, array)
    np.testing.assert_allclose(lps_to_ras_affine(image), oblique_affine(), atol=1e-12)


def test_export_of_a_left_handed_grid(scene, tmp_path):
    affine = oblique_affine() @ np.diag([-1, 1, 1, 1])
    export_volume(add_volume(scene, affine=affine), tmp_path / "v.nrrd")
    np.testing.assert_allclose(
        lps_to_ras_affine(sitk.ReadImage(str(tmp_path / "v.nrrd"))), affine, atol=1e-12
    )


def test_export_leaves_parent_transforms_out_and_the_node_unchanged(scene, tmp_path):
    node = add_volume(scene, affine=oblique_affine())
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(oblique_affine((1, 1, 1))))
    node.SetAndObserveTransformNodeID(transform.GetID())
    before = node.GetMTime(), scene.GetNumberOfNodes()
    export_volume(node, tmp_path / "v.nrrd")
    image = sitk.ReadImage(str(tmp_path / "v.nrrd"))
    np.testing.assert_allclose(lps_to_ras_affine(image), affine_of(node), atol=1e-12)
    assert (node.GetMTime(), scene.GetNumberOfNodes()) == before
    assert node.GetStorageNode() is None


def test_export_into_a_folder_with_spaces_and_other_letters(scene, tmp_path):
    folder = tmp_path / "Größe 患者 1"
    folder.mkdir()
    export_volume(add_volume(scene), folder / "v.nrrd")
    assert (folder / "v.nrrd").stat().st_size > image_array().nbytes


def test_export_into_a_missing_folder_says_what_to_do(scene, tmp_path):
    with pytest.raises(OSError, match=r"^T1 could not be written to .*v\.nrrd: No such file or directory"):
        export_volume(add_volume(scene), tmp_path / "missing" / "v.nrrd")


def test_full_disk_leaves_no_half_written_file(scene, tmp_path):
    node = add_volume(scene)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (image_array().nbytes // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            export_volume(node, tmp_path / "v.nrrd")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_usable_volumes_have_no_fault(scene):
    assert describe_fault(add_volume(scene, affine=oblique_affine())) is None
    assert describe_fault(add_volume(scene, image_array(dtype=np.int16))) is None


def test_faults_name_the_volume_and_the_way_out(scene):
    array = image_array()
    with_nan = array.copy()
    with_nan[3, 4, 5] = np.nan
    with_infinity = array.copy()
    with_infinity[0, 0, 0] = np.inf
    sheared = np.eye(4)
    sheared[0, 1] = 0.2
    cases = {
        "several values per voxel": add_volume(
            scene, np.stack([array] * 3, axis=-1), class_name="vtkMRMLVectorVolumeNode"
        ),
        "label map": add_volume(scene, array.astype(np.uint8), class_name="vtkMRMLLabelMapVolumeNode"),
        "single slice": add_volume(scene, array[:1]),
        "no finite number": add_volume(scene, with_nan),
        "(NaN)": add_volume(scene, with_infinity),
        "same value in every voxel": add_volume(scene, np.full_like(array, 5)),
        "not perpendicular": add_volume(scene, affine=sheared),
        "no voxels": scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "T1"),
    }
    for expected, node in cases.items():
        fault = describe_fault(node)
        assert fault is not None and expected in fault
        assert fault.startswith("T1 ") and fault.endswith(".") and ("; " in fault or "choose" in fault)
    assert describe_fault(None) == "No volume is chosen; choose one."


def test_export_refuses_what_cannot_be_an_input(scene, tmp_path):
    node = add_volume(scene, np.full((5, 5, 5), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="no finite number"):
        export_volume(node, tmp_path / "v.nrrd")
    assert list(tmp_path.iterdir()) == []
