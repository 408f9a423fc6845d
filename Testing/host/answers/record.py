"""Asks the probes and describes the answers.

In Slicer's Python console, to record the answers of another version:

    exec(open(".../Testing/host/answers/record.py").read()); record(".../Testing/host/answers", "qt")
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_SHOWN = (int, float, str, tuple, list, bool, type(None), dict)


def describe(function) -> str:
    """Type and, for plain values, value of what `function()` returns, or the type of the exception."""
    try:
        answer = function()
        return f"{type(answer).__name__} {repr(answer) if isinstance(answer, _SHOWN) else ''}".strip()
    except BaseException as error:
        return f"EXC {type(error).__name__}"


def answers(folder: str, kind: str) -> dict[str, str]:
    """Probe -> answer, asked here and now; `kind` is qt or ctk."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found: dict[str, str] = {}
    modules = ["qt"] if kind == "qt" else ["qt", "ctk"]
    importlib.import_module(f"{kind}_probes").run(
        lambda name, function: found.__setitem__(name, describe(function)),
        *(importlib.import_module(module) for module in modules),
    )
    return found


def recorded(folder: str, kind: str) -> dict[str, str]:
    """Probe -> the answer that Slicer has given."""
    lines = (Path(folder) / f"{kind}_answers.txt").read_text(encoding="utf-8").splitlines()
    return {line[:34].strip(): line[35:].strip() for line in lines}


def record(folder: str, kind: str) -> None:
    """Writes the answers of this Python into the file of recorded answers."""
    lines = (f"{name:<34} {answer}\n" for name, answer in answers(folder, kind).items())
    (Path(folder) / f"{kind}_answers.txt").write_text("".join(lines), encoding="utf-8")
