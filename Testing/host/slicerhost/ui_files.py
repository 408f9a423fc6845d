"""Designer files: the host's widgets by class name, and connections, which PySide6 could not make with VTK pointers."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PySide6 import QtCore, QtUiTools, QtWidgets
from PySide6.QtCore import QObject

from .pythonqt.classes import WIDGETS
from .pythonqt.signals import connect


class _Loader(QtUiTools.QUiLoader):
    """Creates the registered widgets and notes the classes that nobody provides."""

    def __init__(self) -> None:
        super().__init__()
        self._unknown: set[str] = set()

    def createWidget(self, class_name: str, parent=None, name: str = ""):  # noqa: N802 - Qt's name
        cls = WIDGETS.get(class_name)
        if cls is not None:
            widget = cls(parent)
            QObject.setObjectName(widget, name)
            return widget
        if not hasattr(QtWidgets, class_name) and class_name != "Line":
            self._unknown.add(class_name)
            return QtWidgets.QWidget(parent)
        return super().createWidget(class_name, parent, name)


def _load(data: bytes, parent=None) -> QtWidgets.QWidget:
    root = ElementTree.fromstring(data)
    connections = [
        tuple(one.findtext(tag) for tag in ("sender", "signal", "receiver", "slot"))
        for one in root.iterfind("connections/connection")
    ]
    for element in root.findall("connections"):
        root.remove(element)
    buffer = QtCore.QBuffer()
    QtCore.QBuffer.setData(buffer, ElementTree.tostring(root))
    QtCore.QBuffer.open(buffer, QtCore.QIODevice.ReadOnly)
    loader = _Loader()
    widget = QtUiTools.QUiLoader.load(loader, buffer, parent)
    if loader._unknown:
        raise RuntimeError(
            f"the .ui file uses widget classes that the host has not: {sorted(loader._unknown)}"
        )
    if widget is None:
        raise RuntimeError(f"the .ui file cannot be read: {QtUiTools.QUiLoader.errorString(loader)}")
    for sender, signal, receiver, slot in connections:
        connect(_named(widget, sender), signal, _named(widget, receiver), slot)
    return widget


def _named(form: QtWidgets.QWidget, name: str) -> QObject:
    found = form if QObject.objectName(form) == name else QObject.findChild(form, QObject, name)
    if found is None:
        raise RuntimeError(f"a connection in the .ui file names '{name}', which does not exist")
    return found


def load_ui(path: str | Path) -> QtWidgets.QWidget:
    """The form in the file `path`; raises RuntimeError for unknown widget classes and objects."""
    return _load(Path(path).read_bytes())


class QUiLoader:
    """qt.QUiLoader: `load(open QFile, parent)`."""

    def load(self, file: QtCore.QIODevice, parent=None) -> QtWidgets.QWidget:
        return _load(bytes(QtCore.QIODevice.readAll(file)), parent)
