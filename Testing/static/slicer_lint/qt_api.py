"""What Python in Slicer can reach of a widget class: the API list of the test host, and Qt's own classes by PySide6."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

API_FILE = Path(__file__).resolve().parents[2] / "host" / "slicerhost" / "slicer_qt_api.json"
# PythonQt's own, on every object.
PYTHONQT = {"name", "className", "delete", "help", "connect", "disconnect", "objectName", "setProperty"}

# Which class of Qt a widget class of the list derives from; those not named here derive from QWidget.
QT_BASES = {
    "ctkCheckBox": "QCheckBox",
    "ctkCheckablePushButton": "QPushButton",
    "ctkCollapsibleButton": "QAbstractButton",
    "ctkCollapsibleGroupBox": "QGroupBox",
    "ctkColorPickerButton": "QPushButton",
    "ctkComboBox": "QComboBox",
    "ctkExpandButton": "QToolButton",
    "ctkFittedTextBrowser": "QTextBrowser",
    "ctkMenuButton": "QPushButton",
    "ctkMessageBox": "QMessageBox",
    "ctkPushButton": "QPushButton",
    "ctkSearchBox": "QLineEdit",
    "qMRMLCollapsibleButton": "QAbstractButton",
    "qMRMLTableView": "QTableView",
}


@functools.cache
def _facts() -> dict[str, Any]:
    return json.loads(API_FILE.read_text(encoding="utf-8"))


def qt_names() -> frozenset[str]:
    """The names in Slicer's module `qt`."""
    return frozenset(_facts()["qt"])


@functools.cache
def _qt_class(name: str) -> Any:
    """The class of Qt itself; None where PySide6 is not installed or has no such class."""
    try:
        from PySide6 import QtCore, QtGui, QtWidgets
    except ImportError:
        return None
    return next((found for m in (QtWidgets, QtGui, QtCore) if (found := getattr(m, name, None))), None)


@functools.cache
def _class(kind: str) -> tuple[frozenset[str], Any]:
    """Members of a class that its own header and those of its CTK or Slicer bases declare, and its Qt class."""
    members = _facts()["classes"].get(kind)
    if members is None:
        return frozenset(), _qt_class(kind)
    return frozenset(members), _qt_class(QT_BASES.get(kind, "QWidget"))


def known(kind: str) -> bool:
    """Whether all is known of a class, so that what is not found is not there."""
    return _class(kind)[1] is not None


def has_property(kind: str, name: str) -> bool:
    """Whether a form may set the property."""
    members, qt_class = _class(kind)
    return name in members or qt_class.staticMetaObject.indexOfProperty(name) >= 0


def has_attribute(kind: str, name: str) -> bool:
    """Whether Python can write ``widget.name``."""
    members, qt_class = _class(kind)
    return name in members | PYTHONQT or has_property(kind, name) or hasattr(qt_class, name)


def has_signal(kind: str, name: str) -> bool:
    """Whether ``widget.connect("name(…)", …)`` can work."""
    members, qt_class = _class(kind)
    meta = qt_class.staticMetaObject
    methods = (meta.method(index) for index in range(meta.methodCount()))
    signals = (method for method in methods if method.methodType() == method.MethodType.Signal)
    return name in members or any(bytes(signal.name()).decode() == name for signal in signals)
