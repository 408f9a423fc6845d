"""The host's `ctk` against the answers that ctk in Slicer has given, and what Python cannot reach there."""

from __future__ import annotations

import sys
from pathlib import Path

import ctk
import pytest
import qt
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from slicerhost import api_list

ANSWERS = str(Path(__file__).resolve().parents[1] / "host" / "answers")
sys.path.insert(0, ANSWERS)
import record  # noqa: E402

RECORDED = record.recorded(ANSWERS, "ctk")
HARMLESS = {"children names": ("int 3", "ctk's path line edit is built of other parts")}


@pytest.fixture(scope="module")
def answers(host) -> dict[str, str]:
    return record.answers(ANSWERS, "ctk")


@pytest.mark.parametrize("name", RECORDED)
def test_answer_is_that_of_slicer(answers, name):
    assert answers[name] == (HARMLESS[name][0] if name in HARMLESS else RECORDED[name])


@pytest.mark.parametrize(
    ("cls", "member"),
    [
        ("ctkSliderWidget", "setRange"),
        ("ctkSliderWidget", "setMinimum"),
        ("ctkSliderWidget", "setSingleStep"),
        ("ctkDoubleSpinBox", "setRange"),
        ("ctkDoubleSpinBox", "text"),
        ("ctkRangeWidget", "values"),
        ("ctkPathLineEdit", "setNameFilters"),
        ("ctkCollapsibleButton", "setCollapsed"),
        ("ctkDirectoryButton", "setDirectory"),
        ("ctkCheckablePushButton", "setCheckState"),
    ],
)
def test_method_that_is_no_slot_is_refused(cls, member):
    with pytest.raises(AttributeError, match=member):
        getattr(getattr(ctk, cls)(), member)


def test_widgets_offer_nothing_that_slicer_has_not():
    for name, cls in vars(ctk).items():
        if not name.startswith("ctk"):
            continue
        known = api_list.members(name)
        assert known is not None, name
        own = {
            member
            for base in cls.__mro__
            if base.__module__.startswith("slicerhost")
            for member, value in vars(base).items()
            if member[0] != "_" and not isinstance(value, int)
        }
        qt_base = next(base for base in cls.__mro__ if base.__module__.startswith("PySide6"))
        unknown = {member for member in own - known if not hasattr(qt_base, member)}
        assert unknown <= {"staticMetaObject"}, name


@pytest.mark.parametrize("name", sorted(name for name in vars(ctk) if name.startswith("ctk")))
def test_constructor_takes_a_parent_only(name):
    parent = qt.QWidget()
    assert getattr(ctk, name)(parent).parent() is parent
    with pytest.raises(ValueError, match="parent"):
        getattr(ctk, name)("title")


def test_limits_move_together_and_the_value_follows():
    slider, heard = ctk.ctkSliderWidget(), []
    slider.connect("valueChanged(double)", heard.append)
    slider.minimum = 120
    assert (slider.minimum, slider.maximum, slider.value) == (120, 120, 120)
    assert heard == [120]


def test_keys_in_the_spin_box_change_the_value(host):
    spin_box = ctk.ctkDoubleSpinBox()
    spin_box.show()
    editor = spin_box.findChild("QDoubleSpinBox")
    QTest.keyClick(editor, Qt.Key_Up)
    assert spin_box.value == 1
    spin_box.hide()


def test_collapsing_hides_the_contents_and_click_shows_them(host):
    for cls in (ctk.ctkCollapsibleButton, ctk.ctkCollapsibleGroupBox):
        box = cls()
        layout, label = qt.QVBoxLayout(box), qt.QLabel("contents")
        layout.addWidget(label)
        box.show()
        box.collapsed = True
        assert not label.visible and not box.checked
        box.checked = True
        assert label.visible and not box.collapsed
        box.hide()


def test_range_stays_within_its_limits():
    widget, heard = ctk.ctkRangeWidget(), []
    widget.connect("valuesChanged(double,double)", lambda low, high: heard.append((low, high)))
    widget.setRange(-10, 10)
    widget.minimumValue = -50
    assert (widget.minimumValue, widget.maximumValue) == (-10, 10)
    widget.maximumValue = -20
    assert (widget.minimumValue, widget.maximumValue) == (-10, -10)
    assert heard[-1] == (-10, -10)


def test_path_line_edit_says_whether_the_path_exists(tmp_path):
    edit, heard = ctk.ctkPathLineEdit(), []
    edit.connect("validInputChanged(bool)", heard.append)
    edit.currentPath = str(tmp_path)
    edit.currentPath = str(tmp_path / "missing")
    assert heard == [True, False]


def test_path_history_comes_back_under_its_key(tmp_path):
    for name in ("first", "second"):
        edit = ctk.ctkPathLineEdit()
        edit.settingKey = "Test/PathHistory"
        edit.currentPath = str(tmp_path / name)
        edit.addCurrentPathToHistory()
    later = ctk.ctkPathLineEdit()
    later.settingKey = "Test/PathHistory"
    qt.QSettings().remove("Test/PathHistory")
    assert later.currentPath == str(tmp_path / "second")
    assert later.comboBox().count == 2


def test_color_button_shows_and_reports_its_color():
    button, heard = ctk.ctkColorPickerButton(), []
    button.connect("colorChanged(QColor)", lambda color: heard.append(color.name()))
    button.setColor(qt.QColor(255, 0, 0))
    assert heard == ["#ff0000"] and button.text == "#ff0000"


def test_dont_show_again_is_kept_in_the_settings():
    first = ctk.ctkMessageBox()
    first.dontShowAgainSettingsKey = "Test/DontShowAgain"
    first.dontShowAgain = True
    second = ctk.ctkMessageBox()
    second.dontShowAgainSettingsKey = "Test/DontShowAgain"
    qt.QSettings().remove("Test/DontShowAgain")
    assert second.dontShowAgain
