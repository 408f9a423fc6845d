"""slicer.app: the application object, with the parts of qSlicerApplication that scripted modules use."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from .application_scene import ApplicationScene
from .extensions import qSlicerExtensionsManagerModel
from .file_io import qSlicerCoreIOManager
from .layouts import qSlicerLayoutManager
from .module_manager import qSlicerModuleManager
from .pythonqt import cpp_like
from .window import qSlicerMainWindow

VERSION = "5.13.0"


@cpp_like
class qSlicerCommandOptions(QtCore.QObject):
    """slicer.app.commandOptions(): the host is always in testing mode, with a main window."""

    noMainWindow = Property(bool, lambda self: False)
    testingEnabled = Property(bool, lambda self: True)
    runPythonAndExit = Property(bool, lambda self: False)


@cpp_like
class _Decorated:
    """What Slicer adds to its application for Python only."""

    def testingEnabled(self) -> bool:
        return True


@cpp_like
class qSlicerCoreApplication(QtWidgets.QApplication, _Decorated):
    """The application on a temporary folder that holds its settings, its home and its temporary files."""

    mrmlSceneChanged = Signal(object)

    temporaryPath = Property(str, lambda self: str(self._folder / "temporary"))
    cachePath = Property(str, lambda self: str(self._folder / "cache"))
    slicerHome = Property(str, lambda self: str(self._folder / "home"))
    slicerUserSettingsFilePath = Property(str, lambda self: self._settings().fileName())
    majorVersion = Property(int, lambda self: int(VERSION.split(".")[0]))
    minorVersion = Property(int, lambda self: int(VERSION.split(".")[1]))
    mainApplicationName = Property(str, lambda self: "Slicer")
    documentationBaseUrl = Property(str, lambda self: "https://slicer.readthedocs.io/en/latest/")

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(["Slicer", *arguments])
        self._folder = Path(tempfile.mkdtemp(prefix="slicer-host-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        for name in ("temporary", "home/bin", "home/share/ColorFiles"):
            (self._folder / name).mkdir(parents=True)
        self._environment_at_start = dict(os.environ)
        self._offer_python_slicer()
        self._use_own_settings()
        self._scene = ApplicationScene(self._folder / "home", self._folder)
        self._io_manager = qSlicerCoreIOManager(self)
        self._module_manager = qSlicerModuleManager(self)
        self._extensions = qSlicerExtensionsManagerModel(self)

    def _offer_python_slicer(self) -> None:
        """Slicer's own Python is found on the PATH as PythonSlicer, a launcher; here it starts this Python."""
        launcher = self._folder / "home" / "bin" / "PythonSlicer"
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        launcher.chmod(0o755)
        os.environ["PATH"] = f"{launcher.parent}{os.pathsep}{os.environ.get('PATH', '')}"

    def _use_own_settings(self) -> None:
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
        scope = QtCore.QSettings.UserScope
        QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, scope, str(self._folder / "settings"))
        QtCore.QCoreApplication.setOrganizationName("slicer.org")
        QtCore.QCoreApplication.setApplicationName("Slicer")
        QtCore.QCoreApplication.setApplicationVersion(VERSION)

    def _settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def mrmlScene(self):
        return self._scene.scene

    def applicationLogic(self):
        return self._scene.application_logic

    def moduleLogic(self, name: str):
        return self._scene.module_logics[name]

    def moduleManager(self) -> qSlicerModuleManager:
        return self._module_manager

    def coreIOManager(self) -> qSlicerCoreIOManager:
        return self._io_manager

    def extensionsManagerModel(self) -> qSlicerExtensionsManagerModel:
        return self._extensions

    def settings(self) -> QtCore.QSettings:
        return self._settings()

    def userSettings(self) -> QtCore.QSettings:
        return self._settings()

    def revisionUserSettings(self) -> QtCore.QSettings:
        return self._settings()

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        environment = QtCore.QProcessEnvironment()
        for name, value in self._environment_at_start.items():
            environment.insert(name, value)
        return environment

    def moduleDocumentationUrl(self, module_name: str) -> str:
        return f"{QtCore.QObject.property(self, 'documentationBaseUrl')}user_guide/modules/{module_name.lower()}.html"


@cpp_like
class qSlicerApplication(qSlicerCoreApplication):
    """The application with its views and its window."""

    startupCompleted = Signal()
    renderPaused = Signal(bool)

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self._render_pauses = 0
        self._layout_manager: qSlicerLayoutManager | None = None
        self._main_window: qSlicerMainWindow | None = None

    def ioManager(self) -> qSlicerCoreIOManager:
        return self._io_manager

    def layoutManager(self) -> qSlicerLayoutManager:
        """Made on first use: a module whose setup asks for it in a test without views pays for none."""
        if self._layout_manager is None:
            self._layout_manager = qSlicerLayoutManager(self._scene.scene, self._scene.application_logic)
        return self._layout_manager

    def _shown_window(self) -> qSlicerMainWindow:
        """The main window, made on first use; modules get it by slicer.util.mainWindow()."""
        if self._main_window is None:
            self._main_window = qSlicerMainWindow(self)
        return self._main_window

    def commandOptions(self) -> qSlicerCommandOptions:
        return qSlicerCommandOptions()

    def pauseRender(self) -> None:
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool) -> None:
        """Pauses nest, as in Slicer; an unmatched resume raises, where Slicer only warns."""
        self._render_pauses += 1 if paused else -1
        if self._render_pauses < 0:
            raise RuntimeError("resumeRender() was called more often than pauseRender()")
        self.renderPaused.emit(self._render_pauses > 0)
        if self._layout_manager is not None:
            self._layout_manager._set_paused(self._render_pauses > 0)
