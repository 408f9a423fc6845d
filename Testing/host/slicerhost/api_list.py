"""Which members of ctk's and Slicer's Qt classes Python can reach, from the headers of Slicer 5.8.1.

`slicer_qt_api.json` is made by Testing/host/trim_api_list.py.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def _facts() -> dict:
    return json.loads((Path(__file__).parent / "slicer_qt_api.json").read_text(encoding="utf-8"))


@cache
def members(class_name: str) -> frozenset[str] | None:
    """Properties, slots, invokable methods and signals, those of base classes too; None for a class not listed."""
    entry = _facts()["classes"].get(class_name)
    return None if entry is None else frozenset(entry)


def qt_names() -> list[str]:
    """The names in Slicer's module `qt`."""
    return _facts()["qt"]
