"""slicer.app.coreIOManager(): what slicer.util's load, save and export functions ask for, on Slicer's storage nodes."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

from pathlib import Path

import slicer
from PySide6 import QtCore
from PySide6.QtCore import Signal
from vtkmodules.vtkCommonCore import vtkCommand

from .pythonqt import cpp_like

# Ending -> file type; the longest ending that fits decides.
FILE_TYPES = {
    ".seg.nrrd": "SegmentationFile",
    ".seq.nrrd": "SequenceFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".nii": "VolumeFile",
    ".nii.gz": "VolumeFile",
    ".mha": "VolumeFile",
    ".mhd": "VolumeFile",
    ".csv": "TableFile",
    ".tsv": "TableFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
    ".ctbl": "ColorTableFile",
    ".txt": "TextFile",
    ".vtp": "ModelFile",
    ".mrml": "SceneFile",
    ".mrb": "SceneFile",
}
# File type -> class of the node and of the storage that reads it.
_STORAGE = {
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode"),
    "ColorTableFile": ("vtkMRMLColorTableNode", "vtkMRMLColorTableStorageNode"),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
}
# Slicer's volume storage asks ITK's factories for these, and the wheel's answers none.
_VOLUME_FORMATS = (
    "NRRD (.nrrd)",
    "NRRD (.nhdr)",
    "MetaImage (.mha)",
    "MetaImage (.mhd)",
    "NIfTI (.nii)",
    "NIfTI (.nii.gz)",
)
_LABELMAP, _SINGLE_FILE = 1, 4  # options of vtkSlicerVolumesLogic.AddArchetypeVolume


def _tell(messages, text: str) -> bool:
    if messages is not None:
        messages.AddMessage(vtkCommand.ErrorEvent, text)
    return False


@cpp_like
class qSlicerCoreIOManager(QtCore.QObject):
    """Reads and writes nodes; a failure returns False with a message, as slicer.util expects."""

    newFileLoaded = Signal(object)
    fileSaved = Signal(object)

    def __init__(self, application) -> None:
        super().__init__(application)
        self._application = application

    def fileType(self, name) -> str:
        endings = sorted(FILE_TYPES, key=len, reverse=True)
        return next((FILE_TYPES[end] for end in endings if str(name).lower().endswith(end)), "NoFile")

    def loadNodes(self, file_type: str, properties: dict, loaded=None, messages=None) -> bool:
        path = properties["fileName"]
        if not Path(path).exists():
            return _tell(messages, f"{path} does not exist")
        if file_type == "SceneFile":
            return self.loadScene(path, properties.get("clear", False))
        name = properties.get("name") or Path(path).name.split(".")[0]
        if file_type == "VolumeFile":
            node = self._load_volume(path, name, properties)
        elif file_type == "SequenceFile":
            node = self._load_sequence(path, messages)
        elif file_type in _STORAGE:
            node = self._load_stored(file_type, path, name)
        else:
            return _tell(messages, f"the test host cannot read {path} as {file_type}")
        if node is None:
            return _tell(messages, f"{path} cannot be read as {file_type}")
        if loaded is not None:
            loaded.AddItem(node)
        self.newFileLoaded.emit(properties)
        return True

    def _load_volume(self, path: str, name: str, properties: dict):
        options = (_LABELMAP if properties.get("labelmap") else 0) | (
            _SINGLE_FILE if properties.get("singleFile") else 0
        )
        node = slicer.modules.volumes.logic().AddArchetypeVolume(path, name, options)
        if node is not None and properties.get("show", True):
            logic = self._application.applicationLogic()
            logic.GetSelectionNode().SetActiveVolumeID(node.GetID())
            logic.PropagateVolumeSelection()
        return node

    def _load_sequence(self, path: str, messages):
        """The sequence; like Slicer's reader, with a browser that shows its first item."""
        logic = slicer.modules.sequences.logic()
        sequence = logic.AddSequence(path, messages)
        if sequence is not None:
            browser = self._application.mrmlScene().AddNewNodeByClass(
                "vtkMRMLSequenceBrowserNode", f"{sequence.GetName()} browser"
            )
            browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
            logic.UpdateProxyNodesFromSequences(browser)
        return sequence

    def _load_stored(self, file_type: str, path: str, name: str):
        scene = self._application.mrmlScene()
        node_class, storage_class = _STORAGE[file_type]
        node = scene.AddNewNodeByClass(node_class, scene.GenerateUniqueName(name))
        storage = scene.AddNewNodeByClass(storage_class)
        storage.SetFileName(path)
        if not storage.ReadData(node):
            scene.RemoveNode(storage)
            scene.RemoveNode(node)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if node.IsA("vtkMRMLDisplayableNode"):
            node.CreateDefaultDisplayNodes()
        return node

    def loadScene(self, path, clear: bool = True) -> bool:
        scene, path = self._application.mrmlScene(), str(path)
        if path.endswith(".mrb"):
            return bool(scene.ReadFromMRB(path, clear))
        scene.SetURL(path)
        return bool(scene.Connect() if clear else scene.Import())

    def saveScene(self, path, screenshot=None) -> bool:
        scene, path = self._application.mrmlScene(), str(path)
        if path.endswith(".mrb"):
            return bool(scene.WriteToMRB(path))
        scene.SetURL(path)
        scene.SetRootDirectory(str(Path(path).parent))
        return bool(scene.Commit())

    def fileWriterFileType(self, node, file_format: str = "") -> str:
        return node.GetClassName()

    def fileWriterExtensions(self, node) -> tuple[str, ...]:
        """The formats, as "NRRD (.nrrd)", that the node's own storage can write."""
        if node.IsA("vtkMRMLVolumeNode"):
            return _VOLUME_FORMATS
        types = _new_storage(node).GetSupportedWriteFileTypes()
        return tuple(types.GetValue(index) for index in range(types.GetNumberOfValues()))

    def extractKnownExtension(self, name: str, node) -> str:
        helper = slicer.vtkDataFileFormatHelper
        known = [helper.GetFileExtensionFromFormatString(f) for f in self.fileWriterExtensions(node)]
        return next((end for end in sorted(known, key=len, reverse=True) if str(name).endswith(end)), "")

    def saveNodes(self, file_type: str, properties: dict, messages=None) -> bool:
        path = properties["fileName"]
        if "nodeID" not in properties:
            return self.saveScene(path)
        node = self._application.mrmlScene().GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(path)
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        return _write(storage, node, properties, messages)

    def exportNodes(self, ids, paths, properties: dict, harden: bool = False, messages=None) -> bool:
        """Writes copies: the nodes keep their storage, and their transforms if these are hardened in the file."""
        scene = self._application.mrmlScene()
        done = True
        for node_id, path in zip(ids, paths, strict=True):
            node = scene.GetNodeByID(node_id)
            if harden and node.GetParentTransformNode() is not None:
                done = _tell(messages, "the test host does not export in world coordinates") and done
                continue
            storage = _new_storage(node)
            storage.SetScene(scene)
            storage.SetFileName(str(path))
            done = _write(storage, node, properties, messages) and done
        return done


def _new_storage(node):
    storage = node.CreateDefaultStorageNode()
    if storage is None:
        raise RuntimeError(f"{node.GetName()} ({node.GetClassName()}) cannot be written to a file")
    storage.UnRegister(None)
    return storage


def _write(storage, node, properties: dict, messages) -> bool:
    if "useCompression" in properties:
        storage.SetUseCompression(int(properties["useCompression"]))
    if not Path(storage.GetFileName()).parent.is_dir():
        return _tell(messages, f"there is no folder {Path(storage.GetFileName()).parent}")
    return bool(storage.WriteData(node)) or _tell(messages, f"{storage.GetFileName()} cannot be written")
