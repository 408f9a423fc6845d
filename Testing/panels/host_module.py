"""A small module as Slicer's template writes it, for the tests of the host itself."""

from __future__ import annotations

from pathlib import Path

SOURCE = """
from typing import Annotated
import slicer
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin
import vtk
from {helper} import factor


class {name}(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Scale volume")
        parent.categories = ["Examples"]
        parent.dependencies = ["{helper_module}"]
        parent.contributors = ["A. Author"]
        slicer.app.connect("startupCompleted()", lambda: slicer.started.append("{name}"))


@parameterNodeWrapper
class {name}ParameterNode:
    inputVolume: slicer.vtkMRMLScalarVolumeNode
    outputVolume: slicer.vtkMRMLScalarVolumeNode
    scale: Annotated[float, WithinRange(-10, 10)] = 2


class {name}Widget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._parameterNode = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/{name}.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = {name}Logic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)

    def cleanup(self):
        self.useParameterNode(None)
        self.removeObservers()

    def enter(self):
        node = {name}ParameterNode(self.logic.getParameterNode())
        node.inputVolume = node.inputVolume or slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        self.useParameterNode(node)

    def exit(self):
        self.useParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.useParameterNode(None)

    def useParameterNode(self, node):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._tag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.checkCanApply)
        self._parameterNode = node
        if node:
            self._tag = node.connectGui(self.ui)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.checkCanApply)
            self.checkCanApply()

    def checkCanApply(self, caller=None, event=None):
        node = self._parameterNode
        self.ui.applyButton.enabled = bool(node and node.inputVolume and node.outputVolume)

    def onApply(self):
        with slicer.util.tryWithErrorDisplay("Failed"):
            self.logic.process(self.ui.inputSelector.currentNode(), self.ui.outputSelector.currentNode(),
                               self.ui.scaleSlider.value)


class {name}Logic(ScriptedLoadableModuleLogic):
    def process(self, inputVolume, outputVolume, scale):
        array = slicer.util.arrayFromVolume(inputVolume) * scale * factor()
        slicer.util.updateVolumeFromArray(outputVolume, array)
"""

HELPER = """
from slicer.ScriptedLoadableModule import *


class {helper_module}(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Helper"
        parent.hidden = True
"""

UI = """<ui version="4.0"><class>{name}</class>
<widget class="qMRMLWidget" name="{name}"><layout class="QFormLayout" name="formLayout">
<item row="0" column="1"><widget class="qMRMLNodeComboBox" name="inputSelector">
<property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
<property name="addEnabled"><bool>false</bool></property>
<property name="SlicerParameterName" stdset="0"><string>inputVolume</string></property></widget></item>
<item row="1" column="1"><widget class="qMRMLNodeComboBox" name="outputSelector">
<property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
<property name="noneEnabled"><bool>true</bool></property>
<property name="SlicerParameterName" stdset="0"><string>outputVolume</string></property></widget></item>
<item row="2" column="1"><widget class="ctkSliderWidget" name="scaleSlider">
<property name="SlicerParameterName" stdset="0"><string>scale</string></property></widget></item>
<item row="3" column="1"><widget class="QPushButton" name="applyButton">
<property name="text"><string>Apply</string></property></widget></item>
</layout></widget>
<customwidgets>
<customwidget><class>ctkSliderWidget</class><extends>QWidget</extends></customwidget>
<customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget>
<customwidget><class>qMRMLWidget</class><extends>QWidget</extends><container>1</container></customwidget>
</customwidgets>
<connections>
<connection><sender>{name}</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>inputSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
<connection><sender>{name}</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>outputSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
</connections></ui>"""


def write_modules(folder: Path, name: str) -> list[Path]:
    """A module and the hidden module it needs, each in a folder of its own; the module comes first."""
    names = {"name": name, "helper": f"{name.lower()}_helper", "helper_module": f"{name}Helper"}
    files = []
    for module, source in ((name, SOURCE), (names["helper_module"], HELPER)):
        (folder / module / "Resources" / "UI").mkdir(parents=True)
        files.append(folder / module / f"{module}.py")
        files[-1].write_text(source.format(**names), encoding="utf-8")
    (folder / name / "Resources" / "UI" / f"{name}.ui").write_text(UI.format(**names), encoding="utf-8")
    helper = folder / names["helper_module"] / f"{names['helper']}.py"
    helper.write_text("def factor():\n    return 1\n", encoding="utf-8")
    return files
