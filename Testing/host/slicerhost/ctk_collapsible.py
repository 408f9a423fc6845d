"""ctk's collapsible button and group box."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from .pythonqt.classes import register
from .widget_parts import kept

_Button, _Group, _Widget = QtWidgets.QAbstractButton, QtWidgets.QGroupBox, QtWidgets.QWidget
_NO_LIMIT = 16777215  # QWIDGETSIZE_MAX


def _show_contents(widget: _Widget, shown: bool) -> None:
    for child in QtCore.QObject.children(widget):
        if isinstance(child, _Widget):
            _Widget.setVisible(child, shown)
    _Widget.updateGeometry(widget)


@register
class ctkCollapsibleButton(_Button):
    """A headline that hides what is below it. As in ctk, checked is the opposite of collapsed."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._collapsed = False
        _Button.setCheckable(self, True)
        _Button.setChecked(self, True)
        _Widget.setContentsMargins(self, 6, self._head() + 2, 2, 2)
        _Widget.setSizePolicy(self, QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)
        self.toggled.connect(self._toggled)

    collapsed = Property(bool, lambda self: self._collapsed, lambda self, on: self._collapse(on))
    collapsedHeight = kept(int, "collapsed_height", 10)
    contentsFrameShape = kept(int, "frame_shape", 0)
    contentsFrameShadow = kept(int, "frame_shadow", 0)
    contentsLineWidth = kept(int, "line_width", 1)
    contentsMidLineWidth = kept(int, "mid_line_width", 0)
    flat = kept(bool, "flat", False)

    def _toggled(self, checked: bool) -> None:
        self._collapse(not checked)

    def _collapse(self, on: bool) -> None:
        if on == self._collapsed:
            return
        self._collapsed = on
        _show_contents(self, not on)
        _Widget.setMaximumHeight(self, self._head() if on else _NO_LIMIT)
        _Button.setChecked(self, not on)
        self.contentsCollapsed.emit(on)

    def _head(self) -> int:
        return _Widget.fontMetrics(self).height() + 8

    def showEvent(self, event) -> None:
        if self._collapsed:
            _show_contents(self, False)

    def minimumSizeHint(self) -> QtCore.QSize:
        layout = _Widget.layout(self)
        size = layout.totalMinimumSize() if layout and not self._collapsed else QtCore.QSize(60, 0)
        return QtCore.QSize(max(size.width(), 60), max(size.height(), self._head()))

    def sizeHint(self) -> QtCore.QSize:
        layout = _Widget.layout(self)
        return layout.totalSizeHint() if layout and not self._collapsed else self.minimumSizeHint()

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < self._head()

    def paintEvent(self, event) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, _Widget.width(self), self._head())
        option.text = ("▸ " if self._collapsed else "▾ ") + _Button.text(self)
        painter.drawControl(QtWidgets.QStyle.CE_PushButton, option)
        painter.end()


@register
class ctkCollapsibleGroupBox(_Group):
    """A group box whose check mark shows and hides the contents; checked is the opposite of collapsed."""

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        _Group.setCheckable(self, True)
        self.toggled.connect(self._toggled)

    collapsed = Property(
        bool, lambda self: not _Group.isChecked(self), lambda self, on: _Group.setChecked(self, not on)
    )
    collapsedHeight = kept(int, "collapsed_height", 14)

    def _toggled(self, shown: bool) -> None:
        _show_contents(self, shown)
        head = _Widget.fontMetrics(self).height() + self._collapsed_margin()
        _Widget.setMaximumHeight(self, _NO_LIMIT if shown else head)

    def _collapsed_margin(self) -> int:
        return getattr(self, "_collapsed_height", 14)

    def showEvent(self, event) -> None:
        if not _Group.isChecked(self):
            _show_contents(self, False)
