"""ctk's widgets for files and folders."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, QDir, Signal

from .pythonqt.classes import register
from .widget_parts import kept, row_of

_Combo, _Dialog, _Widget = QtWidgets.QComboBox, QtWidgets.QFileDialog, QtWidgets.QWidget
_HISTORY_LENGTH = 5


@register
class ctkPathLineEdit(_Widget):
    """A path with its history and a button to browse. `filters` are QDir's; without Files a folder is asked for."""

    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    Dirs, Files, Drives, NoSymLinks = 0x01, 0x02, 0x04, 0x08
    Readable, Writable, Executable, Hidden, System = 0x10, 0x20, 0x40, 0x100, 0x200

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._edit, self._button = _Combo(), QtWidgets.QToolButton()
        _Combo.setEditable(self._edit, True)
        _Combo.setInsertPolicy(self._edit, _Combo.NoInsert)
        QtWidgets.QToolButton.setText(self._button, "...")
        row_of(self, self._edit, self._button)
        self._valid = False
        self._edit.editTextChanged.connect(self._edited)
        self._button.clicked.connect(self.browse)

    currentPath = Property(
        str, lambda self: _Combo.currentText(self._edit), lambda self, path: self.setCurrentPath(path)
    )
    filters = kept(
        int, "filters", int(QDir.AllEntries | QDir.NoDotAndDotDot | QDir.Readable | QDir.Executable)
    )
    nameFilters = kept("QStringList", "name_filters", [])
    label = kept(str, "label", "")
    options = kept(int, "options", 0)
    minimumContentsLength = kept(int, "minimum_contents_length", 0)
    sizeAdjustPolicy = kept(int, "size_adjust_policy", 0)
    settingKey = Property(str, lambda self: getattr(self, "_key", ""), lambda self, key: self._set_key(key))
    showBrowseButton = Property(
        bool,
        lambda self: not _Widget.isHidden(self._button),
        lambda self, on: _Widget.setVisible(self._button, on),
    )
    showHistoryButton = kept(bool, "show_history", True)

    def _edited(self, path: str) -> None:
        valid = path != "" and Path(path).exists()
        if valid != self._valid:
            self._valid = valid
            self.validInputChanged.emit(valid)
        self.currentPathChanged.emit(path)

    def _set_key(self, key: str) -> None:
        self._key = key
        self.retrieveHistory()

    def comboBox(self) -> _Combo:
        return self._edit

    def setCurrentPath(self, path: str) -> None:
        _Combo.setEditText(self._edit, path)

    def retrieveHistory(self) -> None:
        """Fills the list with the paths of earlier sessions; the newest becomes current."""
        paths = QtCore.QSettings().value(self._key) if getattr(self, "_key", "") else None
        paths = [paths] if isinstance(paths, str) else list(paths or ())
        _Combo.clear(self._edit)
        _Combo.addItems(self._edit, paths)

    def addCurrentPathToHistory(self) -> None:
        current = _Combo.currentText(self._edit)
        if not current:
            return
        listed = [_Combo.itemText(self._edit, row) for row in range(_Combo.count(self._edit))]
        paths = [current, *(path for path in listed if path != current)][:_HISTORY_LENGTH]
        blocked = QtCore.QSignalBlocker(self._edit)
        _Combo.clear(self._edit)
        _Combo.addItems(self._edit, paths)
        blocked.unblock()
        if getattr(self, "_key", ""):
            QtCore.QSettings().setValue(self._key, paths)

    def browse(self) -> None:
        current = _Combo.currentText(self._edit)
        if not self.filters & self.Files:
            path = _Dialog.getExistingDirectory(self, "Select a folder", current)
        elif self.filters & self.Writable:
            path = _Dialog.getSaveFileName(self, "Select a file", current, ";;".join(self.nameFilters))
        else:
            path = _Dialog.getOpenFileName(self, "Select a file", current, ";;".join(self.nameFilters))
        if path:
            self.setCurrentPath(path)


@register
class ctkDirectoryButton(_Widget):
    """A button that shows a folder and asks for another one."""

    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._directory = ""
        self._button = QtWidgets.QPushButton()
        row_of(self, self._button)
        self._button.clicked.connect(self.browse)

    directory = Property(str, lambda self: self._directory, lambda self, path: self._set_directory(path))
    caption = kept(str, "caption", "")
    text = Property(str, lambda self: getattr(self, "_text", ""), lambda self, text: self._set_text(text))

    def _set_text(self, text: str) -> None:
        self._text = text
        QtWidgets.QPushButton.setText(self._button, text or self._directory)

    def _set_directory(self, path: str) -> None:
        changed, self._directory = path != self._directory, path
        self._set_text(getattr(self, "_text", ""))
        if changed:
            self.directoryChanged.emit(path)

    def browse(self) -> None:
        path = _Dialog.getExistingDirectory(self, getattr(self, "_caption", ""), self._directory)
        if path:
            self._set_directory(path)
            self.directorySelected.emit(path)
