"""Slicer's conventions for forms, and what its form loader does not tell of."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from .qt_api import has_property, known
from .sources import Finding

MRML_WIDGET = re.compile(
    "qMRML(Node|Checkable|Color|Subject|Segment|Slider|Spin|Range|Table|Plot|Volume|Window|Sequence)"
)
PLUGIN = re.compile("ctk|qMRML|qSlicer")
INPUT = re.compile(
    r"qMRML(?!Widget$)\w+|Q(CheckBox|RadioButton|PushButton|ToolButton|ComboBox|LineEdit|TextEdit|Slider|Dial|SpinBox"
    r"|DoubleSpinBox|ListWidget|TableWidget|TreeWidget|TableView|ListView|TreeView)"
    r"|ctk(?!Collapsible|Expand|FittedTextBrowser)\w+"
)
CONTAINERS = ("qMRMLWidget", "ctkCollapsibleButton", "ctkCollapsibleGroupBox", "ctkExpandableWidget")
SCENE_SIGNAL, SCENE_SLOT = "mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"


def widgets(root: ET.Element) -> dict[str, str]:
    """Class of each named widget and action of a form, by name."""
    found = {element.get("name", ""): element.get("class", "") for element in root.iter("widget")}
    return found | {element.get("name", ""): "QAction" for element in root.iter("action")}


def top_widget(root: ET.Element) -> Iterator[str]:
    top, name = root.find("widget"), root.findtext("class")
    if top is None or top.get("class") != "qMRMLWidget" or top.get("name") != name:
        yield f"the top widget must be a qMRMLWidget with the name of the form, {name}"


def scene_connection(root: ET.Element) -> Iterator[str]:
    top = root.findtext("class")
    connected = {
        connection.findtext("receiver")
        for connection in root.iter("connection")
        if connection.findtext("sender") == top
        and connection.findtext("signal") == SCENE_SIGNAL
        and connection.findtext("slot") == SCENE_SLOT
    }
    for name, kind in widgets(root).items():
        if MRML_WIDGET.match(kind) and name not in connected:
            yield f"{kind} {name} gets no scene: connect {SCENE_SIGNAL} to {SCENE_SLOT}"


def connection_ends(root: ET.Element) -> Iterator[str]:
    there = widgets(root)
    for connection in root.iter("connection"):
        for end in ("sender", "receiver"):
            if connection.findtext(end) not in there:
                yield f"a connection names {connection.findtext(end)}, which there is not"


def custom_widget(root: ET.Element) -> Iterator[str]:
    declared = {element.findtext("class"): element for element in root.iter("customwidget")}
    for kind in sorted(set(widgets(root).values())):
        if PLUGIN.match(kind) and kind not in declared:
            yield f"{kind} is not in <customwidgets>"
        elif kind in CONTAINERS and declared[kind].findtext("container") != "1":
            yield f"{kind} holds widgets: it needs <container>1</container>"


def repeated_name(root: ET.Element) -> Iterator[str]:
    names = [element.get("name", "") for element in root.iter() if element.tag in ("widget", "action")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two widgets have the name {name}: code would get one of them"


def tool_tip(root: ET.Element, explained: frozenset[str]) -> Iterator[str]:
    for element in root.iter("widget"):
        kind, name = element.get("class", ""), element.get("name")
        if INPUT.fullmatch(kind) and name not in explained and not _text(element, "toolTip"):
            yield f"{kind} {name} has no toolTip"


def label_ending(root: ET.Element) -> Iterator[str]:
    """The first column of a form and every label with a buddy; other labels are free text."""
    for layout in root.iter("layout"):
        for item in layout.findall("item") if layout.get("class") == "QFormLayout" else []:
            label = item.find("widget")
            is_first = item.get("column") == "0" and item.get("colspan") is None
            if label is not None and is_first and label.get("class") == "QLabel":
                yield from _ending(label)
    for label in root.iter("widget"):
        if label.get("class") == "QLabel" and _text(label, "buddy"):
            yield from _ending(label)


def scoped_set(root: ET.Element) -> Iterator[str]:
    for element in root.iter("set"):
        if re.search(r"\w+::\w+::\w+", element.text or ""):
            yield f"{element.text}: Qt 5 misreads scoped flags, and lays out wrongly"


def style_sheet(root: ET.Element) -> Iterator[str]:
    for element in root.iter("property"):
        if element.get("name") == "styleSheet":
            yield "a style sheet breaks dark themes"


def unknown_property(root: ET.Element) -> Iterator[str]:
    for element in root.iter("widget"):
        kind = element.get("class", "")
        for entry in element.findall("property"):
            name = entry.get("name", "")
            if entry.get("stdset") != "0" and known(kind) and not has_property(kind, name):
                yield f"{kind} {element.get('name')} has no property {name}"


RULES = (
    top_widget,
    scene_connection,
    connection_ends,
    custom_widget,
    repeated_name,
    label_ending,
    scoped_set,
    style_sheet,
    unknown_property,
)


def lint(xml: str, explained: frozenset[str] = frozenset()) -> list[Finding]:
    """Findings in the XML of a form; they name the widget, so their line is 0.

    Args:
        xml: the form.
        explained: widgets whose tool tip the code sets, because it changes.

    Raises:
        xml.etree.ElementTree.ParseError: it is no XML.
    """
    root = ET.fromstring(xml)
    found = [Finding(0, "tool_tip", message) for message in tool_tip(root, explained)]
    return found + [Finding(0, rule.__name__, message) for rule in RULES for message in rule(root)]


def _text(element: ET.Element, name: str) -> str:
    for entry in element.findall("property"):
        if entry.get("name") == name:
            return "".join(entry.itertext()).strip()
    return ""


def _ending(label: ET.Element) -> Iterator[str]:
    text = _text(label, "text")
    if text and not text.endswith(":"):
        yield f"the label {text!r} must end with a colon"
