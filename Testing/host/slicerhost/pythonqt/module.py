"""The module `qt`: the names that PythonQt's has and Qt 6 still knows."""

from __future__ import annotations

import sys
import types

from PySide6 import QtCore, QtGui, QtWidgets

from .. import api_list
from ..ui_files import QUiLoader

# Static functions that in C++ have output arguments: PythonQt returns the value only.
_VALUE_ONLY = {
    QtWidgets.QFileDialog: ("getOpenFileName", "getSaveFileName", "getOpenFileNames"),
    QtWidgets.QInputDialog: ("getText", "getItem", "getMultiLineText", "getInt", "getDouble"),
}
# Classes without QObject's attribute hook, whose lists have to arrive as tuples, too.
_LISTS = {
    QtCore.QDir: ("entryList", "entryInfoList", "nameFilters"),
    QtCore.QProcessEnvironment: ("keys", "toStringList"),
    QtCore.QRegularExpressionMatch: ("capturedTexts",),
}


def _as_tuple(method):
    return lambda self, *arguments: tuple(method(self, *arguments))


def _value_only(function):
    def call(*arguments):
        value = function(*arguments)[0]
        return tuple(value) if isinstance(value, list) else value

    return staticmethod(call)


def make_qt_module() -> types.ModuleType:
    """Makes and returns the module `qt` (also in sys.modules)."""
    module = types.ModuleType("qt")
    for name in api_list.qt_names():
        for source in (QtCore, QtGui, QtWidgets):
            if hasattr(source, name):
                setattr(module, name, getattr(source, name))
                break
    module.QUiLoader = QUiLoader
    for cls, names in _VALUE_ONLY.items():
        for name in names:
            setattr(cls, name, _value_only(getattr(cls, name)))
    for cls, names in _LISTS.items():
        for name in names:
            setattr(cls, name, _as_tuple(getattr(cls, name)))
    sys.modules["qt"] = module
    return module
