"""Which kind of run a request is for."""

from __future__ import annotations

from collections.abc import Callable

from MRStyleLib.row_run import RowRun

from .check_run import CheckRun
from .request import CheckRequest, Request
from .run import HarmonizeRun


def make_run(scene, request: Request | CheckRequest, changed: Callable[[], None]) -> RowRun:
    """The run that does a request, not yet started."""
    kind = CheckRun if isinstance(request, CheckRequest) else HarmonizeRun
    return kind(scene, request, changed=changed)
