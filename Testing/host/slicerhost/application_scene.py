"""The MRML scene with the logics that Slicer's application and its C++ modules put around it."""

from __future__ import annotations

from pathlib import Path

import slicer
from vtkmodules.vtkCommonCore import vtkCollection

# Module name -> class of its logic: those of Slicer's modules whose logic the wheel brings.
MODULE_LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Models": "vtkSlicerModelsLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
}


class ApplicationScene:
    """What qSlicerCoreApplication sets up: the scene, the application logic and each module's logic by name."""

    def __init__(self, home: Path, temporary: Path) -> None:
        self.scene = slicer.vtkMRMLScene()
        self._add_caches(temporary / "cache")
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        logic = self.application_logic = slicer.vtkSlicerApplicationLogic()
        logic.SetHomeDirectory(str(home))
        logic.SetShareDirectory("share")
        logic.SetTemporaryPath(str(temporary))
        logic.SetMRMLScene(self.scene)
        logic.SetSliceLogics(vtkCollection())
        logic.SetViewLogics(vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.module_logics = {name: self._module_logic(name, cls) for name, cls in MODULE_LOGICS.items()}

    def _add_caches(self, folder: Path) -> None:
        """Reading a scene bundle (.mrb) asks the scene for a cache folder."""
        folder.mkdir()
        (folder / ".slicer-cache").touch()
        self._cache = slicer.vtkCacheManager()
        self._cache.SetRemoteCacheDirectory(str(folder))
        self._cache.SetMRMLScene(self.scene)
        self.scene.SetCacheManager(self._cache)
        self._data_io = slicer.vtkDataIOManager()
        self._data_io.SetCacheManager(self._cache)
        self.scene.SetDataIOManager(self._data_io)

    def _module_logic(self, name: str, class_name: str):
        logic = getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(
            self.application_logic
        )  # before the scene: the color logic asks it for its folder
        logic.SetMRMLScene(self.scene)
        self.application_logic.SetModuleLogic(name, logic)
        return logic
