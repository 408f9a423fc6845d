"""The host's parameterNodeWrapper: typed values in a node, refused values, and widgets both ways."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import ctk
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import (
    Choice,
    Default,
    FloatRange,
    Minimum,
    RangeBounds,
    WithinRange,
    parameterNodeWrapper,
    parameterPack,
)


class Direction(enum.Enum):
    FORWARD = 1
    BACKWARD = 2

    def label(self) -> str:
        return self.name.title()


@parameterPack
class Window:
    center: Annotated[float, Default(40)]
    width: Annotated[float, Minimum(1)] = 400


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    samples: Annotated[int, WithinRange(1, 20)] = 1
    weight: Annotated[float, WithinRange(0, 1)] = 0.5
    title: str = "first"
    save: bool
    direction: Direction
    device: Annotated[str, Choice(["auto", "cpu"])]
    folder: Path
    names: list[str]
    volumes: list[slicer.vtkMRMLScalarVolumeNode]
    window: Window
    limits: Annotated[FloatRange, RangeBounds(0, 100), Default(FloatRange(10, 20))]


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "kept parameters")


@pytest.fixture
def parameters(node):
    return Parameters(node)


def test_defaults(parameters):
    assert parameters.volume is None
    assert (parameters.samples, parameters.weight, parameters.title, parameters.save) == (
        1,
        0.5,
        "first",
        False,
    )
    assert parameters.direction is Direction.FORWARD
    assert parameters.device == "auto"
    assert parameters.names == []
    assert parameters.window == Window(40, 400)
    assert parameters.limits == FloatRange(10, 20)


def test_values_lie_in_the_node(parameters, node, scene):
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters.volume = volume
    parameters.samples = 7
    parameters.direction = Direction.BACKWARD
    parameters.folder = Path("/data/out")
    parameters.names = ["a", "b"]
    parameters.volumes = [volume]
    parameters.window.width = 80
    parameters.names.append("c")
    again = Parameters(node)
    assert again.volume is volume and again.volumes == [volume]
    assert again.samples == 7
    assert again.direction is Direction.BACKWARD
    assert again.folder == Path("/data/out")
    assert again.names == ["a", "b", "c"]
    assert again.window == Window(40, 80)


def test_values_survive_a_saved_scene(parameters, scene, tmp_path):
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "head")
    parameters.volume = volume
    parameters.title = "two words, and a comma"
    assert slicer.util.saveScene(str(tmp_path / "scene.mrml"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrml"))
    again = Parameters(slicer.util.getNode("kept parameters"))
    assert again.volume is slicer.util.getNode("head")
    assert again.title == "two words, and a comma"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("samples", 21),
        ("samples", 2.5),
        ("samples", "3"),
        ("weight", -0.1),
        ("device", "gpu"),
        ("direction", "FORWARD"),
        ("folder", "/data"),
        ("names", ["a", 2]),
        ("title", None),
        ("limits", FloatRange(50, 101)),
        ("window", (40, 400)),
    ],
)
def test_refused_value_leaves_the_old_one(parameters, name, value):
    before = getattr(parameters, name)
    with pytest.raises((TypeError, ValueError), match=name):
        setattr(parameters, name, value)
    assert getattr(parameters, name) == before


def test_node_of_another_class_is_refused(parameters, scene):
    with pytest.raises(TypeError, match="vtkMRMLScalarVolumeNode"):
        parameters.volume = scene.AddNewNodeByClass("vtkMRMLTableNode")


def test_misspelled_parameter_raises(parameters):
    with pytest.raises(AttributeError, match="sampels"):
        parameters.sampels = 3


def test_pack_member_is_checked(parameters):
    with pytest.raises(ValueError, match="width"):
        parameters.window.width = 0
    assert parameters.window.width == 400


def test_change_is_heard_once(parameters):
    heard = []
    parameters.AddObserver("ModifiedEvent", lambda caller, event: heard.append(event))
    parameters.names = ["a", "b", "c"]
    assert len(heard) == 1


class TestWidgets:
    def test_both_ways(self, parameters, scene):
        form, widgets = _form(scene)
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        tag = parameters.connectGui(form)
        assert widgets["title"].text == "first" and widgets["samples"].maximum == 20
        assert [widgets["direction"].itemText(i) for i in range(2)] == ["Forward", "Backward"]

        widgets["volume"].setCurrentNode(volume)
        widgets["samples"].value = 5
        widgets["weight"].value = 0.25
        widgets["title"].text = "second"
        widgets["save"].checked = True
        widgets["direction"].currentIndex = 1
        widgets["device"].currentIndex = 1
        widgets["folder"].currentPath = "/data"
        widgets["window.width"].value = 90
        widgets["limits"].setValues(30, 60)
        assert parameters.volume is volume
        assert (parameters.samples, parameters.weight, parameters.title, parameters.save) == (
            5,
            0.25,
            "second",
            True,
        )
        assert (parameters.direction, parameters.device) == (Direction.BACKWARD, "cpu")
        assert (parameters.folder, parameters.window.width) == (Path("/data"), 90)
        assert parameters.limits == FloatRange(30, 60)

        parameters.volume = None
        parameters.weight = 0.75
        parameters.direction = Direction.FORWARD
        parameters.limits = FloatRange(1, 2)
        assert widgets["volume"].currentNode() is None
        assert widgets["weight"].value == 0.75
        assert widgets["direction"].currentIndex == 0
        assert (widgets["limits"].minimumValue, widgets["limits"].maximumValue) == (1, 2)

        parameters.disconnectGui(tag)
        widgets["samples"].value = 9
        assert parameters.samples == 5

    def test_unknown_name_raises(self, parameters, scene):
        form, widgets = _form(scene)
        widgets["title"].setProperty("SlicerParameterName", "titel")
        with pytest.raises(ValueError, match="titel"):
            parameters.connectGui(form)

    def test_only_exact_classes_connect(self, parameters, scene):
        with pytest.raises(RuntimeError, match="qMRMLColorTableComboBox"):
            parameters.connectParametersToGui({"volume": slicer.qMRMLColorTableComboBox()})
        with pytest.raises(RuntimeError, match="QLineEdit"):
            parameters.connectParametersToGui({"samples": qt.QLineEdit()})

    def test_slider_without_bounds_raises(self, scene, node):
        @parameterNodeWrapper
        class Unbounded:
            weight: float

        with pytest.raises(RuntimeError, match="bounds"):
            Unbounded(node).connectParametersToGui({"weight": ctk.ctkSliderWidget()})


def _form(scene):
    """A form with a widget for most parameters; the form keeps them, and they by name."""
    form = qt.QWidget()
    layout = qt.QFormLayout(form)
    widgets = {
        "volume": slicer.qMRMLNodeComboBox(),
        "samples": qt.QSpinBox(),
        "weight": slicer.qMRMLSliderWidget(),
        "title": qt.QLineEdit(),
        "save": ctk.ctkCheckBox(),
        "direction": qt.QComboBox(),
        "device": qt.QComboBox(),
        "folder": ctk.ctkPathLineEdit(),
        "window.width": qt.QDoubleSpinBox(),
        "limits": ctk.ctkRangeWidget(),
    }
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
        layout.addRow(widget)
    widgets["volume"].nodeTypes = ["vtkMRMLScalarVolumeNode"]
    widgets["volume"].noneEnabled = True
    widgets["volume"].setMRMLScene(scene)
    return form, widgets
