"""The forms of the panels, and the code that uses them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from slicer_lint import parameter_rules, ui_rules, widget_rules
from slicer_lint.qt_api import API_FILE
from slicer_lint.sources import gui_files, relative, ui_files

pytest.importorskip("PySide6", reason="PySide6 is not installed: what Qt's own classes have is not known")
pytestmark = pytest.mark.skipif(not API_FILE.is_file(), reason="the test host has no API list")

FORM = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class>
 <widget class="qMRMLWidget" name="Panel">
  <layout class="QFormLayout" name="rows">
   <item row="0" column="0">
    <widget class="QLabel" name="contentLabel"><property name="text"><string>Content:</string></property></widget>
   </item>
   <item row="0" column="1">
    <widget class="qMRMLNodeComboBox" name="contentSelector">
     <property name="toolTip"><string>The patient's volume</string></property>
     <property name="noneEnabled"><bool>true</bool></property>
     <property name="SlicerParameterName" stdset="0"><string>content</string></property>
    </widget>
   </item>
   <item row="1" column="0" colspan="2">
    <widget class="QLabel" name="noteLabel"><property name="text"><string>For research</string></property></widget>
   </item>
   <item row="2" column="0">
    <widget class="ctkSliderWidget" name="opacitySlider">
     <property name="toolTip"><string>Opacity of the overlay</string></property>
     <property name="SlicerParameterName" stdset="0"><string>look.opacity</string></property>
    </widget>
   </item>
  </layout>
 </widget>
 <customwidgets>
  <customwidget><class>qMRMLWidget</class><extends>QWidget</extends><container>1</container></customwidget>
  <customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget>
  <customwidget><class>ctkSliderWidget</class><extends>QWidget</extends></customwidget>
 </customwidgets>
 <connections>
  <connection>
   <sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>contentSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot>
  </connection>
 </connections>
</ui>
"""
BAD_FORMS = [
    ("top_widget", 'class="qMRMLWidget" name="Panel"', 'class="QWidget" name="Panel"'),
    ("top_widget", 'class="qMRMLWidget" name="Panel"', 'class="qMRMLWidget" name="Form"'),
    ("scene_connection", "setMRMLScene(vtkMRMLScene*)", "setMRMLScene(vtkObject*)"),
    ("connection_ends", "<receiver>contentSelector<", "<receiver>contentBox<"),
    ("custom_widget", "<class>ctkSliderWidget<", "<class>ctkSlider<"),
    ("custom_widget", "<container>1</container>", ""),
    ("repeated_name", 'name="noteLabel"', 'name="contentLabel"'),
    ("tool_tip", "<string>The patient's volume</string>", "<string/>"),
    ("label_ending", "<string>Content:</string>", "<string>Content</string>"),
    ("scoped_set", "<bool>true</bool>", "<set>Qt::AlignmentFlag::AlignLeft</set>"),
    ("style_sheet", 'name="noneEnabled"', 'name="styleSheet"'),
    ("unknown_property", 'name="noneEnabled"', 'name="emptyEnabled"'),
]
PARAMETERS = """
@parameterPack
class Look:
    opacity: Annotated[float, WithinRange(0, 1)] = 0.5

@parameterNodeWrapper
class Parameters:
    content: vtkMRMLScalarVolumeNode | None
    look: Look
    samples: int = 1
"""
BAD_PARAMETERS = [
    ("unknown_parameter", ">content<", ">contents<"),
    ("not_connectable", ">content<", ">samples<"),
    ("unbounded", "Annotated[float, WithinRange(0, 1)]", "float"),
    ("static_property", 'stdset="0"><string>content', "><string>content"),
]
BAD_USES = [
    ("unknown_widget", "self.ui.styleSelector.enabled = True"),
    ("unreachable_attribute", "self.ui.contentSelector.setNodeTypes(['vtkMRMLVolumeNode'])"),
    ("unreachable_attribute", "self._ui.opacitySlider.setRange(0, 1)"),
    ("unreachable_attribute", "ui.noteLabel.caption = 'x'"),
    (
        "unreachable_attribute",
        "def f(self):\n    box = self.ui.contentSelector\n    box.setNoneEnabled(True)",
    ),
    ("unknown_signal", "ui.opacitySlider.connect('changed(double)', slot)"),
]
GOOD_USES = [
    "self.ui.contentSelector.nodeTypes = ['vtkMRMLVolumeNode']",
    "self._ui.opacitySlider.minimum = 0",
    "ui.opacitySlider.connect('valueChanged(double)', slot)",
    "ui.contentSelector.connect('currentNodeChanged(vtkMRMLNode*)', slot)",
    "node = self.ui.contentSelector.currentNode()",
    "ui.noteLabel.setText('')",
    "ui.noteLabel.toolTip = ''",
    "self.build.caption = 1",
]


def panel_sources(form: Path) -> dict[Path, str]:
    """The code of the module that a form belongs to; of a section that panels share, the files named as it is."""
    module = form.parents[2]
    files = [path for path in gui_files() if path.is_relative_to(module)]
    if module.name == "MRStyleCore":
        start = form.stem.removesuffix("Section").lower()
        files = [path for path in files if path.name.startswith(f"{start}_")]
    return {path: path.read_text(encoding="utf-8") for path in files}


def forms_with_parameters() -> list[Path]:
    return [path for path in ui_files() if "SlicerParameterName" in path.read_text(encoding="utf-8")]


def test_a_good_form_passes() -> None:
    assert not ui_rules.lint(FORM)
    assert not parameter_rules.lint(FORM, parameter_rules.parameters([PARAMETERS]))


@pytest.mark.parametrize(
    ("rule", "old", "new"), BAD_FORMS, ids=[f"{rule}-{new}" for rule, _, new in BAD_FORMS]
)
def test_a_bad_form_is_found(rule: str, old: str, new: str) -> None:
    assert old in FORM
    assert rule in [finding.rule for finding in ui_rules.lint(FORM.replace(old, new))]


def test_every_rule_has_a_bad_form() -> None:
    assert {rule for rule, _, _ in BAD_FORMS} == {rule.__name__ for rule in ui_rules.RULES} | {"tool_tip"}


@pytest.mark.parametrize(("rule", "old", "new"), BAD_PARAMETERS, ids=[rule for rule, _, _ in BAD_PARAMETERS])
def test_a_parameter_that_cannot_be_connected_is_found(rule: str, old: str, new: str) -> None:
    form, code = FORM.replace(old, new), PARAMETERS.replace(old, new)
    assert (form, code) != (FORM, PARAMETERS)
    found = parameter_rules.lint(form, parameter_rules.parameters([code]))
    assert [finding.rule for finding in found] == [rule]


def test_the_types_of_parameters_are_read() -> None:
    code = "class Choice(enum.Enum): A = 1\n@parameterNodeWrapper()\nclass P:\n"
    code += "    a: Choice\n    b: 'Optional[slicer.vtkMRMLTableNode]'\n    c: pathlib.Path\n    d: Union[None, str]\n"
    kinds = {name: parameter.kind for name, parameter in parameter_rules.parameters([code]).items()}
    assert kinds == {"a": "enum", "b": "node", "c": "Path", "d": "str"}


@pytest.mark.parametrize(("rule", "source"), BAD_USES, ids=[source for _, source in BAD_USES])
def test_a_wrong_use_of_a_widget_is_found(rule: str, source: str) -> None:
    found = widget_rules.lint(source, ui_rules.widgets(ET.fromstring(FORM)))
    assert [finding.rule for finding in found] == [rule]


@pytest.mark.parametrize("source", GOOD_USES)
def test_a_good_use_of_a_widget_passes(source: str) -> None:
    assert not widget_rules.lint(source, ui_rules.widgets(ET.fromstring(FORM)))


def test_a_tool_tip_may_come_from_the_code() -> None:
    form = FORM.replace("<string>The patient's volume</string>", "<string/>")
    code = "def f(self):\n    box = self.ui.contentSelector\n    box.toolTip = text"
    assert ui_rules.lint(form)
    assert not ui_rules.lint(form, frozenset(widget_rules.assigned(code, "toolTip")))


def test_there_are_forms() -> None:
    assert forms_with_parameters()
    assert all(panel_sources(path) for path in ui_files())


@pytest.mark.parametrize("path", ui_files(), ids=relative)
def test_the_forms_keep_the_conventions(path: Path) -> None:
    sources = panel_sources(path).values()
    explained = frozenset().union(*(widget_rules.assigned(source, "toolTip") for source in sources))
    assert not ui_rules.lint(path.read_text(encoding="utf-8"), explained)


@pytest.mark.parametrize("path", forms_with_parameters(), ids=relative)
def test_the_parameters_of_the_forms_can_be_connected(path: Path) -> None:
    there = parameter_rules.parameters(panel_sources(path).values())
    assert not parameter_rules.lint(path.read_text(encoding="utf-8"), there)


@pytest.mark.parametrize("path", ui_files(), ids=relative)
def test_the_code_uses_what_its_form_has(path: Path) -> None:
    widgets = ui_rules.widgets(ET.fromstring(path.read_text(encoding="utf-8")))
    found = {
        f"{relative(file)}:{finding.line}": finding.message
        for file, source in panel_sources(path).items()
        for finding in widget_rules.lint(source, widgets)
    }
    assert not found
