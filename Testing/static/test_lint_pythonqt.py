"""The code of the panels against what PythonQt offers."""

from __future__ import annotations

from pathlib import Path

import pytest
from slicer_lint.pythonqt_rules import RULES, lint
from slicer_lint.sources import gui_files, relative

BAD = [
    ("scoped_enum", "label.alignment = qt.Qt.AlignmentFlag.AlignCenter"),
    ("scoped_enum", "answer == qt.QMessageBox.StandardButton.Ok"),
    ("keyword_arguments", "qt.QLabel('x', parent=widget)"),
    ("keyword_arguments", "slicer.qMRMLNodeComboBox(parent=None)"),
    ("property_called", "index = self.ui.box.currentIndex()"),
    ("property_called", "text = self.ui.edit.text()"),
    ("unknown_qt_name", "qt.QtWidgets"),
    ("unknown_qt_name", "qt.QRegExp('a')"),
    ("unknown_qt_name", "qt.QConcatenateTablesProxyModel()"),
    ("qt_signature", "button.connect('clicked', slot)"),
    ("qt_signature", "box.connect('currentIndexChanged(QString)', slot)"),
    ("isinstance_of_widget", "isinstance(widget, qt.QAbstractButton)"),
    ("isinstance_of_widget", "isinstance(widget, (str, ctk.ctkSliderWidget))"),
    ("widget_subclass", "class Box(ctk.ctkComboBox): pass"),
    ("thread", "threading.Thread(target=run).start()"),
    ("tuple_of_dialog", "path, kind = qt.QFileDialog.getOpenFileName(None, 'x')"),
    ("none_as_text", "label.setText(None)"),
    ("none_as_text", "self.ui.label.text = None"),
    ("none_as_text", "button.toolTip = None"),
    ("unknown_slicer_util", "slicer.util.arrayFromVolumeNode(node)"),
    ("shared_properties_of_export", "slicer.util.exportNode(node, path)"),
]
GOOD = [
    "label.alignment = qt.Qt.AlignCenter",
    "qt.QLabel('x', widget)",
    "index = self.ui.box.currentIndex",
    "text = node.text()",
    "slicer.util.infoDisplay('x', windowTitle='y')",
    "button.connect('clicked(bool)', slot)",
    "box.connect('currentIndexChanged(int)', slot)",
    "button.clicked.connect(slot)",
    "isinstance(node, slicer.vtkMRMLScalarVolumeNode)",
    "widget.inherits('QAbstractButton')",
    "class Panel(qt.QWidget): pass",
    "path = qt.QFileDialog.getOpenFileName(None, 'x')",
    "self.text = None",
    "label.setText('')",
    "slicer.util.arrayFromVolume(node)",
    "slicer.util.exportNode(node, path, {'useCompression': 0})",
]


@pytest.mark.parametrize(("rule", "source"), BAD, ids=[source for _, source in BAD])
def test_a_bad_line_is_found(rule: str, source: str) -> None:
    if rule == "unknown_slicer_util":
        pytest.importorskip("slicer", reason="slicer-core is not installed")
    assert [finding.rule for finding in lint(source)] == [rule]


@pytest.mark.parametrize("source", GOOD)
def test_a_good_line_passes(source: str) -> None:
    assert not lint(source)


def test_every_rule_has_a_bad_line() -> None:
    assert {rule for rule, _ in BAD} == {rule.__name__ for rule in RULES}


def test_a_finding_names_the_line() -> None:
    assert [finding.line for finding in lint("import qt\n\nqt.QtCore\n")] == [3]


def test_younger_python_than_that_of_slicer_is_refused() -> None:
    with pytest.raises(SyntaxError):
        lint("try:\n    pass\nexcept* ValueError:\n    pass\n")


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_the_panels_use_what_slicer_offers(path: Path) -> None:
    assert not lint(path.read_text(encoding="utf-8"))
