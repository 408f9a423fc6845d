"""What PythonQt does otherwise than PySide, and what Slicer's Python does not have."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from .qt_api import qt_names
from .sources import Finding, dotted, run_rules

GONE_IN_QT6 = {"QRegExp", "QRegExpValidator", "QDesktopWidget", "QTextCodec", "QStringRef", "QMatrix"}
GONE_IN_QT6 |= {"QLinkedList", "QSignalMapper", "QGLWidget"}
GONE_SIGNALS = re.compile(
    r"(currentIndexChanged|activated|highlighted)\((const )?QString|buttonClicked\(int\)"
)
PROPERTIES = {"currentText", "currentIndex", "currentPath", "placeholderText", "styleSheet", "toolTip"}
PROPERTIES |= {"windowTitle", "plainText", "checked", "enabled", "visible", "collapsed", "minimumWidth"}
PROPERTIES |= {"maximumWidth", "objectName", "directory", "currentNodeID", "noneEnabled", "nodeTypes"}
PROPERTIES |= {"singleStep", "decimals", "suffix", "readOnly"}
TEXTS = {"toolTip", "plainText", "placeholderText", "title", "windowTitle", "html", "currentPath"}
TEXT_SETTERS = {"setText", "setToolTip", "setPlainText", "setTitle", "setWindowTitle", "setPlaceholderText"}
VALUE_DIALOGS = {"getOpenFileName", "getSaveFileName", "getOpenFileNames", "getText", "getItem", "getInt"}
VALUE_DIALOGS |= {"getDouble"}


def scoped_enum(node: ast.AST) -> Iterator[str]:
    names = dotted(node) if isinstance(node, ast.Attribute) else []
    if names[:1] == ["qt"] and len(names) == 4 and re.fullmatch("[A-Z][A-Za-z]+", names[2]):
        yield f"write {'.'.join(names[:2] + names[3:])}: PythonQt has no scoped enums"


def keyword_arguments(node: ast.AST) -> Iterator[str]:
    names = dotted(node.func) if isinstance(node, ast.Call) and node.keywords else []
    is_qt = len(names) >= 2 and names[0] in ("qt", "ctk")
    if is_qt or (len(names) == 2 and names[0] == "slicer" and re.match("q(MRML|Slicer)", names[1])):
        yield f"{'.'.join(names)}: PythonQt takes no keyword arguments"


def property_called(node: ast.AST) -> Iterator[str]:
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or node.args
        or node.keywords
    ):
        return
    owner, name = dotted(node.func.value), node.func.attr
    is_widget = bool(owner) and not re.search("item|action|seg|header|node", ".".join(owner), re.IGNORECASE)
    if (owner and "util" not in owner and name in PROPERTIES) or (name == "text" and is_widget):
        yield f"{name} is a property in PythonQt: no parentheses"


def unknown_qt_name(node: ast.AST) -> Iterator[str]:
    names = dotted(node) if isinstance(node, ast.Attribute) else []
    if names[:1] != ["qt"] or len(names) != 2:
        return
    if names[1] in GONE_IN_QT6:
        yield f"qt.{names[1]} does not exist in Qt 6"
    elif names[1] not in qt_names() and (names[1].startswith("Q") or names[1] == "pyqtSignal"):
        yield f"PythonQt wraps no qt.{names[1]}"


def qt_signature(node: ast.AST) -> Iterator[str]:
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or node.func.attr != "connect"
    ):
        return
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        if not re.fullmatch(r"\w+\([^()]*\)", first.value):
            yield f"'{first.value}' is no signature: the connection would be dead"
        elif GONE_SIGNALS.match(first.value):
            yield f"{first.value} does not exist in Qt 6"


def isinstance_of_widget(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        classes = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
        if any(dotted(each)[:1] in (["qt"], ["ctk"]) for each in classes):
            yield "is False for a base class in PythonQt: use .inherits()"


def widget_subclass(node: ast.AST) -> Iterator[str]:
    for base in node.bases if isinstance(node, ast.ClassDef) else []:
        names = dotted(base)
        if names[:1] == ["ctk"] or (names[:1] == ["slicer"] and re.match("qMRML|qSlicer", names[-1])):
            yield f"{'.'.join(names)}: C++ calls no Python override of this class"


def thread(node: ast.AST) -> Iterator[str]:
    names = dotted(node.func) if isinstance(node, ast.Call) else []
    if names and names[-1] in ("Thread", "ThreadPoolExecutor", "QThread"):
        yield "neither Qt nor MRML may be used from a thread: use a process"


def tuple_of_dialog(node: ast.AST) -> Iterator[str]:
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in VALUE_DIALOGS
    ):
        yield f"{node.value.func.attr} gives the value alone in PythonQt"


def none_as_text(node: ast.AST) -> Iterator[str]:
    is_text = False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_text = node.func.attr in TEXT_SETTERS and any(_is_none(argument) for argument in node.args)
    elif isinstance(node, ast.Assign) and _is_none(node.value):
        is_text = any(
            isinstance(to, ast.Attribute) and (to.attr in TEXTS or _is_ui_text(to)) for to in node.targets
        )
    if is_text:
        yield "None becomes the text 'None' in PythonQt"


def unknown_slicer_util(node: ast.AST) -> Iterator[str]:
    names = dotted(node) if isinstance(node, ast.Attribute) else []
    known = _slicer_util()
    if known and names[:2] == ["slicer", "util"] and len(names) == 3 and names[2] not in known:
        yield f"there is no slicer.util.{names[2]}"


def shared_properties_of_export(node: ast.AST) -> Iterator[str]:
    names = dotted(node.func) if isinstance(node, ast.Call) else []
    if names[-2:] == ["util", "exportNode"]:
        given = len(node.args) >= 3 or any(keyword.arg == "properties" for keyword in node.keywords)
        if not given:
            yield "the default properties of slicer.util.exportNode keep the last call's format: pass a new dict"


RULES = (
    scoped_enum,
    keyword_arguments,
    property_called,
    unknown_qt_name,
    qt_signature,
    isinstance_of_widget,
    widget_subclass,
    thread,
    tuple_of_dialog,
    none_as_text,
    unknown_slicer_util,
    shared_properties_of_export,
)


def lint(source: str) -> list[Finding]:
    """Findings in the source of a file that runs in Slicer."""
    return run_rules(source, RULES)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_ui_text(target: ast.AST) -> bool:
    names = dotted(target)
    return names[-1:] == ["text"] and any(name.strip("_") == "ui" for name in names)


@functools.cache
def _slicer_util() -> frozenset[str]:
    """Names that slicer.util has; empty where slicer-core is not installed."""
    spec = importlib.util.find_spec("slicer")
    if spec is None or spec.origin is None:
        return frozenset()
    tree = ast.parse((Path(spec.origin).parent / "util.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    targets = [to for node in tree.body if isinstance(node, ast.Assign) for to in node.targets]
    return frozenset(functions | {to.id for to in targets if isinstance(to, ast.Name)})
