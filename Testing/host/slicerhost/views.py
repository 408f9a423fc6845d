"""Slice and 3D views on Slicer's real displayable managers, rendered off screen and free of Qt.

Slicer's own lightbox renderer lives in its Qt-side library, which the wheel lacks: one image mapper shows the
slice logic's blended image instead, and the displayable managers draw legends, rulers and segments over it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)
THREED_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)


class _View:
    """An off-screen render window whose contents follow one view node.

    `on_change` is called, once set, whenever the picture has gone stale.
    """

    def __init__(self, node, factory, managers, application_logic) -> None:
        self.node = node
        self.on_change: Callable[[], None] = lambda: None
        self.renderer = vtk.vtkRenderer()
        self.render_window = vtk.vtkRenderWindow()
        self.render_window.SetShowWindow(False)
        self.render_window.SetOffScreenRendering(1)
        self.render_window.SetMultiSamples(0)
        self.render_window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.render_window)
        self._add_layers()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.SetRenderer(self.renderer)
        self.managers.Initialize(factory, self.renderer)
        self.managers.AddObserver(vtk.vtkCommand.UpdateEvent, self._changed)

    def _add_layers(self) -> None:
        pass

    def _use_style(self, style) -> None:
        style.SetDisplayableManagers(self.managers)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        style.SetInteractor(self.interactor)
        self._style = style

    def _changed(self, *_) -> None:
        self.on_change()

    def resize(self, width: int, height: int) -> None:
        self.render_window.SetSize(width, height)
        self.interactor.SetSize(width, height)

    def image(self) -> np.ndarray:
        """The rendered picture: RGB, uint8, shape (height, width, 3), top row first."""
        self.render_window.Render()
        width, height = self.render_window.GetSize()
        pixels = vtk.vtkUnsignedCharArray()
        self.render_window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        return np.ascontiguousarray(vtk_to_numpy(pixels).reshape(height, width, 4)[::-1, :, :3])

    def close(self) -> None:
        """Stops following the node and frees the window."""
        self.managers.SetMRMLDisplayableNode(None)
        self.render_window.Finalize()


class SliceView(_View):
    """The picture of one vtkMRMLSliceNode, with the logic that blends its layers."""

    def __init__(self, node, application_logic) -> None:
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        super().__init__(node, factory, SLICE_MANAGERS, application_logic)
        self.renderer.SetBackground(0, 0, 0)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        self.logic.SetMRMLScene(node.GetScene())
        self.logic.SetSliceNode(node)
        application_logic.GetSliceLogics().AddItem(self.logic)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._actor.SetVisibility(False)
        self.renderer.AddViewProp(self._actor)
        self.logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._image_changed)
        self.managers.SetMRMLDisplayableNode(node)
        style = slicer.vtkMRMLSliceViewInteractorStyle()
        style.SetSliceLogic(self.logic)
        self._use_style(style)
        self.resize(400, 400)

    def _add_layers(self) -> None:
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._overlay = vtk.vtkRenderer()
        self._overlay.GetActiveCamera().ParallelProjectionOn()
        self._overlay.SetLayer(1)
        self.render_window.SetNumberOfLayers(2)
        self.render_window.SetAlphaBitPlanes(1)
        self.render_window.AddRenderer(self._overlay)

    def _image_changed(self, *_) -> None:
        connection = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(connection)
        self._actor.SetVisibility(bool(connection))
        self._changed()

    def resize(self, width: int, height: int) -> None:
        super().resize(width, height)
        self.logic.ResizeSliceNode(width, height)

    def fit(self) -> None:
        """Shows the whole background volume, its middle slice first."""
        self.logic.ResizeSliceNode(*self.render_window.GetSize())
        self.logic.FitSliceToBackground()
        self.logic.SnapSliceOffsetToIJK()

    def close(self) -> None:
        slicer.app.applicationLogic().GetSliceLogics().RemoveItem(self.logic)
        super().close()
        self.logic.SetMRMLScene(None)


class ThreeDView(_View):
    """The picture of one vtkMRMLViewNode."""

    def __init__(self, node, application_logic) -> None:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        super().__init__(node, factory, THREED_MANAGERS, application_logic)
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        self.logic.SetMRMLScene(node.GetScene())
        application_logic.GetViewLogics().AddItem(self.logic)
        self.managers.SetMRMLDisplayableNode(node)
        self._use_style(slicer.vtkMRMLThreeDViewInteractorStyle())
        self.resize(400, 400)

    def reset_focal_point(self) -> None:
        self.renderer.ResetCamera()
        self._changed()
