"""Scans that tell of different patients."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from mrstyle.patients import patients_note


def series(folder: Path, patient: str | None) -> Path:
    """A folder with one DICOM file, beside one that is none."""
    folder.mkdir()
    (folder / "a.txt").write_text("not an image")
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = MRImageStorage
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    if patient is not None:
        header.PatientID = patient
    header.save_as(folder / "b.dcm", enforce_file_format=True)
    return folder


def test_different_dicom_patients_are_doubted_without_naming_them(tmp_path: Path) -> None:
    note = patients_note([series(tmp_path / "t1", "Miller"), series(tmp_path / "t2", "Smith")])
    assert note == "t1, t2 have different DICOM patient IDs; check that they are of one patient."
    assert patients_note([tmp_path / "t1" / "b.dcm", tmp_path / "t2"]) is not None


@pytest.mark.parametrize("patient", ["Miller", None, ""])
def test_one_patient_and_unknown_ones_are_believed(tmp_path: Path, patient: str | None) -> None:
    assert patients_note([series(tmp_path / "t1", "Miller"), series(tmp_path / "t2", patient)]) is None


@pytest.mark.parametrize(
    ("names", "doubted"),
    [
        (("sub-01_T1w.nii.gz", "sub-02_T2w.nii.gz"), True),
        (("sub-01_T1w.nii.gz", "sub-01_T2w.nii.gz"), False),
        (("sub-01_T1w.nii.gz", "t2.nii.gz"), False),
        (("t1.nii.gz", "t2.nii.gz"), False),
    ],
)
def test_names_of_files_tell_subjects(tmp_path: Path, names: tuple[str, str], doubted: bool) -> None:
    assert (patients_note([tmp_path / name for name in names]) is not None) == doubted
