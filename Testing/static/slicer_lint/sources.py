"""Findings, and the files that the rules are about."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cmake_lists import ROOT, files_below, modules

Rule = Callable[[ast.AST], Iterator[str]]


class Finding(NamedTuple):
    """A place that breaks a rule."""

    line: int
    rule: str
    message: str


def run_rules(source: str, rules: tuple[Rule, ...]) -> list[Finding]:
    """Apply rules to every node of a file's syntax tree, in the grammar of Python 3.10.

    Raises:
        SyntaxError: it is no Python 3.10.
    """
    found = [
        Finding(getattr(node, "lineno", 0), rule.__name__, message)
        for node in ast.walk(ast.parse(source, feature_version=(3, 10)))
        for rule in rules
        for message in rule(node)
    ]
    return sorted(set(found))


def dotted(node: ast.AST) -> list[str]:
    """The names of ``a.b.c``; empty where it begins with anything but a name, as ``f().b`` does."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


@functools.cache
def gui_files() -> list[Path]:
    """Everything that runs inside the application: the modules and their packages, but not `mrstyle`."""
    names = [f"{module}/{name}" for module in modules(ROOT) for name in files_below(ROOT, module)]
    return [ROOT / name for name in names if name.endswith(".py") and "/mrstyle/" not in name]


def ui_files() -> list[Path]:
    """The forms of all modules."""
    return [path for module in modules(ROOT) for path in sorted((ROOT / module).rglob("*.ui"))]


def relative(path: Path) -> str:
    """A short name for messages and test ids."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
