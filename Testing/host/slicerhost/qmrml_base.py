"""What the qMRML widgets share: observation of VTK objects, the scene."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

import weakref

import shiboken6
from PySide6 import QtWidgets
from PySide6.QtCore import Signal

from .pythonqt import cpp_like, register


def observe(target, event, method) -> int:
    """Observes a VTK object by a widget's method until the widget is gone: VTK knows nothing of Qt's lifetimes."""
    weak = weakref.WeakMethod(method)

    def call(caller, name) -> None:
        bound = weak()
        if bound is None or not shiboken6.isValid(bound.__self__):
            caller.RemoveObserver(tag)
        else:
            bound()

    tag = target.AddObserver(event, call)
    return tag


class SceneHolder:
    """setMRMLScene / mrmlScene of the widgets that only keep the scene."""

    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene


cpp_like(SceneHolder)


@register
class qMRMLWidget(QtWidgets.QWidget):
    """A widget that hands its scene on by mrmlSceneChanged: the top widget of a module's .ui file."""

    mrmlSceneChanged = Signal(object)
    _signalAliases = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}  # noqa: RUF012
    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@register
class qSlicerWidget(qMRMLWidget):
    """The same widget in the application's library."""
