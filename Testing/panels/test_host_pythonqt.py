"""The host's `qt` against the answers that PythonQt in Slicer has given, and the rules that follow from them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import qt
from slicerhost import ui_files

ANSWERS = str(Path(__file__).resolve().parents[1] / "host" / "answers")
sys.path.insert(0, ANSWERS)
import record  # noqa: E402

RECORDED = record.recorded(ANSWERS, "qt")

# The host raises where Slicer only prints a warning, or offers what Qt 6 and module code have no use for.
STRICTER = {
    "connect bad": "AttributeError: Slicer prints a warning, and the button stays dead",
    "connect nonexist": "AttributeError: Slicer prints a warning, and the button stays dead",
    "connect noncallable": "TypeError: Slicer notices only when the signal comes",
    "SIGNAL()": "AttributeError: signatures are plain texts in modules",
    "qt.Signal": "AttributeError: modules define no Qt signals",
    "qt.Slot": "AttributeError: modules define no Qt slots",
    "qt.Property": "AttributeError: modules define no Qt properties",
    "QRegExp": "AttributeError: gone in Qt 6, which newer Slicer versions use",
    "QDesktopWidget": "AttributeError: gone in Qt 6, which newer Slicer versions use",
    "lay.margin": "AttributeError: gone in Qt 6, which newer Slicer versions use",
}
# Another answer that no module can mistake: the host's answer and why it does no harm.
HARMLESS = {
    "QSignalBlocker": ("str 'ObjectType'", "the name of the metaclass"),
    "QFormLayout.addRow": (
        "EXC RuntimeError",
        "both refuse a layout whose widget is gone, by another exception",
    ),
    "QIcon(str)": ("bool True", "Qt 6 finds out at once that the file does not exist"),
    "QApplication.instance()": (
        "str 'qSlicerApplication'",
        "the recording ran outside of Slicer's application",
    ),
}


@pytest.fixture(scope="module")
def answers(host, tmp_path_factory) -> dict[str, str]:
    qt.QSettings.setPath(
        qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(tmp_path_factory.mktemp("settings"))
    )
    return record.answers(ANSWERS, "qt")


@pytest.mark.parametrize("name", RECORDED)
def test_answer_is_that_of_slicer(answers, name):
    answer = answers[name]
    if name in STRICTER:
        assert answer == "EXC " + STRICTER[name].partition(":")[0]
    elif name in HARMLESS:
        assert answer in (HARMLESS[name][0], RECORDED[name])
    else:
        assert answer == RECORDED[name]


def test_every_probe_has_a_recorded_answer(answers):
    assert set(answers) == set(RECORDED)


def test_listed_differences_are_differences():
    assert not [name for name in STRICTER if RECORDED[name].startswith("EXC")]
    assert not [name for name, (answer, _) in HARMLESS.items() if RECORDED[name] == answer]


@pytest.mark.parametrize(
    "call",
    [
        lambda: qt.QLabel("text", parent=None),
        lambda: qt.QSize(width=3, height=4),
        lambda: qt.QPushButton().setText(text="x"),
    ],
)
def test_keyword_arguments_are_refused(call):
    with pytest.raises(ValueError, match="keyword"):
        call()


def test_scoped_enum_value_is_refused_and_names_the_right_one():
    with pytest.raises(AttributeError, match=r"write qt\.QMessageBox\.Ok"):
        qt.QMessageBox.StandardButton.Ok  # noqa: B018


def test_enum_is_an_int_both_ways():
    slider = qt.QSlider()
    slider.setOrientation(1)
    assert slider.orientation == 1 == qt.Qt.Horizontal
    assert qt.Qt.AlignmentFlag(132) == qt.Qt.AlignCenter


def test_only_the_exact_class_matches_isinstance():
    class Panel(qt.QWidget):
        pass

    button = qt.QPushButton()
    assert isinstance(button, qt.QPushButton) and not isinstance(button, qt.QWidget)
    assert (
        isinstance(Panel(), Panel) and isinstance(Panel(), qt.QWidget) and not isinstance(Panel(), qt.QObject)
    )
    assert button.inherits("QWidget")


def test_unknown_signal_names_the_overloads():
    with pytest.raises(AttributeError, match=r"currentIndexChanged\(int\)"):
        qt.QComboBox().connect("currentIndexChanged(QString)", print)


def test_new_attributes_on_widgets_are_refused():
    button = qt.QPushButton()
    for name in ("enabld", "_mine"):
        with pytest.raises(AttributeError, match="no new attributes"):
            setattr(button, name, True)


@pytest.mark.parametrize("value", ["4", None])
def test_number_property_refuses_what_is_no_number(value):
    with pytest.raises(AttributeError, match="does not accept"):
        qt.QSpinBox().value = value


def test_none_becomes_a_text():
    label = qt.QLabel()
    label.setText(None)
    assert label.text == "None"


def test_lists_arrive_as_tuples():
    table = qt.QListWidget()
    table.addItems(["a", "b"])
    assert type(table.findItems("a", qt.Qt.MatchExactly)) is tuple
    assert type(qt.QProcess().arguments()) is tuple


def test_disconnect_ends_one_connection_only():
    button, heard = qt.QPushButton(), []

    def first():
        heard.append("first")

    button.connect("clicked()", first)
    button.clicked.connect(lambda: heard.append("second"))
    assert button.disconnect("clicked()", first)
    button.click()
    assert heard == ["second"]


def test_connected_method_keeps_its_object_alive():
    class Listener:
        def heard(self):
            calls.append(True)

    calls: list[bool] = []
    button = qt.QPushButton()
    button.connect("clicked()", Listener().heard)
    button.click()
    assert calls == [True]


def test_file_dialog_gives_the_path_only():
    qt.QTimer.singleShot(100, lambda: qt.QApplication.activeModalWidget().reject())
    assert qt.QFileDialog.getOpenFileName(None, "Open", "") == ""


def test_menu_and_process_follow_the_rules_of_all_objects():
    assert qt.QMenu("File").title == "File"
    with pytest.raises(AttributeError, match="no signal"):
        qt.QProcess().connect("finished(QString)", print)


def test_process_talks_through_its_pipes(host):
    process, heard = qt.QProcess(), []
    process.connect("readyReadStandardOutput()", lambda: heard.append(process.readAllStandardOutput().data()))
    process.connect(
        "finished(int,QProcess::ExitStatus)", lambda code, status: heard.append((code, int(status)))
    )
    environment = qt.QProcessEnvironment.systemEnvironment()
    environment.insert("GREETING", "hello ")
    process.setProcessEnvironment(environment)
    process.start("/bin/sh", ["-c", 'read name; printf "$GREETING$name"; cat > /dev/null; exit 3'])
    assert process.waitForStarted(5000) and process.processId() > 0
    process.write(b"world\n")
    process.closeWriteChannel()
    assert process.waitForFinished(5000)
    assert heard == [b"hello world", (3, qt.QProcess.NormalExit)]


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_process_is_ended(end):
    process, heard = qt.QProcess(), []
    process.connect("errorOccurred(QProcess::ProcessError)", heard.append)
    process.start("sleep", ["30"])
    process.waitForStarted(5000)
    getattr(process, end)()
    assert process.waitForFinished(5000)
    assert heard == [qt.QProcess.Crashed] and process.exitStatus() == qt.QProcess.CrashExit


def test_process_that_does_not_exist_reports_it():
    process, heard = qt.QProcess(), []
    process.connect("errorOccurred(QProcess::ProcessError)", heard.append)
    process.start("/no/such/program", [])
    process.waitForStarted(5000)
    assert heard == [qt.QProcess.FailedToStart] and process.state() == qt.QProcess.NotRunning


_FORM = """<ui version="4.0"><class>Form</class><widget class="QWidget" name="Form">
<layout class="QVBoxLayout" name="layout">
<item><widget class="{widget}" name="box"/></item><item><widget class="QLabel" name="label"/></item></layout></widget>
<connections><connection><sender>{sender}</sender><signal>{signal}</signal><receiver>label</receiver>
<slot>setVisible(bool)</slot></connection></connections></ui>"""


def _form(tmp_path, widget="ctkCollapsibleGroupBox", sender="box", signal="toggled(bool)"):
    path = tmp_path / "Form.ui"
    path.write_text(_FORM.format(widget=widget, sender=sender, signal=signal))
    return ui_files.load_ui(path)


def test_form_has_ctk_widgets_and_its_connections(tmp_path):
    form = _form(tmp_path)
    assert form.box.className() == "ctkCollapsibleGroupBox"
    form.box.collapsed = True
    assert not form.label.isVisibleTo(form)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"widget": "ctkNoSuchWidget"}, RuntimeError, "ctkNoSuchWidget"),
        ({"sender": "bax"}, RuntimeError, "'bax'"),
        ({"signal": "toggled(int)"}, AttributeError, "no signal"),
    ],
)
def test_faulty_form_is_refused(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        _form(tmp_path, **change)
