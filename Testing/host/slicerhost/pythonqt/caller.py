"""Who calls: a module under test, for which PythonQt's rules hold, or the host itself, which needs all of PySide6."""

from __future__ import annotations

import sys

_OWN = frozenset(("slicerhost", "PySide6", "shiboken6", "shibokensupport"))


def module_calls(depth: int = 2) -> bool:
    """Whether the frame `depth` levels up (2: the caller of the hook that asks) belongs to code under test."""
    name = sys._getframe(depth).f_globals.get("__name__") or ""
    return name.partition(".")[0] not in _OWN
