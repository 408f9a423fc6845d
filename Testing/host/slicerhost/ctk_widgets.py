"""The module `ctk`: the ctk widgets that scripted modules commonly use."""

from __future__ import annotations

import sys
import types

from . import ctk_buttons, ctk_collapsible, ctk_numbers, ctk_paths, ctk_ranges, ctk_texts  # noqa: F401 - they register
from .pythonqt.classes import WIDGETS


def make_ctk_module() -> types.ModuleType:
    """Makes and returns the module `ctk` (also in sys.modules)."""
    module = types.ModuleType("ctk")
    for name, cls in WIDGETS.items():
        if name.startswith("ctk"):
            setattr(module, name, cls)
    sys.modules["ctk"] = module
    return module
