"""Python code against the form that it uses: ``….ui.NAME.attribute``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .qt_api import has_attribute, has_signal, known
from .sources import Finding, dotted

UI_NAMES = ("ui", "_ui")


def lint(source: str, widgets: dict[str, str]) -> list[Finding]:
    """Findings in the source of a file whose ``ui`` has ``widgets`` (class by name)."""
    found = [each for node, aliases in _nodes(source) for each in _faults(node, widgets, aliases)]
    return sorted(set(found))


def assigned(source: str, attribute: str) -> set[str]:
    """Widgets whose ``attribute`` the code sets."""
    assignments = ((node, aliases) for node, aliases in _nodes(source) if isinstance(node, ast.Assign))
    uses = (_use(target, aliases) for node, aliases in assignments for target in node.targets)
    return {used[0] for used in uses if used and used[1] == attribute}


def _nodes(source: str) -> Iterator[tuple[ast.AST, dict[str, str]]]:
    """Every node of a file, those of a function with the function's names for widgets."""
    tree = ast.parse(source)
    for scope in ast.walk(tree):
        if isinstance(scope, (ast.FunctionDef, ast.Module)):
            aliases = _aliases(scope) if isinstance(scope, ast.FunctionDef) else {}
            for node in ast.walk(scope):
                yield node, aliases


def _faults(node: ast.AST, widgets: dict[str, str], aliases: dict[str, str]) -> Iterator[Finding]:
    if used := _use(node, aliases):
        for rule in (unknown_widget, unreachable_attribute):
            for message in rule(*used, widgets):
                yield Finding(node.lineno, rule.__name__, message)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
        first, used = node.args[0] if node.args else None, _use(node.func, aliases)
        if used and isinstance(first, ast.Constant) and isinstance(first.value, str):
            for message in unknown_signal(used[0], first.value, widgets):
                yield Finding(node.lineno, "unknown_signal", message)


def unknown_widget(name: str, _attribute: str, widgets: dict[str, str]) -> Iterator[str]:
    if name not in widgets:
        yield f"the form has no widget {name}"


def unreachable_attribute(name: str, attribute: str, widgets: dict[str, str]) -> Iterator[str]:
    kind = widgets.get(name, "")
    if attribute and known(kind) and not has_attribute(kind, attribute):
        yield f"{name}.{attribute}: Python reaches no such thing of a {kind}"


def unknown_signal(name: str, signature: str, widgets: dict[str, str]) -> Iterator[str]:
    """In Slicer, such a connection prints a warning and is dead."""
    kind, signal = widgets.get(name, ""), signature.split("(")[0]
    if known(kind) and not has_signal(kind, signal):
        yield f"{name}: a {kind} has no signal {signal}"


def _aliases(function: ast.FunctionDef) -> dict[str, str]:
    """Local names of widgets: ``slider = self._ui.opacitySlider``."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            used = _use(node.value, {})
            if used is not None and not used[1]:
                found[node.targets[0].id] = used[0]
    return found


def _use(node: ast.AST, aliases: dict[str, str]) -> tuple[str, str] | None:
    """(widget, attribute) of ``….ui.widget.attribute`` or of an alias; attribute is empty for ``….ui.widget``."""
    names = dotted(node) if isinstance(node, ast.Attribute) else []
    if names and names[0] in aliases:
        return aliases[names[0]], names[1]
    for index, name in enumerate(names[:-1]):
        if name in UI_NAMES:
            rest = names[index + 1 :]
            return rest[0], rest[1] if len(rest) > 1 else ""
    return None
