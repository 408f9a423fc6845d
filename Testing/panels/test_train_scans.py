"""Loaded volumes as a folder that the trainer reads."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import slicer
from transfer_panel_helpers import add_volume

from MRStyleLib import train_scans
from MRStyleLib.train_scans import Scan
from MRStyleLib.volumes import ijk_to_ras


def exported(scans: list[Scan], folder: Path) -> list[float]:
    return list(train_scans.export(scans, folder))


def participants(folder: Path) -> list[dict]:
    with (folder / "participants.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_folder_is_bids_with_the_grid_and_voxels_of_the_volumes(scene, tmp_path: Path) -> None:
    first, second, third = add_volume("Anna T1w"), add_volume("Anna FLAIR", seed=1), add_volume("Ben", seed=2)
    scans = [
        Scan(first, "01", "Bergen", "34", "F"),
        Scan(second, "01", "Bergen", "34", "F"),
        Scan(third, "02", "Tromsø"),
    ]
    assert exported(scans, tmp_path / "scans") == pytest.approx([1 / 3, 2 / 3, 1])
    assert participants(tmp_path / "scans") == [
        {"participant_id": "sub-01", "site": "Bergen", "age": "34", "sex": "F"},
        {"participant_id": "sub-02", "site": "Tromsø", "age": "n/a", "sex": "n/a"},
    ]
    files = sorted(
        path.relative_to(tmp_path / "scans").as_posix() for path in (tmp_path / "scans").rglob("*.nii")
    )
    assert files == [
        "sub-01/anat/sub-01_run-1_FLAIR.nii",
        "sub-01/anat/sub-01_run-1_T1w.nii",
        "sub-02/anat/sub-02_run-1_T1w.nii",
    ]
    image = SimpleITK.ReadImage(str(tmp_path / "scans" / files[1]))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), slicer.util.arrayFromVolume(first))
    corner_lps = np.array(image.TransformIndexToPhysicalPoint((5, 7, 9)))
    assert np.allclose(corner_lps * (-1, -1, 1), (ijk_to_ras(first) @ (5, 7, 9, 1))[:3], atol=1e-3)


def test_two_scans_of_one_contrast_are_two_runs(scene, tmp_path: Path) -> None:
    nodes = [add_volume(f"scan {number}", seed=number) for number in range(2)]
    exported([Scan(node, "01") for node in nodes], tmp_path / "scans")
    names = sorted(path.name for path in (tmp_path / "scans").rglob("*.nii"))
    assert names == ["sub-01_run-1_T1w.nii", "sub-01_run-2_T1w.nii"]


def test_a_sidecar_comes_along_and_tells_the_site(scene, tmp_path: Path) -> None:
    file = tmp_path / "sub-07_T2w.nii.gz"
    assert slicer.util.saveNode(add_volume("x"), str(file))
    keys = {"ScanningSequence": "SE", "RepetitionTime": 4.0, "EchoTime": 0.09, "InstitutionName": "Klinik Ö"}
    file.with_name("sub-07_T2w.json").write_text(json.dumps(keys), encoding="utf-8")
    node = slicer.util.loadVolume(str(file))
    scan = train_scans.guessed([node], scene)[0]
    assert (scan.subject, scan.site) == ("07", "Klinik Ö")
    exported([scan], tmp_path / "scans")
    beside = tmp_path / "scans" / "sub-07" / "anat" / "sub-07_run-1_T2w.json"
    assert json.loads(beside.read_text(encoding="utf-8"))["EchoTime"] == pytest.approx(0.09)


def test_dicom_tells_site_age_and_sex(scene, monkeypatch) -> None:
    tags = {"0008,0080": "Haukeland ", "0010,1010": "034Y", "0010,0040": "F"}

    class Database:
        def instanceValue(self, uid: str, tag: str) -> str:  # noqa: N802 - Slicer's name
            assert uid == "1.2.3"
            return tags[tag]

        def fileForInstance(self, uid: str) -> str:  # noqa: N802
            return ""

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    node = add_volume("MPRAGE")
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    scan = train_scans.guessed([node], scene)[0]
    assert (scan.site, scan.age, scan.sex) == ("Haukeland", "34", "F")


def test_volumes_of_one_patient_are_of_one_subject(scene) -> None:
    nodes = [add_volume(name) for name in ("a", "b", "c")]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient 1")
    for node in (nodes[0], nodes[2]):
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), patient)
    assert [scan.subject for scan in train_scans.guessed(nodes, scene)] == ["01", "02", "01"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"site": "Bergen"}, "All volumes are of one site"),
        ({"site": ""}, "ball 2: write the site"),
        ({"subject": "01"}, "two or more subjects"),
        ({"subject": "Mrs. B"}, "letters and digits"),
        ({"age": "old"}, "age in years"),
        ({"sex": "female"}, "F, M or O"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_why_volumes_cannot_be_learned_from(scene, change: dict, words: str | None) -> None:
    first, second = add_volume("ball 1"), add_volume("ball 2")
    scans = [Scan(first, "01", "Bergen"), replace(Scan(second, "02", "Oslo", "40.5", "M"), **change)]
    refusal = train_scans.refusal(scans, with_sites=True)
    assert refusal is None if words is None else words in refusal


def test_a_subject_at_two_sites_is_refused(scene) -> None:
    nodes = [add_volume(f"ball {number}") for number in range(3)]
    scans = [Scan(nodes[0], "01", "Bergen"), Scan(nodes[1], "01", "Oslo"), Scan(nodes[2], "02", "Oslo")]
    assert "Subject 01 has two sites" in train_scans.refusal(scans, with_sites=True)


@pytest.mark.parametrize("fault", ["no voxels", "full disk"])
def test_nothing_stays_of_an_export_that_fails(scene, monkeypatch, tmp_path: Path, fault: str) -> None:
    nodes = [add_volume("good"), add_volume("other")]
    if fault == "no voxels":
        nodes[1] = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    else:
        write = SimpleITK.WriteImage

        def refuse(image, path: str) -> None:
            if "sub-02" in path:
                raise RuntimeError("no space")
            write(image, path)

        monkeypatch.setattr(train_scans.SimpleITK, "WriteImage", refuse)
    scans = [Scan(node, f"0{number}") for number, node in enumerate(nodes, start=1)]
    with pytest.raises((ValueError, OSError), match=r"empty has no voxels|other could not be written"):
        exported(scans, tmp_path / "scans")
    assert not (tmp_path / "scans").exists()
