"""PySide6 6.12 on Python before 3.12: each void Qt call takes one reference to None too many."""

from __future__ import annotations

import ctypes
import sys


def make_immortal() -> None:
    """Gives None, True and False so many references that they outlive any test run, as Python 3.12 itself does.

    Without it the process dies after some thousand Qt calls ("deallocating None").
    """
    if sys.version_info < (3, 12):
        for singleton in (None, True, False):
            ctypes.c_ssize_t.from_address(id(singleton)).value = 1 << 60
