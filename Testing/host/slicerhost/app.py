"""What a test does to the host as a user would: loading modules and looking at their panels."""

# ruff: noqa: N802 - named as Slicer would
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def loadModules(files: Iterable[Path | str]) -> list:
    """Loads module files as Slicer loads its additional module paths; returns slicer.modules.<name> of each.

    Raises RuntimeError for a missing file, a name that is taken or a missing dependency, and whatever a module raises.
    """
    import slicer

    return slicer.app.moduleManager()._load([Path(file) for file in files])


def loadModule(file: Path | str):
    """Loads one module file."""
    return loadModules([file])[0]


def unloadModule(name: str) -> None:
    """Takes a scripted module out again: its panel is cleaned up and deleted."""
    import slicer

    slicer.app.moduleManager()._unload(name)


def showModule(module):
    """Shows the panel of a module (or of the module of that name) in the main window; returns the window."""
    import slicer

    window = slicer.app._shown_window()
    window.show()
    slicer.util.selectModule(module)
    return window
