"""DICOM series: the grid from the tags, and stacks that are no volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from volume_fixtures import GRIDS, SHAPE, refused

from mrstyle.volume import Volume, read_volume, resample_like, to_canonical


def plane_dataset(pixels: np.ndarray, storage: str, **tags: object) -> Dataset:
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = storage
    result.SOPInstanceUID = result.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    result.Modality, result.StudyInstanceUID = "MR", generate_uid()
    result.Rows, result.Columns = pixels.shape[-2:]
    result.SamplesPerPixel, result.PhotometricInterpretation = 1, "MONOCHROME2"
    result.BitsAllocated = result.BitsStored = 16
    result.HighBit, result.PixelRepresentation = 15, 0
    result.PixelData = pixels.astype("<u2").tobytes()
    for keyword, value in tags.items():
        setattr(result, keyword, value)
    return result


def item(**tags: object) -> list[Dataset]:
    result = Dataset()
    for keyword, value in tags.items():
        setattr(result, keyword, value)
    return [result]


@pytest.fixture
def scan() -> Volume:
    array = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.float32)
    return Volume(array, GRIDS["oblique"], "t1")


def geometry(volume: Volume) -> tuple[list[float], np.ndarray]:
    """Image orientation (6) and the positions (k, 3) of the slices, in LPS mm."""
    lps = np.diag([-1, -1, 1, 1]) @ volume.affine
    axes = lps[:3, :3] / volume.spacing_mm
    positions = lps[:3, 3] + np.arange(volume.shape[0])[:, None] * lps[:3, 2]
    return [*axes[:, 0], *axes[:, 1]], positions


def write_series(
    volume: Volume, folder: Path, slopes: list[float] | None = None, **tags: object
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    orientation, positions = geometry(volume)
    shared = {"SeriesInstanceUID": generate_uid(), "SeriesDescription": volume.name, **tags}
    paths = []
    for k, (pixels, position) in enumerate(zip(volume.array, positions, strict=True)):
        data = plane_dataset(
            pixels,
            MRImageStorage,
            ImagePositionPatient=[f"{value:.9g}" for value in position],
            ImageOrientationPatient=[f"{value:.12f}" for value in orientation],
            PixelSpacing=[f"{volume.spacing_mm[1]:.9g}", f"{volume.spacing_mm[0]:.9g}"],
            RescaleSlope=str(slopes[k] if slopes else 1),
            RescaleIntercept="0",
            **shared,
        )
        # Names out of order, as from an archive:
        paths.append(folder / f"{volume.name}{(k * 7) % 10}.dcm")
        data.save_as(paths[-1], enforce_file_format=True)
    return paths


def test_dicom_series(scan: Volume, tmp_path: Path) -> None:
    write_series(scan, tmp_path, RepetitionTime="600", EchoTime="12", ScanningSequence="SE")
    (tmp_path / "notes.txt").write_text("not an image")
    again = read_volume(tmp_path)
    assert again.name == "t1"
    assert np.array_equal(again.array, scan.array)
    np.testing.assert_allclose(again.affine, scan.affine, rtol=1e-6, atol=1e-6)
    assert again.acquisition is not None
    assert (again.acquisition.family, again.acquisition.repetition_time_ms) == ("spin_echo", 600)


def test_dicom_rescale_of_each_slice(scan: Volume, tmp_path: Path) -> None:
    slopes = [1.0, 2.0, 0.5, 3.0]
    write_series(scan, tmp_path, slopes)
    np.testing.assert_allclose(
        read_volume(tmp_path).array, scan.array * np.reshape(slopes, (4, 1, 1)), rtol=1e-6
    )


def test_dicom_several_series_are_named(scan: Volume, tmp_path: Path) -> None:
    write_series(scan, tmp_path)
    write_series(Volume(scan.array[:3], scan.affine, "flair"), tmp_path)
    refused(
        tmp_path,
        "2 DICOM series; put one into a folder of its own: flair (3 images, flair0.dcm to flair7.dcm); t1 (4",
    )


def test_dicom_missing_slice(scan: Volume, tmp_path: Path) -> None:
    write_series(scan, tmp_path)[2].unlink()
    refused(tmp_path, "slice missing or irregular spacing: 3.333 mm after t17.dcm")


def test_dicom_stacks_that_are_no_volume(scan: Volume, tmp_path: Path) -> None:
    paths = write_series(scan, tmp_path)
    copy = pydicom.dcmread(paths[0])
    copy.save_as(tmp_path / "echo2.dcm")
    refused(tmp_path, "several images at one slice position")
    copy.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    copy.save_as(tmp_path / "echo2.dcm")
    refused(tmp_path, "not parallel")
    (tmp_path / "echo2.dcm").unlink()
    refused(paths[0], "single slice; choose the folder")
    broken = pydicom.dcmread(paths[0])
    del broken.ImagePositionPatient
    broken.save_as(paths[0])
    refused(tmp_path, "without usable position")


def test_dicom_truncated_pixels(scan: Volume, tmp_path: Path) -> None:
    paths = write_series(scan, tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-30])
    refused(tmp_path, "cannot be read")


def test_dicom_tilted_stack_is_refused(scan: Volume, tmp_path: Path) -> None:
    affine = scan.affine.copy()
    affine[:3, 2] += 0.2 * affine[:3, 0]
    write_series(Volume(scan.array, affine, "tilted"), tmp_path)
    refused(tmp_path, "not perpendicular")


@pytest.mark.parametrize("as_folder", [True, False])
def test_dicom_enhanced_multi_frame(scan: Volume, as_folder: bool, tmp_path: Path) -> None:
    orientation, positions = geometry(scan)
    slopes, order = np.array([1.0, 2.0, 0.5, 3.0]), [2, 0, 3, 1]
    frames = [
        item(
            PlanePositionSequence=item(ImagePositionPatient=[f"{value:.9g}" for value in positions[k]]),
            PixelValueTransformationSequence=item(
                RescaleSlope=slopes[k], RescaleIntercept=0, RescaleType="US"
            ),
            MREchoSequence=item(EffectiveEchoTime=12.0),
        )[0]
        for k in order
    ]
    spacing = [f"{scan.spacing_mm[1]:.9g}", f"{scan.spacing_mm[0]:.9g}"]
    shared = item(
        PlaneOrientationSequence=item(ImageOrientationPatient=[f"{value:.12f}" for value in orientation]),
        PixelMeasuresSequence=item(PixelSpacing=spacing, SliceThickness=1),
    )
    data = plane_dataset(
        scan.array[order],
        EnhancedMRImageStorage,
        NumberOfFrames=len(order),
        SeriesInstanceUID=generate_uid(),
        SharedFunctionalGroupsSequence=shared,
        PerFrameFunctionalGroupsSequence=frames,
    )
    path = tmp_path / "enhanced.dcm"
    data.save_as(path, enforce_file_format=True)
    again = read_volume(tmp_path if as_folder else path)
    np.testing.assert_allclose(again.array, scan.array * slopes.reshape(-1, 1, 1), rtol=1e-6)
    np.testing.assert_allclose(again.affine, scan.affine, rtol=1e-6, atol=1e-6)
    assert again.acquisition is not None and again.acquisition.echo_time_ms == 12


def test_dicom_and_nifti_of_one_heart_agree(shared_data: Path) -> None:
    folder = shared_data / "body" / "cardiac_cine_sunnybrook" / "SC-HF-I-1"
    dicom, nifti = read_volume(folder / "dicom_ED"), read_volume(folder / "SC-HF-I-1_ED.nii.gz")
    assert np.array_equal(to_canonical(dicom).array, to_canonical(nifti).array)
    assert resample_like(nifti, dicom).array == pytest.approx(dicom.array, abs=1)
