"""Dynamic series: what scanners and 3D Slicer write is read, with its times, or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mrstyle.errors import InputError
from mrstyle.series import Series, read_series, write_series
from mrstyle.volume import Volume, write_volume

FRAMES = np.random.default_rng(0).uniform(10, 100, (6, 4, 12, 16)).astype(np.float32)
AFFINE = np.diag([1.5, 1.5, 4.0, 1.0])
TIMES_S = np.array([0.0, 2.0, 4.5, 6.0, 8.0, 11.0])


def series() -> Series:
    return Series(FRAMES, Volume(FRAMES[0], AFFINE, "kidney"), TIMES_S, "kidney")


def test_a_series_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_series(series(), tmp_path / "out.nii.gz", {"Description": "x"})
    again = read_series(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(again.frames, FRAMES)
    np.testing.assert_allclose(again.times_s, TIMES_S)
    np.testing.assert_allclose(again.grid.affine, AFFINE)
    assert json.loads((tmp_path / "out.json").read_text())["Description"] == "x"


def test_times_come_from_the_header_or_are_given(tmp_path: Path) -> None:
    image = nib.Nifti1Image(FRAMES.transpose(3, 2, 1, 0), AFFINE)
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 1600
    nib.save(image, tmp_path / "a.nii.gz")
    assert read_series(tmp_path / "a.nii.gz").times_s[-1] == pytest.approx(5 * 1.6)
    assert read_series(tmp_path / "a.nii.gz", 3.0).times_s[-1] == pytest.approx(15)
    image.header["pixdim"][4] = 0
    nib.save(image, tmp_path / "b.nii.gz")
    with pytest.raises(InputError, match=r"Nothing tells the times.*--interval"):
        read_series(tmp_path / "b.nii.gz")


def test_a_multi_volume_of_slicer(tmp_path: Path) -> None:
    """Its frames are the components of a voxel, its times labels in ms."""
    image = sitk.GetImageFromArray(np.moveaxis(FRAMES, 0, -1).copy(), isVector=True)
    image.SetMetaData("MultiVolume.FrameLabels", ",".join(str(1000 * each) for each in TIMES_S))
    image.SetMetaData("MultiVolume.FrameIdentifyingDICOMTagUnits", "ms")
    sitk.WriteImage(image, str(tmp_path / "multi.nrrd"))
    again = read_series(tmp_path / "multi.nrrd")
    np.testing.assert_allclose(again.frames, FRAMES)
    np.testing.assert_allclose(again.times_s, TIMES_S)


def test_a_folder_of_frames_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, frame in zip((1, 2, 3, 9, 10, 11), FRAMES, strict=True):
        write_volume(Volume(frame, AFFINE, "f"), tmp_path / f"frame_{number}.nii.gz")
    np.testing.assert_allclose(read_series(tmp_path, 2.0).frames, FRAMES)
    write_volume(Volume(FRAMES[0], 2 * AFFINE, "f"), tmp_path / "frame_12.nii.gz")
    with pytest.raises(InputError, match=r"frame_12.*another grid"):
        read_series(tmp_path, 2.0)


@pytest.mark.parametrize(
    ("timing", "said"), [([0, 1, 2], "6 frames and 3 times"), ([0, 1, 2, 2, 3, 4], "do not rise")]
)
def test_times_that_cannot_be(tmp_path: Path, timing: list[float], said: str) -> None:
    write_series(series(), tmp_path / "out.nii.gz", {})
    (tmp_path / "out.json").write_text(json.dumps({"VolumeTiming": timing}))
    with pytest.raises(InputError, match=said):
        read_series(tmp_path / "out.nii.gz")


def test_what_is_no_series_is_refused(tmp_path: Path) -> None:
    write_volume(Volume(FRAMES[0], AFFINE, "one"), tmp_path / "one.nii.gz")
    write_volume(Volume(FRAMES[0], AFFINE, "one"), tmp_path / "one.nrrd")
    (tmp_path / "broken.nii.gz").write_bytes(b"no")
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, said in (
        ("one.nii.gz", "one frame"),
        ("one.nrrd", "one volume"),
        ("broken.nii.gz", "damaged"),
        ("text.txt", "no series"),
        ("empty", "no images"),
        ("missing", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            read_series(tmp_path / name, 1.0)


def test_a_real_reference_object_of_slicer(shared_data: Path) -> None:
    found = read_series(shared_data / "body" / "dro_pkmodeling" / "DROs" / "DRO5min5secinf.nrrd")
    assert found.frames.shape == (60, 1, 13, 16)
    np.testing.assert_allclose(np.diff(found.times_s), 5.0)
