"""The main window: the module panel on the left, the views on the right."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal

from .pythonqt import QObject, cpp_like


@cpp_like
class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Shows and changes the current module; hidden modules are not listed but can be selected by name."""

    moduleSelected = Signal(str)

    def __init__(self, application, window) -> None:
        super().__init__("Module Selection", window)
        QObject.setObjectName(self, "ModuleSelectorToolBar")
        self._manager = application.moduleManager()
        self._current = ""
        self._combo = QtWidgets.QComboBox()
        QtWidgets.QToolBar.addWidget(self, QtWidgets.QLabel(" Modules: "))
        QtWidgets.QToolBar.addWidget(self, self._combo)
        self._names: list[str] = []
        self._combo.activated.connect(lambda index: self.selectModule(self._names[index]))
        self._manager.moduleLoaded.connect(lambda name: self._list())
        self._manager.moduleAboutToBeUnloaded.connect(self._leave)
        self._list()

    selectedModule = Property(str, lambda self: self._current)

    def _list(self) -> None:
        modules = (self._manager.module(name) for name in self._manager.modulesNames())
        shown = [m for m in modules if hasattr(m, "_file") and not getattr(m, "_hidden", False)]
        self._names = [m._name for m in shown]
        QtWidgets.QComboBox.clear(self._combo)
        QtWidgets.QComboBox.addItems(self._combo, [getattr(m, "_title", "") or m._name for m in shown])
        self._mark()

    def _mark(self) -> None:
        index = self._names.index(self._current) if self._current in self._names else -1
        QtWidgets.QComboBox.setCurrentIndex(self._combo, index)

    def _leave(self, name: str) -> None:
        if name == self._current:
            self._current = ""

    def selectModule(self, name: str) -> None:
        """Raises RuntimeError for a module that is not loaded, where Slicer warns."""
        if not self._manager.factoryManager().isLoaded(name):
            raise RuntimeError(f"there is no module {name}")
        self._current = name
        self._mark()
        self.moduleSelected.emit(name)


@cpp_like
class qSlicerMainWindow(QtWidgets.QMainWindow):
    """Found by slicer.util.mainWindow() through its object name, as Slicer's is."""

    def __init__(self, application) -> None:
        super().__init__()
        QObject.setObjectName(self, "qSlicerMainWindow")
        self._manager = application.moduleManager()
        self._entered = None
        self._selector = qSlicerModuleSelectorToolBar(application, self)
        QtWidgets.QMainWindow.addToolBar(self, self._selector)
        self._panel = QtWidgets.QScrollArea()
        self._panel.setWidgetResizable(True)
        QtWidgets.QWidget.setMinimumWidth(self._panel, 420)
        splitter = QtWidgets.QSplitter()
        splitter.addWidget(self._panel)
        splitter.addWidget(application.layoutManager().viewport())
        splitter.setStretchFactor(1, 1)
        QtWidgets.QMainWindow.setCentralWidget(self, splitter)
        QtWidgets.QMainWindow.statusBar(self)
        QtWidgets.QWidget.resize(self, 1400, 900)
        self._selector.moduleSelected.connect(self._show_module)
        self._manager.moduleAboutToBeUnloaded.connect(self._leave)

    def moduleSelector(self) -> qSlicerModuleSelectorToolBar:
        return self._selector

    def _show_module(self, name: str) -> None:
        module = self._manager.module(name)
        widget = module.widgetRepresentation()
        if widget is None:
            raise RuntimeError(f"the module {name} has no panel")
        if self._entered is not None and self._entered is not widget:
            self._entered.exit()
            QtWidgets.QScrollArea.takeWidget(self._panel)
        title = getattr(module, "_title", "") or name
        QtWidgets.QWidget.setWindowTitle(self, f"{title} - Slicer test host")
        if self._entered is not widget:
            QtWidgets.QScrollArea.setWidget(self._panel, widget)
            QtWidgets.QWidget.setVisible(widget, True)
            self._entered = widget
            widget.enter()

    def _leave(self, name: str) -> None:
        if self._entered is not None and self._entered._module_name == name:
            QtWidgets.QScrollArea.takeWidget(self._panel)
            self._entered = None
