"""What ctk and qMRML widgets are made of."""

from __future__ import annotations

from PySide6 import QtWidgets
from PySide6.QtCore import Property


def kept(type_, name: str, default, changed: str | None = None):
    """A writable Qt property of `type_`, kept in the attribute `_name`; then the method `changed` is called."""

    def write(self, value) -> None:
        setattr(self, "_" + name, value)
        if changed is not None:
            getattr(self, changed)()

    return Property(type_, lambda self: getattr(self, "_" + name, default), write)


def row_of(widget: QtWidgets.QWidget, *parts: QtWidgets.QWidget) -> None:
    """Lays the parts side by side; the first one takes the free width."""
    layout = QtWidgets.QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part, 1 if part is parts[0] else 0)
