"""Volumes keep their exact place: every format against SimpleITK and nibabel, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_fixtures import GRIDS, SHAPE, affine_of, refused

from mrstyle.errors import InputError
from mrstyle.volume import (
    Volume,
    check_volume,
    from_sitk,
    read_volume,
    resample_like,
    to_canonical,
    to_sitk,
    write_volume,
)

WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha", ".mgz", ".mgh")


@pytest.fixture(params=GRIDS.values(), ids=GRIDS.keys())
def volume(request: pytest.FixtureRequest) -> Volume:
    array = np.random.default_rng(0).normal(100, 30, SHAPE).astype(np.float32)
    return Volume(array, request.param, "scan")


def assert_same_grid(affine: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(affine, expected, rtol=1e-5, atol=1e-5)


# Geometry in files


@pytest.mark.parametrize("suffix", WRITABLE)
def test_round_trip_keeps_voxels_and_grid(volume: Volume, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"my.scan{suffix}"
    write_volume(volume, path)
    again = read_volume(path)
    assert np.array_equal(again.array, volume.array)
    assert_same_grid(again.affine, volume.affine)
    assert again.name == "my.scan"
    assert again.has_grid_of(volume)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgz"])
def test_nibabel_agrees_on_what_is_written(volume: Volume, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    write_volume(volume, path)
    image = nib.load(path)
    assert np.array_equal(image.get_fdata(dtype=np.float32).T, volume.array)
    assert image.get_data_dtype().newbyteorder("=") == np.float32
    assert_same_grid(image.affine, volume.affine)
    if isinstance(image, nib.Nifti1Image):
        assert_same_grid(image.get_qform(), volume.affine)
        assert (image.header["sform_code"], image.header["qform_code"]) == (1, 1)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_simpleitk_agrees_on_what_is_written(volume: Volume, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    write_volume(volume, path)
    image = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(image), volume.array)
    for i, j, k in np.ndindex(2, 2, 2):
        point_ras = volume.affine @ (i * 5, j * 4, k * 3, 1)
        point_lps = image.TransformIndexToPhysicalPoint((i * 5, j * 4, k * 3))
        np.testing.assert_allclose(point_lps, point_ras[:3] * (-1, -1, 1), atol=1e-4)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_reads_what_simpleitk_writes(volume: Volume, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(to_sitk(volume), str(path), useCompression=True)
    again = read_volume(path)
    assert np.array_equal(again.array, volume.array)
    assert_same_grid(again.affine, volume.affine)


def test_simpleitk_image_and_back_is_exact(volume: Volume) -> None:
    again = from_sitk(to_sitk(volume), "scan")
    assert np.array_equal(again.array, volume.array)
    np.testing.assert_allclose(again.affine, volume.affine, rtol=1e-12, atol=1e-12)


def save_nifti(
    path: Path, array: np.ndarray, affine: np.ndarray | None, sform: int = 1, qform: int = 0
) -> Path:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    nib.save(image, path)
    return path


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_nifti_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ramp(2, 3, 4).astype(np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, tmp_path / "scan.nii")
    stored = np.asanyarray(nib.load(tmp_path / "scan.nii").dataobj)
    np.testing.assert_allclose(read_volume(tmp_path / "scan.nii").array, stored.T, rtol=1e-6)


def test_nifti_with_a_qform_only(tmp_path: Path) -> None:
    affine = GRIDS["left-handed"]
    path = save_nifti(tmp_path / "scan.nii", ramp(3, 4, 5), affine, sform=0, qform=1)
    assert_same_grid(read_volume(path).affine, affine)


def test_nifti_without_orientation_is_placed_as_itk_and_slicer_place_it(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "scan.nii", ramp(3, 4, 5), np.diag([1.0, 2, 3, 1]), sform=0, qform=0)
    itk = from_sitk(sitk.ReadImage(str(path)), "itk")
    assert_same_grid(read_volume(path).affine, itk.affine)


def test_nifti_in_micrometers(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ramp(3, 4, 5), np.diag([500.0, 500, 2000, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "scan.nii")
    assert read_volume(tmp_path / "scan.nii").spacing_mm == pytest.approx((0.5, 0.5, 2.0))


def test_single_frame_4d_is_a_volume(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "scan.nii", ramp(3, 4, 5, 1), np.eye(4))
    assert read_volume(path).shape == (5, 4, 3)
    image = sitk.GetImageFromArray(ramp(1, 3, 4, 5), isVector=False)
    sitk.WriteImage(image, str(tmp_path / "scan.nrrd"))
    assert read_volume(tmp_path / "scan.nrrd").shape == (3, 4, 5)


def test_sidecar_gives_the_acquisition(volume: Volume, tmp_path: Path) -> None:
    write_volume(volume, tmp_path / "scan.nii.gz")
    assert read_volume(tmp_path / "scan.nii.gz").acquisition is None
    (tmp_path / "scan.json").write_text(json.dumps({"EchoTime": 0.09, "MagneticFieldStrength": 3}))
    acquisition = read_volume(tmp_path / "scan.nii.gz").acquisition
    assert acquisition is not None
    assert (acquisition.echo_time_ms, acquisition.field_strength_t) == (90, 3)


# Grids in memory


def test_same_grid_means_a_hundredth_of_a_voxel(volume: Volume) -> None:
    for shift_voxels, same in ((0.005, True), (0.1, False)):
        affine = volume.affine.copy()
        affine[:3, 3] += shift_voxels * affine[:3, 0]
        assert volume.has_grid_of(Volume(volume.array, affine, "moved")) is same
    assert not volume.has_grid_of(Volume(volume.array[1:], volume.affine, "cropped"))


def test_with_array_keeps_the_grid(volume: Volume) -> None:
    other = volume.with_array(volume.array * 2, name="double")
    assert other.name == "double" and other.has_grid_of(volume)
    with pytest.raises(ValueError, match="shape"):
        volume.with_array(volume.array[1:])


def test_resampling_follows_the_patient_not_the_indices(volume: Volume) -> None:
    """A linear function of RAS position is what linear interpolation reproduces exactly."""

    def plane(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        k, j, i = np.indices(shape)
        return np.tensordot(
            (0.3, -0.7, 1.1, 0), affine @ np.stack([i, j, k, np.ones(shape)]).reshape(4, -1), 1
        ).reshape(shape)

    moving_affine = np.diag([1.5, -2.0, 1.0, 1.0])
    center = volume.affine @ (2.5, 2, 1.5, 1)
    moving_affine[:3, 3] = center[:3] - moving_affine[:3, :3] @ (10, 10, 10)
    moving = Volume(plane(moving_affine, (21, 21, 21)), moving_affine, "moving")
    result = resample_like(moving, volume)
    assert result.has_grid_of(volume) and result.name == "moving"
    np.testing.assert_allclose(result.array, plane(volume.affine, SHAPE), atol=1e-3)


def test_resampling_fills_what_is_outside(volume: Volume) -> None:
    far = volume.affine.copy()
    far[:3, 3] += 1000
    assert (resample_like(Volume(volume.array, far, "far"), volume, fill=-7).array == -7).all()


angles = st.one_of(st.sampled_from([0.0, 45.0, 90.0, -135.0, 180.0]), st.floats(-180, 180))


@settings(max_examples=80, deadline=None)
@given(
    turn=st.tuples(angles, angles, angles),
    spacing=st.tuples(*[st.floats(0.2, 12)] * 3),
    order=st.permutations((0, 1, 2)),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    shape=st.tuples(*[st.integers(2, 5)] * 3),
)
def test_canonical_is_a_permutation_that_restore_inverts(turn, spacing, order, flips, shape) -> None:
    volume = Volume(ramp(*shape), affine_of(turn, spacing, tuple(order), flips), "scan")
    canonical = to_canonical(volume)
    assert np.array_equal(canonical.restore(canonical.array), volume.array)
    assert canonical.array.flags.c_contiguous
    assert sorted(canonical.spacing_mm) == pytest.approx(sorted(spacing))

    # Where the first voxels of the canonical array are in the patient:
    def ras(*index: int) -> np.ndarray:
        k, j, i = np.argwhere(volume.array == canonical.array[index])[0]
        return (volume.affine @ (i, j, k, 1))[:3]

    for axis, index in enumerate([(0, 0, 1), (0, 1, 0), (1, 0, 0)]):
        step = ras(*index) - ras(0, 0, 0)
        assert np.linalg.norm(step) == pytest.approx(canonical.spacing_mm[axis])
        assert step[axis] / np.linalg.norm(step) > -1e-6


def test_canonical_agrees_with_itk(volume: Volume) -> None:
    if np.isclose(np.abs(volume.affine[:3, :3] / volume.spacing_mm), np.sqrt(0.5)).any():
        pytest.skip("two axes are equally near")
    image = sitk.DICOMOrient(to_sitk(volume), "LPS")
    expected = sitk.GetArrayFromImage(image)[:, ::-1, ::-1]
    assert np.array_equal(to_canonical(volume).array, expected)


# What is refused


def test_missing_and_unsupported(tmp_path: Path) -> None:
    refused(tmp_path / "none.nii", "does not exist")
    (tmp_path / "scan.png").write_bytes(b"x")
    refused(tmp_path / "scan.png", "not of a format that MRStyle reads")
    refused(tmp_path, "holds no DICOM images")


@pytest.mark.parametrize("suffix", WRITABLE)
def test_damaged_files(volume: Volume, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    write_volume(volume, path)
    whole = path.read_bytes()
    path.write_bytes(b"")
    refused(path, "is empty")
    for part in (len(whole) // 2, len(whole) - 250):
        path.write_bytes(whole[:part])
        refused(path, "damaged, incomplete or not the format")
    path.write_text("TR = 2300\n" * 100)
    refused(path, "damaged, incomplete or not the format")
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(tmp_path / "picture.png"))
    (tmp_path / "picture.png").replace(path)
    refused(path, "damaged, incomplete or not the format")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scan.txt", "no image" * 200)
    refused(path, "damaged, incomplete or not the format")


def test_layouts_that_are_not_one_volume(tmp_path: Path) -> None:
    eye = np.eye(4)
    path = tmp_path / "scan.nii"
    refused(save_nifti(path, ramp(3, 4, 5, 6), eye), "4D image of 6 volumes; pick one frame")
    refused(save_nifti(path, ramp(8, 8), eye), "2D image")
    refused(save_nifti(path, ramp(8, 8, 1), eye), "single slice (8 x 8 x 1 voxels)")
    refused(save_nifti(path, ramp(3, 4, 5).astype(np.complex64), eye), "complex")
    rgb = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    refused(save_nifti(path, rgb, eye), "3 values in each voxel (color or frames)")
    path = tmp_path / "scan.nrrd"
    for image, words in (
        (sitk.GetImageFromArray(ramp(6, 5, 4, 3), isVector=False), "4D image of 6 volumes"),
        (sitk.GetImageFromArray(ramp(5, 4)), "2D image"),
        (sitk.GetImageFromArray(ramp(5, 4, 3, 3), isVector=True), "3 values in each voxel"),
    ):
        sitk.WriteImage(image, str(path))
        refused(path, words)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite(value: float, tmp_path: Path) -> None:
    array = ramp(3, 4, 5)
    array[1, 2, 3] = value
    refused(save_nifti(tmp_path / "scan.nii", array, np.eye(4)), "NaN or infinite values (1 voxels)")


def test_constant_volume(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "scan.nii", np.full((3, 4, 5), 7.0, np.float32), np.eye(4))
    refused(path, "same value, 7, in every voxel")


def test_zero_spacing(tmp_path: Path) -> None:
    srow_y1, pixdim2 = 300, 84  # byte offsets of two header fields
    for codes, offset in (((1, 0), srow_y1), ((0, 1), pixdim2), ((0, 0), pixdim2)):
        path = save_nifti(tmp_path / "q.nii", ramp(3, 4, 5), np.eye(4), *codes)
        data = bytearray(path.read_bytes())
        data[offset : offset + 4] = np.float32(0).tobytes()
        path.write_bytes(data)
        refused(path, "spacing of zero")
    image = sitk.GetImageFromArray(ramp(3, 4, 5))
    image.SetSpacing((1, 1, 9))
    for suffix, old, new in ((".mha", b"1 1 9", b"1 1 0"), (".nrrd", b"(0,0,9)", b"(0,0,0)")):
        path = tmp_path / f"z{suffix}"
        sitk.WriteImage(image, str(path))
        path.write_bytes(path.read_bytes().replace(old, new))
        refused(path, "spacing of zero")


def test_sheared_and_singular_axes(tmp_path: Path) -> None:
    sheared, singular = np.eye(4), np.eye(4)
    sheared[0, 1] = 0.1
    singular[:3, 1] = singular[:3, 0]
    for affine in (sheared, singular):
        refused(save_nifti(tmp_path / "scan.nii", ramp(3, 4, 5), affine), "not perpendicular")
    write = Volume(ramp(3, 4, 5), sheared, "sheared")
    sitk.WriteImage(to_sitk(write), str(tmp_path / "scan.nrrd"))
    refused(tmp_path / "scan.nrrd", "not perpendicular")


def test_check_volume_names_the_volume(volume: Volume) -> None:
    check_volume(volume)
    with pytest.raises(InputError, match="The volume scan has the same value"):
        check_volume(volume.with_array(np.zeros(SHAPE)))
    affine = volume.affine.copy()
    affine[0, 3] = np.nan
    with pytest.raises(InputError, match="not a finite number"):
        check_volume(Volume(volume.array, affine, "scan"))


@pytest.mark.parametrize("name", ["scan.txt", "scan", "scan.nhdr", "scan.mhd", "missing/scan.nii"])
def test_writing_elsewhere_is_refused(volume: Volume, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot write"):
        write_volume(volume, tmp_path / name)
    assert not list(tmp_path.iterdir())


# Real files


def test_real_files_agree_with_itk(shared_data: Path) -> None:
    for name in (
        "brain/openms_mni/patient19/T2.nii.gz",
        "brain/t1_multivendor/philips_elitionx_3T_mprage.nii.gz",
    ):
        volume = read_volume(shared_data / name)
        itk = from_sitk(sitk.ReadImage(str(shared_data / name)), "itk")
        assert volume.has_grid_of(itk)
        np.testing.assert_allclose(volume.array, itk.array, rtol=1e-5)
