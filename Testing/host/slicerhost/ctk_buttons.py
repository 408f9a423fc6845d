"""ctk's buttons and check boxes."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from PySide6 import QtGui, QtWidgets
from PySide6.QtCore import Property, Qt, Signal

from .pythonqt.classes import register
from .widget_parts import kept

_Button, _Color = QtWidgets.QPushButton, QtGui.QColor


@register
class ctkCheckBox(QtWidgets.QCheckBox):
    indicatorIcon = kept(QtGui.QIcon, "indicator_icon", QtGui.QIcon())


@register
class ctkPushButton(_Button):
    elideMode = kept(int, "elide_mode", int(Qt.ElideNone))


@register
class ctkMenuButton(_Button):
    pass


@register
class ctkExpandButton(QtWidgets.QToolButton):
    """A small checkable arrow."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        QtWidgets.QToolButton.setCheckable(self, True)
        self._arrow(False)
        self.toggled.connect(self._arrow)

    orientation = kept(int, "orientation", int(Qt.Horizontal))
    mirrorOnExpand = kept(bool, "mirror_on_expand", False)

    def _arrow(self, expanded: bool) -> None:
        QtWidgets.QToolButton.setArrowType(self, Qt.DownArrow if expanded else Qt.RightArrow)


@register
class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check mark, which by default decides whether the button can stay pressed."""

    checkBoxToggled = Signal(bool)
    checkStateChanged = Signal(int)

    checkBoxControlsButton = kept(bool, "controls_button", True)
    checkBoxControlsButtonToggleState = kept(bool, "controls_toggle_state", True)
    checkBoxUserCheckable = kept(bool, "user_checkable", True)
    checkState = Property(
        int, lambda self: getattr(self, "_check_state", 0), lambda self, state: self._set_check_state(state)
    )

    def _set_check_state(self, state: int) -> None:
        if state == getattr(self, "_check_state", 0):
            return
        self._check_state = state
        on = state == int(Qt.Checked)
        if getattr(self, "_controls_button", True):
            _Button.setCheckable(self, on)
            if on and getattr(self, "_controls_toggle_state", True):
                _Button.setChecked(self, True)
        self.checkStateChanged.emit(state)
        self.checkBoxToggled.emit(on)


@register
class ctkColorPickerButton(_Button):
    """Shows a color; a click asks for another one."""

    colorChanged = Signal(QtGui.QColor)
    colorNameChanged = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = _Color(0, 0, 0)
        self._show()
        self.clicked.connect(self.changeColor)

    color = Property(_Color, lambda self: self._color, lambda self, color: self.setColor(color))
    colorName = Property(
        str, lambda self: _Color.name(self._color), lambda self, name: self.setColor(_Color(name))
    )
    displayColorName = Property(
        bool, lambda self: getattr(self, "_display_name", True), lambda self, on: self.setDisplayColorName(on)
    )

    def _show(self) -> None:
        pixmap = QtGui.QPixmap(12, 12)
        pixmap.fill(self._color)
        _Button.setIcon(self, QtGui.QIcon(pixmap))
        _Button.setText(self, self._color.name() if getattr(self, "_display_name", True) else "")

    def setColor(self, color: QtGui.QColor) -> None:
        if color == self._color:
            return
        self._color = _Color(color)
        self._show()
        self.colorChanged.emit(self._color)
        self.colorNameChanged.emit(self._color.name())

    def setDisplayColorName(self, on: bool) -> None:
        self._display_name = on
        self._show()

    def changeColor(self) -> None:
        color = QtWidgets.QColorDialog.getColor(self._color, self)
        if color.isValid():
            self.setColor(color)
