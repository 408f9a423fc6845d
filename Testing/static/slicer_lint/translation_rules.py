"""Texts that a user reads must reach the translators whole, with named places for what is filled in."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator

from .sources import Finding, dotted, run_rules

TEXTS = {"text", "toolTip", "placeholderText", "title", "windowTitle", "helpText", "prefix", "suffix"}
SETTERS = {"setText", "setToolTip", "setPlaceholderText", "setTitle", "setWindowTitle", "addTab", "addAction"}
DISPLAYS = {"errorDisplay", "warningDisplay", "infoDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay"}
DISPLAYS |= {"showStatusMessage", "delayDisplay", "messageBox"}


def not_a_literal(node: ast.AST) -> Iterator[str]:
    if not _is_translation(node):
        return
    text = _text_argument(node)
    if isinstance(text, ast.JoinedStr):
        yield "an f-string is filled in before it is looked up: use _('... {name} ...').format(name=...)"
    elif not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
        yield "the text must be one string literal: translators' tools read the source"


def unnamed_placeholder(node: ast.AST) -> Iterator[str]:
    text = _text_argument(node) if _is_translation(node) else None
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        if _placeholders(text.value) is None:
            yield f"braces that are no placeholder: {text.value!r}"
        elif any(not name.isidentifier() for name in _placeholders(text.value) or ()):
            yield f"placeholders need names, as languages order them otherwise: {text.value!r}"
        if "%s" in text.value or "%d" in text.value:
            yield f"use {{name}} instead of %: {text.value!r}"


def placeholder_not_filled(node: ast.AST) -> Iterator[str]:
    """``_("{a}").format(b=1)``: checked only where nothing is passed by ``*`` or ``**``."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
    ):
        return
    text = _text_argument(node.func.value) if _is_translation(node.func.value) else None
    if not isinstance(text, ast.Constant) or any(keyword.arg is None for keyword in node.keywords):
        return
    if node.args:
        yield "fill placeholders by name"
    wanted = {name.split(".")[0].split("[")[0] for name in _placeholders(str(text.value)) or ()}
    given = {keyword.arg for keyword in node.keywords}
    if wanted - given:
        yield f"nothing fills {sorted(wanted - given)}"
    if given - wanted:
        yield f"nothing takes {sorted(map(str, given - wanted))}"


def not_translated(node: ast.AST) -> Iterator[str]:
    values: list[ast.AST] = []
    if isinstance(node, ast.Assign):
        is_text = any(isinstance(to, ast.Attribute) and to.attr in TEXTS for to in node.targets)
        values = [node.value] if is_text else []
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        values = node.args[:1] if node.func.attr in SETTERS | DISPLAYS else []
    elif isinstance(node, ast.Call):
        values = node.args[:1] if dotted(node.func)[-1:] and dotted(node.func)[-1] in DISPLAYS else []
    for value in values:
        if _has_words(value):
            yield f"{ast.unparse(value)[:60]} is not translated"


RULES = (not_a_literal, unnamed_placeholder, placeholder_not_filled, not_translated)


def lint(source: str) -> list[Finding]:
    """Findings in the source of a file that runs in Slicer."""
    found = run_rules(source, RULES)
    uses = any(_is_translation(node) for node in ast.walk(ast.parse(source)))
    if uses and "from slicer.i18n import" not in source:
        found.append(Finding(1, "no_translator", "_ is not slicer.i18n.tr"))
    return found


def _is_translation(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
        return False
    return node.func.id in ("_", "tr") or (node.func.id == "translate" and len(node.args) == 2)


def _text_argument(node: ast.AST) -> ast.AST | None:
    return node.args[-1] if isinstance(node, ast.Call) else None


def _placeholders(text: str) -> list[str] | None:
    """Names in braces; None where the braces do not match."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        return None


def _has_words(value: ast.AST) -> bool:
    """Whether an expression is a text with a word in it, or an f-string with one."""
    parts = value.values if isinstance(value, ast.JoinedStr) else [value]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return any(sum(letter.isalpha() for letter in text) >= 3 for text in texts)
