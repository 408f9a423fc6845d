"""Volumes of the scene as a BIDS folder that the trainer reads; who and where each one is from."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK
import slicer
from slicer.i18n import tr as _

from .scene_nodes import nodes_of_class
from .volume_inputs import file_of, name_of_file, write_acquisition
from .volumes import describe_fault, ijk_to_ras

COLUMNS = ("participant_id", "site", "age", "sex")
_SUBJECT_IN_NAME = re.compile(r"sub-([A-Za-z0-9]+)")
_SUFFIX_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])(T1w|T2w|PDw|FLAIR|T2starw|T1|T2|PD)(?![A-Za-z0-9])", re.IGNORECASE
)
_SUFFIXES = {"t1": "T1w", "t2": "T2w", "pd": "PDw"} | {
    name.lower(): name for name in ("T1w", "T2w", "PDw", "FLAIR", "T2starw")
}
_UNKNOWN = "n/a"
_SEXES = ("", "F", "M", "O")


@dataclass(frozen=True)
class Scan:
    """A volume and what participants.tsv says about who is seen in it.

    Args:
        node: the volume.
        subject: letters and digits.
        site: where it was acquired; empty where that is not known.
        age: in years, as text; may be empty.
        sex: "F", "M", "O" or empty.
    """

    node: object
    subject: str
    site: str = ""
    age: str = ""
    sex: str = ""


def volumes(scene) -> list:
    """The volumes that could be learned from."""
    nodes = nodes_of_class(scene, "vtkMRMLScalarVolumeNode")
    return [
        node for node in nodes if not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.GetHideFromEditors()
    ]


def guessed(nodes: Sequence, scene) -> list[Scan]:
    """What names, files, DICOM headers and the patients of the subject hierarchy say about volumes."""
    patients: dict[object, str] = {}
    scans = []
    for node in nodes:
        named = _SUBJECT_IN_NAME.search(node.GetName())
        key = named[1] if named else _patient(node, scene) or node.GetID()
        subject = patients.setdefault(key, named[1] if named else f"{len(patients) + 1:02d}")
        known = _known(node)
        scans.append(Scan(node, subject, known["site"], known["age"], known["sex"]))
    return scans


def refusal(scans: Sequence[Scan], *, with_sites: bool) -> str | None:
    """Why nothing can be learned from these volumes, as far as can be told without their voxels; None if it can."""
    if len({scan.subject for scan in scans}) < 2:
        return _("Check the volumes of two or more subjects.")
    for scan in scans:
        if not re.fullmatch("[A-Za-z0-9]+", scan.subject):
            return _("{name}: a subject is named with letters and digits alone.").format(
                name=scan.node.GetName()
            )
        if scan.age and not re.fullmatch(r"\d{1,3}(\.\d+)?", scan.age):
            return _("{name}: write the age in years, or leave it empty.").format(name=scan.node.GetName())
        if scan.sex not in _SEXES:
            return _("{name}: write the sex as F, M or O, or leave it empty.").format(
                name=scan.node.GetName()
            )
        if with_sites and not scan.site:
            return _("{name}: write the site that it comes from.").format(name=scan.node.GetName())
    rows = {(scan.subject, scan.site, scan.age, scan.sex) for scan in scans}
    twice = [each for each in {row[0] for row in rows} if sum(row[0] == each for row in rows) > 1]
    if twice:
        text = _(
            "Subject {subject} has two sites, ages or sexes; give each one visit, or another name per site."
        )
        return text.format(subject=min(twice))
    if with_sites and len({scan.site for scan in scans}) < 2:
        return _("All volumes are of one site; scans of two or more are needed.")
    return None


def export(scans: Sequence[Scan], folder: Path) -> Iterator[float]:
    """Write volumes, sidecars and participants.tsv into a new folder, one volume a step; yields what is done, 0 to 1.

    Raises:
        ValueError: a volume cannot be used; nothing stays.
        OSError: the folder cannot be written to; nothing stays.
    """
    try:
        folder.mkdir()
        for number, scan in enumerate(scans, start=1):
            _write(scan, folder)
            yield number / len(scans)
        description = {"Name": "Volumes of a scene", "BIDSVersion": "1.9.0", "DatasetType": "raw"}
        (folder / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
        with (folder / "participants.tsv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerow(COLUMNS)
            rows = {(f"sub-{scan.subject}", scan.site, scan.age, scan.sex) for scan in scans}
            table.writerows([value or _UNKNOWN for value in row] for row in sorted(rows))
    except (ValueError, OSError, GeneratorExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(scan: Scan, folder: Path) -> None:
    if fault := describe_fault(scan.node):
        raise ValueError(fault)
    place = folder / f"sub-{scan.subject}" / "anat"
    place.mkdir(parents=True, exist_ok=True)
    suffix, run = _suffix(scan.node), 1
    while (path := place / f"sub-{scan.subject}_run-{run}_{suffix}.nii").exists():
        run += 1
    voxels = slicer.util.arrayFromVolume(scan.node)
    image = SimpleITK.GetImageFromArray(voxels.astype("float32") if voxels.dtype.kind == "f" else voxels)
    affine = ijk_to_ras(scan.node)
    affine[:2] *= -1  # files are in LPS
    spacing = (affine[:3, :3] ** 2).sum(axis=0) ** 0.5
    image.SetSpacing([float(each) for each in spacing])
    image.SetDirection([float(each) for each in (affine[:3, :3] / spacing).ravel()])
    image.SetOrigin([float(each) for each in affine[:3, 3]])
    try:
        # Not compressed: that takes seconds, in which the application would not answer.
        SimpleITK.WriteImage(image, str(path))
    except RuntimeError as error:
        text = _("{name} could not be written to {path}; free some space.")
        raise OSError(text.format(name=scan.node.GetName(), path=path)) from error
    write_acquisition(scan.node, path)


def _suffix(node) -> str:
    """The BIDS suffix that a volume's name or file tells of, else T1w."""
    file = file_of(node)
    for text in (node.GetName(), file.name if file is not None else ""):
        if found := _SUFFIX_IN_NAME.findall(text.replace("_", " ")):
            return _SUFFIXES[found[-1].lower()]
    return "T1w"


def _patient(node, scene) -> object:
    """The item of the patient that a volume belongs to in the subject hierarchy; 0 if there is none."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    return hierarchy.GetItemAncestorAtLevel(item, "Patient") if item else 0


def _known(node) -> dict[str, str]:
    """Site, age and sex as DICOM or the sidecar says them; empty texts where nothing does."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if uids and database is not None:
        site, age, sex = (
            database.instanceValue(uids[0], tag) for tag in ("0008,0080", "0010,1010", "0010,0040")
        )
        years = re.fullmatch(r"0*(\d+)Y", age or "")
        return {
            "site": (site or "").strip(),
            "age": years[1] if years else "",
            "sex": (sex or "").strip()[:1],
        }
    file = file_of(node)
    try:
        sidecar = file.with_name(name_of_file(file) + ".json") if file is not None else Path()
        content = json.loads(sidecar.read_text(encoding="utf-8"))
        site = content.get("InstitutionName") or content.get("ManufacturersModelName") or ""
    except (OSError, ValueError, AttributeError):
        site = ""
    return {"site": site if isinstance(site, str) else "", "age": "", "sex": ""}
