"""slicer.modules: C++ modules by their logic, and scripted modules loaded unchanged from their files."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterable
from pathlib import Path

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from .pythonqt import QObject, cpp_like, register
from .qmrml_base import qSlicerWidget
from .widget_parts import kept


@cpp_like
class _Decorated:
    """What Slicer adds to its modules for Python only."""

    def widgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget | None:
        return self._representation()


@cpp_like
class qSlicerAbstractCoreModule(QtCore.QObject, _Decorated):
    """What C++ and scripted modules share: a name and a logic."""

    name = Property(str, lambda self: self._name)

    def __init__(self, name: str, logic, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._name, self._logic = name, logic
        QObject.setObjectName(self, name)  # PythonQt's `name` of an object

    def logic(self):
        return self._logic


@cpp_like
class qSlicerLoadableModule(qSlicerAbstractCoreModule):
    """A C++ module: its name and its logic, no panel."""

    title = Property(str, lambda self: self._name)
    hidden = Property(bool, lambda self: False)
    dependencies = Property("QStringList", lambda self: [])

    def _representation(self):
        raise RuntimeError(f"the test host has no panel of the module {self._name}")


@cpp_like
class qSlicerScriptedLoadableModule(qSlicerAbstractCoreModule):
    """What a module's class gets as `parent`, and `slicer.modules.<name>` is."""

    title = kept(str, "title", "")
    categories = kept("QStringList", "categories", [])
    dependencies = kept("QStringList", "dependencies", [])
    contributors = kept("QStringList", "contributors", [])
    associatedNodeTypes = kept("QStringList", "associatedNodeTypes", [])
    helpText = kept(str, "helpText", "")
    acknowledgementText = kept(str, "acknowledgementText", "")
    hidden = kept(bool, "hidden", False)
    index = kept(int, "index", -1)
    icon = kept(QtGui.QIcon, "icon", QtGui.QIcon())
    widgetRepresentationCreationEnabled = kept(bool, "representable", True)
    defaultDocumentationLink = Property(str, lambda self: "")
    path = Property(str, lambda self: str(self._file))

    def __init__(self, file: Path, parent: QtCore.QObject) -> None:
        super().__init__(file.stem, None, parent)
        self._file = file
        self._instance = None
        self._widget: qSlicerScriptedLoadableModuleWidget | None = None

    def _instantiate(self) -> None:
        """Imports the file and makes the module's object: what Slicer does at its start."""
        spec = importlib.util.spec_from_file_location(self._name, self._file)
        source = importlib.util.module_from_spec(spec)
        sys.modules[self._name] = source
        try:
            spec.loader.exec_module(source)
            self._instance = getattr(source, self._name)(self)
        except BaseException:
            del sys.modules[self._name]
            raise

    def _representation(self) -> qSlicerScriptedLoadableModuleWidget | None:
        """The panel, set up on first use; None for a module without a widget class, as hidden ones often are."""
        cls = getattr(sys.modules[self._name], f"{self._name}Widget", None)
        if self._widget is None and cls is not None and getattr(self, "_representable", True):
            self._widget = qSlicerScriptedLoadableModuleWidget()
            self._widget._module_name = self._name
            QtWidgets.QVBoxLayout(self._widget)
            QObject.setObjectName(self._widget, f"{self._name}ModuleWidget")
            self._widget.setMRMLScene(slicer.mrmlScene)
            self._widget.reload()
        return self._widget

    def _unload(self) -> None:
        name = self._name
        if self._widget is not None:
            QtWidgets.QWidget.setParent(self._widget, None)
            QObject.deleteLater(self._widget)
            delattr(slicer.modules, f"{name}Widget")
        sys.modules.pop(name, None)


@register
class qSlicerAbstractModuleWidget(qSlicerWidget):
    """A panel that is entered and left."""

    _entered = False

    isEntered = Property(bool, lambda self: self._entered)

    def enter(self) -> None:
        self._entered = True
        self.self().enter()

    def exit(self) -> None:
        self._entered = False
        self.self().exit()


@register
class qSlicerScriptedLoadableModuleWidget(qSlicerAbstractModuleWidget):
    """The panel's outer widget; the module's Python object is `self()`."""

    _module_name = ""

    moduleName = Property(str, lambda self: self._module_name)

    def self(self):
        return getattr(slicer.modules, f"{self._module_name}Widget")

    def reload(self) -> None:
        """Makes and sets up the panel from the module's present source."""
        panel = getattr(sys.modules[self._module_name], f"{self._module_name}Widget")(self)
        setattr(slicer.modules, f"{self._module_name}Widget", panel)
        panel.setup()


@cpp_like
class qSlicerModuleFactoryManager(QtCore.QObject):
    """slicer.app.moduleManager().factoryManager(): which modules are loaded."""

    def __init__(self, manager: qSlicerModuleManager) -> None:
        super().__init__(manager)
        self._manager = manager

    def loadedModuleNames(self) -> tuple[str, ...]:
        return tuple(self._manager._modules)

    def isLoaded(self, name: str) -> bool:
        return name in self._manager._modules


@cpp_like
class qSlicerModuleManager(QtCore.QObject):
    """slicer.app.moduleManager()."""

    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self, application) -> None:
        super().__init__(application)
        self._factory_manager = qSlicerModuleFactoryManager(self)
        self._modules: dict[str, qSlicerLoadableModule | qSlicerScriptedLoadableModule] = {}
        slicer.modules = types.ModuleType("slicer.modules")
        slicer.moduleNames = types.ModuleType("slicer.moduleNames")
        sys.modules["slicer.modules"] = slicer.modules
        sys.modules["slicer.moduleNames"] = slicer.moduleNames
        for name, logic in application._scene.module_logics.items():
            self._add(qSlicerLoadableModule(name, logic, self))

    def _add(self, module: qSlicerLoadableModule | qSlicerScriptedLoadableModule) -> None:
        self._modules[module._name] = module
        setattr(slicer.modules, module._name.lower(), module)
        setattr(slicer.moduleNames, module._name, module._name)

    def _load(self, files: Iterable[Path]) -> list[qSlicerScriptedLoadableModule]:
        """Loads module files as Slicer loads additional modules: all folders first, then each after those it needs.

        Raises RuntimeError where Slicer only prints: no such file, a module of that name is loaded already, or a
        dependency is missing; what a module's file or class raises goes through.
        """
        new = {}
        for file in (Path(file).resolve() for file in files):
            if not file.is_file():
                raise RuntimeError(f"there is no module file {file}")
            if file.stem in self._modules or file.stem in new:
                raise RuntimeError(f"a module {file.stem} is loaded already")
            new[file.stem] = qSlicerScriptedLoadableModule(file, self)
            if str(file.parent) not in sys.path:
                sys.path.append(str(file.parent))
        for module in new.values():
            module._instantiate()
        for module in new.values():
            self._load_instance(module, new)
        return list(new.values())

    def _load_instance(
        self, module: qSlicerScriptedLoadableModule, new: dict[str, qSlicerScriptedLoadableModule]
    ) -> None:
        if module._name in self._modules:
            return
        for needed in getattr(module, "_dependencies", []):
            if needed in new:
                self._load_instance(new[needed], {name: m for name, m in new.items() if name != module._name})
            elif needed not in self._modules:
                raise RuntimeError(f"module {module._name} depends on {needed}, which is not loaded")
        self._add(module)
        setattr(slicer.modules, f"{module._name}Instance", module._instance)
        self.moduleLoaded.emit(module._name)

    def _unload(self, name: str) -> None:
        module = self._modules[name]
        if module._widget is not None and module._widget._entered:
            module._widget.exit()
        self.moduleAboutToBeUnloaded.emit(name)
        module._unload()
        del self._modules[name]
        delattr(slicer.modules, name.lower())
        delattr(slicer.modules, f"{name}Instance")
        delattr(slicer.moduleNames, name)

    def factoryManager(self) -> qSlicerModuleFactoryManager:
        return self._factory_manager

    def module(self, name: str) -> qSlicerLoadableModule | qSlicerScriptedLoadableModule | None:
        return self._modules.get(name)

    def modulesNames(self) -> tuple[str, ...]:
        return tuple(self._modules)
