"""What can be trained: the trainer is asked for its recipes, in a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from .environment import python_executable, trainer_environment
from .process import ProcessEnd
from .qt_process import QtProcess

NO_DATA, ALIGNED, SITES, SERIES = "phantoms", "aligned", "sites", "dce_series"
_KINDS = (NO_DATA, ALIGNED, SITES, SERIES)
_TEXTS = ("name", "title", "data")


@dataclass(frozen=True)
class Recipe:
    """A training that the trainer offers.

    Args:
        name: unique.
        title: for the list.
        data: "phantoms" (none is needed), "aligned", "sites" or "dce_series": what a folder must hold.
        minutes: a time budget that makes sense.
        description: of what comes out; may be empty.
    """

    name: str
    title: str
    data: str
    minutes: int
    description: str = ""

    @property
    def can_use_volumes(self) -> bool:
        """Whether loaded volumes will do; dynamic series come from a folder alone."""
        return self.data in (ALIGNED, SITES)


class RecipeQuery:
    """Asks once; the answer comes through the event loop.

    Args:
        on_answer: called with the recipes and a sentence that says why there are none, or an empty one.
    """

    def __init__(self, on_answer: Callable[[tuple[Recipe, ...], str], None]) -> None:
        self._on_answer = on_answer
        self._output, self._errors = b"", b""
        self._process = QtProcess()
        self._process.on_output = self._read
        self._process.on_error_output = self._read_error
        self._process.on_end = self._ended

    def start(self) -> None:
        """Start the process.

        Raises:
            RuntimeError: this Slicer has no Python.
        """
        arguments = ["-m", "mrstyle_trainer", "recipes", "--json"]
        place = Path(tempfile.gettempdir())
        self._process.start(python_executable(), arguments, trainer_environment(), place)

    def abandon(self) -> None:
        """The answer is no longer wanted."""
        self._on_answer = lambda recipes, fault: None
        self._process.kill()

    def _read(self, data: bytes) -> None:
        self._output += data

    def _read_error(self, data: bytes) -> None:
        self._errors += data

    def _ended(self, end: ProcessEnd) -> None:
        recipes = _recipes(self._output) if end.code == 0 and not end.killed and not end.fault else ()
        if recipes:
            self._on_answer(recipes, "")
            return
        said = self._errors.decode("utf-8", errors="replace").strip().splitlines()
        reason = end.fault or (said[-1] if said else _("it offers nothing to train"))
        self._on_answer((), _("The trainer cannot be used: {reason}").format(reason=reason))


def _recipes(output: bytes) -> tuple[Recipe, ...]:
    """Those that a panel can find data for; what cannot be read is left out."""
    try:
        listed = json.loads(output)
    except (ValueError, RecursionError):
        return ()
    found = []
    for entry in listed if isinstance(listed, list) else []:
        texts = [entry.get(key) for key in _TEXTS] if isinstance(entry, dict) else [None]
        if all(isinstance(text, str) for text in texts) and entry["data"] in _KINDS:
            minutes = entry.get("minutes")
            minutes = max(1, round(minutes)) if isinstance(minutes, (int, float)) else 60
            found.append(Recipe(*texts, minutes, str(entry.get("description", ""))))
    return tuple(found)
