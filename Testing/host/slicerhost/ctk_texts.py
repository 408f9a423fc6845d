"""ctk's widgets for text and choices."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Qt

from .pythonqt.classes import register
from .widget_parts import kept

_Combo, _Message = QtWidgets.QComboBox, QtWidgets.QMessageBox


@register
class ctkComboBox(_Combo):
    """A combo box with a text for "nothing chosen"."""

    elideMode = kept(int, "elide_mode", int(Qt.ElideNone))
    forceDefault = kept(bool, "force_default", False)
    defaultText = Property(
        str,
        lambda self: _Combo.placeholderText(self),
        lambda self, text: _Combo.setPlaceholderText(self, text),
    )


@register
class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit that can be cleared."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        QtWidgets.QLineEdit.setPlaceholderText(self, "Search...")
        QtWidgets.QLineEdit.setClearButtonEnabled(self, True)

    showSearchIcon = kept(bool, "show_search_icon", False)


@register
class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as tall as its text."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.textChanged.connect(self._fit)

    collapsed = kept(bool, "collapsed", True)

    def _fit(self) -> None:
        QtWidgets.QWidget.updateGeometry(self)

    def sizeHint(self) -> QtCore.QSize:
        document = QtWidgets.QTextBrowser.document(self)
        width = QtWidgets.QWidget.width(self)
        return QtCore.QSize(width, round(document.size().height()) + 2 * QtWidgets.QFrame.frameWidth(self))


@register
class ctkMessageBox(_Message):
    """A message box with "don't show this message again", kept under a key of the settings."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._box = QtWidgets.QCheckBox("Don't show this message again")
        self._box.toggled.connect(self._remember)

    dontShowAgainVisible = Property(
        bool,
        lambda self: _Message.checkBox(self) is not None,
        lambda self, on: _Message.setCheckBox(self, self._box if on else None),
    )
    dontShowAgain = Property(
        bool,
        lambda self: QtWidgets.QCheckBox.isChecked(self._box),
        lambda self, on: self.setDontShowAgain(on),
    )
    dontShowAgainSettingsKey = Property(str, lambda self: self._key, lambda self, key: self._set_key(key))

    def setDontShowAgain(self, on: bool) -> None:
        QtWidgets.QCheckBox.setChecked(self._box, on)

    def _set_key(self, key: str) -> None:
        self._key = key
        value = QtCore.QSettings().value(key)
        _Message.setCheckBox(self, self._box)
        self.setDontShowAgain(value not in (None, "", "false", False, 0, "0", _Message.InvalidRole))

    def _remember(self, on: bool) -> None:
        if self._key:
            QtCore.QSettings().setValue(self._key, on)
