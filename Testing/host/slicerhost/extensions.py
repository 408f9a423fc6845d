"""slicer.app.extensionsManagerModel(): no extension is installed, and a request to install one is recorded."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

from PySide6 import QtCore
from PySide6.QtCore import Property, Signal

from .pythonqt import cpp_like


@cpp_like
class qSlicerExtensionsManagerModel(QtCore.QObject):
    """A test reads `_requests` (extension name, restart) and answers installs by filling `_installed`."""

    interactiveChanged = Signal(bool)
    extensionInstalled = Signal(str)

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._interactive = True
        self._installed: list[str] = []
        self._requests: list[tuple[str, bool]] = []

    def _set_interactive(self, interactive: bool) -> None:
        self._interactive = interactive
        self.interactiveChanged.emit(interactive)

    interactive = Property(bool, lambda self: self._interactive, _set_interactive)
    installedExtensions = Property("QStringList", lambda self: self._installed)

    def setInteractive(self, interactive: bool) -> None:
        self._set_interactive(interactive)

    def isExtensionInstalled(self, name: str) -> bool:
        return name in self._installed

    def updateExtensionsMetadataFromServer(self, force: bool = False, wait: bool = False) -> bool:
        return False  # there is no server

    def installExtensionFromServer(self, name: str, restart: bool = True, update: bool = True) -> bool:
        self._requests.append((name, restart))
        return name in self._installed
