"""PythonQt's rules on top of PySide6, and the module `qt`.

Enums are made ints as in PythonQt, which PySide6 decides at its first import: import this package before it.
"""

from __future__ import annotations

import sys

sys.pyside6_option_python_enum = 0x02  # PySide6: all enums are IntEnum

from PySide6.QtCore import QObject, Qt  # noqa: E402

from . import class_rules, lookup  # noqa: E402
from .classes import WIDGETS, cpp_like, register  # noqa: E402
from .module import make_qt_module  # noqa: E402
from .signals import connect, disconnect  # noqa: E402

__all__ = (
    "WIDGETS",
    "QObject",
    "connect",
    "cpp_like",
    "disconnect",
    "install_hooks",
    "make_qt_module",
    "register",
)

if not issubclass(Qt.Orientation, int):
    raise ImportError("PySide6 was imported before slicerhost: its enums are no ints, as they are in Slicer")


def install_hooks() -> None:
    """From now on every QObject and Qt class follows PythonQt's rules."""
    lookup.install()
    class_rules.install()
