"""Volumes as inputs of many at once: those of a folder of the subject hierarchy, and files of a directory."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from .unpacking import unpacked

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".nhdr")
_PATHS_AT_ONCE = 200
_IMAGE_CLASS = "vtkMRMLScalarVolumeNode"


def volume_files(directory: Path) -> Generator[None, None, list[Path]]:
    """Files of volumes that Slicer can read here, in a directory and those below it, sorted; found in short pieces.

    Raises:
        ValueError: there is none.
        OSError: the directory cannot be read.
    """
    found = []
    for number, path in enumerate(directory.rglob("*")):
        if number % _PATHS_AT_ONCE == 0:
            yield
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file():
            found.append(path)
    if not found:
        text = _("There is no volume ({suffixes}) in {directory}; load DICOM with the module DICOM instead.")
        raise ValueError(text.format(suffixes=", ".join(SUFFIXES), directory=directory))
    return sorted(found)


def name_of_file(path: Path) -> str:
    """The name of a volume's file without what tells its format."""
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), path.suffix)
    return path.name[: -len(suffix)] if suffix else path.name


def load_file(scene, path: Path, temporary: Path) -> Generator[None, None, object]:
    """Bring a file into the scene in short pieces, in a folder of the subject hierarchy named as its directory.

    Args:
        scene: the scene.
        path: the file; it is what a saved scene refers to.
        temporary: a folder for what is unpacked.

    Returns:
        The volume, which is in no view yet.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    uncompressed = yield from unpacked(path, temporary)
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(scene.GenerateUniqueName(name_of_file(path)))
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetSingleFile(True)
    storage.SetFileName(str(uncompressed))
    if not storage.ReadData(node) or node.GetImageData() is None:
        raise ValueError(_("{path} cannot be read as a volume; check the file.").format(path=path))
    yield
    storage.SetFileName(str(path))
    scene.AddNode(storage)
    node = scene.AddNode(node)
    node.SetAndObserveStorageNodeID(storage.GetID())
    _place_in_folder(scene, node, path.parent.name)
    return node


def folders(scene) -> list[tuple[int, str, list]]:
    """Items of the subject hierarchy that hold images: item, name and images, those of items within included."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    if hierarchy is None:
        return []
    found = []
    for item in _children(hierarchy, hierarchy.GetSceneItemID(), recursive=True):
        if hierarchy.GetItemDataNode(item) is None and (images := _images_below(hierarchy, item)):
            found.append((item, hierarchy.GetItemName(item), images))
    return found


def file_of(node) -> Path | None:
    """A file that the volume was read from: an instance in Slicer's DICOM database, else the stored file."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if uids and database is not None:
        path = database.fileForInstance(uids[0])
        if path and Path(path).is_file():
            return Path(path)
    storage = node.GetStorageNode()
    path = storage.GetFileName() if storage is not None else None
    return Path(path) if path and Path(path).is_file() else None


def write_acquisition(node, image: Path) -> None:
    """Write what the volume's own file says about its acquisition as a sidecar beside an exported image, if known."""
    path = file_of(node)
    if path is None:
        return
    # pydicom takes its time to load.
    from mrstyle.acquisition_origin import read_acquisition
    from mrstyle.bids_sidecar import to_bids
    from mrstyle.errors import InputError

    with suppress(InputError):
        if keys := to_bids(read_acquisition(path).acquisition):
            image.with_suffix(".json").write_text(json.dumps(keys), encoding="utf-8")


def _children(hierarchy, item: int, *, recursive: bool) -> list[int]:
    ids = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, ids, recursive)
    return [ids.GetId(number) for number in range(ids.GetNumberOfIds())]


def _images_below(hierarchy, item: int) -> list:
    nodes = (hierarchy.GetItemDataNode(child) for child in _children(hierarchy, item, recursive=True))
    return [node for node in nodes if node is not None and node.GetClassName() == _IMAGE_CLASS]


def _place_in_folder(scene, node, name: str) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    if hierarchy is None:
        return
    root = hierarchy.GetSceneItemID()
    folder = hierarchy.GetItemChildWithName(root, name) or hierarchy.CreateFolderItem(root, name)
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, folder)
    else:
        hierarchy.CreateItem(folder, node)
