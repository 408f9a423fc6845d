"""A test host for Slicer's scripted modules: they run unchanged, in a real window, without the Slicer application.

`slicer-core` (PyPI) brings Slicer's C++ core: the MRML scene, the module logics, the displayable managers and
`slicer.util`. This package brings what is Qt: the modules `qt` and `ctk` with PythonQt's rules on PySide6, the qMRML
widgets, `slicer.app`, the module loader, `ScriptedLoadableModule` and `parameterNodeWrapper`. It raises where Slicer
only prints a warning. One process can hold one host; end it by os._exit.

    app = slicerhost.start()                        # slicer.app; then qt, ctk and slicer.* can be imported
    slicerhost.app.loadModules([file, ...])         # unchanged module files
    slicerhost.app.showModule("MRStyleTransfer")    # its panel in the main window
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Sequence

from . import app as app


def start(arguments: Sequence[str] = ()):
    """Puts qt, ctk and the application's parts of `slicer` in place; returns slicer.app (a second call: the same)."""
    import slicer
    import slicer.util

    if hasattr(slicer, "app"):
        return slicer.app
    from . import pythonqt, singletons

    singletons.make_immortal()

    qt = pythonqt.make_qt_module()
    pythonqt.install_hooks()
    _as_slicer_module("i18n")
    importlib.import_module(f"{__name__}.ctk_widgets").make_ctk_module()
    _python_qt(qt)
    from . import application, module_manager, stand_ins, subject_hierarchy

    for module in ("qmrml_base", "qmrml_numbers", "qmrml_nodes", "qmrml_views", "qmrml_tables"):
        importlib.import_module(f".{module}", __name__)
    for name, cls in pythonqt.WIDGETS.items():
        if name.startswith("q"):
            setattr(slicer, name, cls)
    slicer.app = application.qSlicerApplication(list(arguments))
    slicer.mrmlScene = slicer.app.mrmlScene()
    slicer.app._subject_hierarchy = subject_hierarchy.SubjectHierarchyItems(slicer.mrmlScene)
    slicer.qSlicerScriptedLoadableModule = module_manager.qSlicerScriptedLoadableModule
    _as_slicer_module("scripted_module", "ScriptedLoadableModule")
    _as_slicer_module("parameter_node", "parameterNodeWrapper")
    stand_ins.install()
    return slicer.app


def _as_slicer_module(source: str, name: str = "") -> None:
    """Our file `source` becomes `slicer.<name>`, importable as such."""
    import slicer

    module = importlib.import_module(f".{source}", __name__)
    sys.modules[f"slicer.{name or source}"] = module
    setattr(slicer, name or source, module)


def _python_qt(qt: types.ModuleType) -> None:
    """slicer.util asks PythonQt for classes by these names."""
    import slicer_core.MRMLCore

    sys.modules["MRMLCorePython"] = slicer_core.MRMLCore
    package = sys.modules["PythonQt"] = types.ModuleType("PythonQt")
    for part in ("QtCore", "QtGui", "QtWidgets", "private"):
        setattr(package, part, qt)
        sys.modules[f"PythonQt.{part}"] = qt
