"""What the ctk widgets share."""

from __future__ import annotations

from PySide6 import QtWidgets
from PySide6.QtCore import Property

from .pythonqt.classes import register

__all__ = ("kept", "register", "row_of")


def kept(type_, name: str, default):
    """A writable Qt property of `type_` that is only kept, in the attribute `_name`."""

    def write(self, value) -> None:
        setattr(self, "_" + name, value)

    return Property(type_, lambda self: getattr(self, "_" + name, default), write)


def row_of(widget: QtWidgets.QWidget, *parts: QtWidgets.QWidget) -> None:
    """Lays the parts side by side; the first one takes the free width."""
    layout = QtWidgets.QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part, 1 if part is parts[0] else 0)
