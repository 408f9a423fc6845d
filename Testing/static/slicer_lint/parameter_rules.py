"""Each SlicerParameterName of a form against the parameter node class: does it exist, and can it be connected?"""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .sources import Finding, dotted

PATHS = {"Path", "PurePath", "PosixPath", "WindowsPath"}
# parameterNodeWrapper connects only widgets of exactly these classes.
CONNECTABLE = {
    "QCheckBox": {"bool"},
    "ctkCheckBox": {"bool"},
    "QPushButton": {"bool"},
    "ctkCheckablePushButton": {"bool"},
    "QSlider": {"int"},
    "QSpinBox": {"int"},
    "QDoubleSpinBox": {"float", "int"},
    "ctkSliderWidget": {"float", "int"},
    "qMRMLSliderWidget": {"float", "int"},
    "ctkDoubleSlider": {"float", "int"},
    "ctkDoubleSpinBox": {"float", "int"},
    "qMRMLSpinBox": {"float", "int"},
    "ctkRangeWidget": {"FloatRange"},
    "ctkDoubleRangeSlider": {"FloatRange"},
    "qMRMLRangeWidget": {"FloatRange"},
    "QComboBox": {"enum", "int", "float", "str", "bool"},
    "ctkComboBox": {"enum", "int", "float", "str", "bool"},
    "QLineEdit": {"str"},
    "QTextEdit": {"str"},
    "QLabel": {"str"},
    "ctkPathLineEdit": PATHS,
    "ctkDirectoryButton": PATHS,
    "qMRMLNodeComboBox": {"node"},
    "qMRMLSubjectHierarchyTreeView": {"node"},
    "qMRMLSubjectHierarchyComboBox": {"node"},
    "ctkColorPickerButton": {"QColor"},
}
NEEDS_BOUNDS = {"QSlider", "QSpinBox", "QDoubleSpinBox", "ctkSliderWidget", "qMRMLSliderWidget"}
NEEDS_BOUNDS |= {"ctkDoubleSlider", "ctkDoubleSpinBox", "qMRMLSpinBox"}


class Parameter(NamedTuple):
    """Type of one parameter: a name of Python, "enum", "node", or the name of a class; and its annotations."""

    kind: str
    annotations: frozenset[str]


def parameters(sources: Iterable[str]) -> dict[str, Parameter]:
    """Parameters by name, those of packs dotted, of the parameter node class in the files of one panel.

    Raises:
        ValueError: there is no parameter node class, or more than one.
    """
    classes = {
        node.name: node
        for text in sources
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    }
    wrappers = [node for node in classes.values() if _decorated(node, "parameterNodeWrapper")]
    if len(wrappers) != 1:
        raise ValueError(f"{len(wrappers)} classes are decorated with @parameterNodeWrapper")
    return dict(_fields(wrappers[0], classes, ""))


def lint(xml: str, there: dict[str, Parameter]) -> list[Finding]:
    """Findings in the XML of a form whose parameter node class has the parameters ``there``."""
    found = []
    for widget in ET.fromstring(xml).iter("widget"):
        for entry in widget.findall("property"):
            if entry.get("name") == "SlicerParameterName":
                name = "".join(entry.itertext()).strip()
                label, kind = f"{widget.get('name')} ({name})", widget.get("class", "")
                found += [Finding(0, *fault) for fault in _faults(label, kind, name, there)]
                if entry.get("stdset") != "0":
                    found.append(Finding(0, "static_property", f'{label}: needs stdset="0"'))
    return found


def _faults(label: str, widget: str, name: str, there: dict[str, Parameter]) -> Iterator[tuple[str, str]]:
    if name not in there:
        yield "unknown_parameter", f"{label}: the parameter node class has no {name}"
        return
    kind, annotations = there[name]
    if kind not in CONNECTABLE.get(widget, ()):
        yield "not_connectable", f"{label}: a {widget} cannot be connected to {kind}"
        return
    bounded = "WithinRange" in annotations or {"Minimum", "Maximum"} <= annotations
    if widget in NEEDS_BOUNDS and not bounded:
        yield "unbounded", f"{label}: a {widget} needs WithinRange, or loses the bounds of the form"
    if kind == "FloatRange" and "RangeBounds" not in annotations:
        yield "unbounded", f"{label}: a {widget} needs RangeBounds"
    if widget in ("QComboBox", "ctkComboBox") and kind != "enum" and "Choice" not in annotations:
        yield "no_choice", f"{label}: a {widget} for {kind} needs Choice"


def _fields(
    node: ast.ClassDef, classes: dict[str, ast.ClassDef], prefix: str
) -> Iterator[tuple[str, Parameter]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind, annotations = _type(statement.annotation)
            name = f"{prefix}{statement.target.id}"
            if kind in classes and _decorated(classes[kind], "parameterPack"):
                yield from _fields(classes[kind], classes, f"{name}.")
            is_enum = kind in classes and any("Enum" in ast.unparse(base) for base in classes[kind].bases)
            yield name, Parameter("enum" if is_enum else kind, annotations)


def _type(node: ast.expr) -> tuple[str, frozenset[str]]:
    """Name of a type without None and without its annotations, and the names of these."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _type(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.BinOp):
        sides = [_type(side) for side in (node.left, node.right)]
        return next((side for side in sides if side[0] != "None"), sides[0])
    if isinstance(node, ast.Subscript):
        outer = dotted(node.value)[-1:]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == ["Annotated"]:
            kind, annotations = _type(inner[0])
            names = [_called(each) for each in inner[1:]]
            return kind, annotations | frozenset(names)
        if outer in (["Optional"], ["Union"]):
            return next(
                (found for each in inner if (found := _type(each))[0] != "None"), ("None", frozenset())
            )
        return "".join(outer), frozenset()
    name = "None" if isinstance(node, ast.Constant) else "".join(dotted(node)[-1:])
    return ("node" if name.startswith("vtkMRML") else name), frozenset()


def _called(node: ast.expr) -> str:
    return "".join(dotted(node.func if isinstance(node, ast.Call) else node)[-1:])


def _decorated(node: ast.ClassDef, decorator: str) -> bool:
    return any(_called(each) == decorator for each in node.decorator_list)
