"""slicer.app.layoutManager(): Qt widgets for the views that Slicer's own layout logic makes from the layout's XML."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

import xml.etree.ElementTree as ET

import slicer
import vtk
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Qt, Signal

from .pythonqt import QObject, cpp_like
from .qmrml_tables import qMRMLPlotWidget, qMRMLTableWidget
from .qmrml_views import qMRMLSliceWidget, qMRMLThreeDWidget

_WIDGETS = {
    "vtkMRMLSliceNode": qMRMLSliceWidget,
    "vtkMRMLViewNode": qMRMLThreeDWidget,
    "vtkMRMLTableViewNode": qMRMLTableWidget,
    "vtkMRMLPlotViewNode": qMRMLPlotWidget,
}


@cpp_like
class ctkLayoutManager(QtCore.QObject):
    """The widget that the layouts lie in."""

    def __init__(self) -> None:
        super().__init__()
        self._viewport = QtWidgets.QWidget()
        QtWidgets.QVBoxLayout(self._viewport).setContentsMargins(0, 0, 0, 0)

    def viewport(self) -> QtWidgets.QWidget:
        return self._viewport


@cpp_like
class qMRMLLayoutManager(ctkLayoutManager):
    """Follows the layout node: a layout that was never registered raises, where Slicer shows nothing.

    View widgets stay alive once made, and are counted and named whether the current layout shows them or not:
    so does Slicer.
    """

    layoutChanged = Signal(int)

    def __init__(self, scene, application_logic) -> None:
        super().__init__()
        self._scene, self._application_logic = scene, application_logic
        self._widgets: dict[str, QtWidgets.QWidget] = {}  # by the view node's ID
        self._shown: list[str] = []
        self._frame: QtWidgets.QWidget | None = None
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._drawn: tuple[int, str] | None = None
        node = self._logic.GetLayoutNode()
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)
        node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._follow()

    def _follow(self, *_) -> None:
        node = self._logic.GetLayoutNode()
        now = (node.GetViewArrangement(), node.GetCurrentLayoutDescription() or "")
        if now == self._drawn or not now[1]:
            return
        self._drawn = now
        self._shown = []
        root = ET.fromstring(now[1])
        for view in root.iter("view"):
            if view.get("class") not in _WIDGETS:
                raise ValueError(f"layout {now[0]}: the test host has no view for {view.get('class')!r}")
        frame = self._build(root)
        for widget in self._widgets.values():
            widget._node.SetMappedInLayout(int(self._id_of(widget) in self._shown))
            if self._id_of(widget) not in self._shown:
                QtWidgets.QWidget.setParent(widget, None)
        QtWidgets.QWidget.layout(self._viewport).addWidget(frame)
        if self._frame is not None and self._frame is not frame:
            QtWidgets.QWidget.setParent(self._frame, None)
        self._frame = frame
        QtWidgets.QWidget.setVisible(frame, True)
        self.layoutChanged.emit(now[0])

    @staticmethod
    def _id_of(widget) -> str:
        return widget._node.GetID()

    def _build(self, element: ET.Element) -> QtWidgets.QWidget:
        """The widget of a <layout> or <view> element."""
        if element.tag == "view":
            return self._view_widget(self._logic.GetViewFromElement(_vtk_element(element)))
        kind = element.get("type", "horizontal")
        frame = _tabs() if kind == "tab" else _splitter(kind)
        if kind == "grid":
            frame = QtWidgets.QWidget()
            grid = QtWidgets.QGridLayout(frame)
            grid.setContentsMargins(0, 0, 0, 0)
        for item in element.findall("item"):
            child = self._build(item[0])
            if kind == "grid":
                grid.addWidget(child, int(item.get("row", 0)), int(item.get("column", 0)))
            elif kind == "tab":
                frame.addTab(child, item.get("name", ""))
            else:
                frame.addWidget(child)
            QtWidgets.QWidget.setVisible(child, True)
        return frame

    def _view_widget(self, node) -> QtWidgets.QWidget:
        widget = self._widgets.get(node.GetID())
        if widget is None:
            widget = self._widgets[node.GetID()] = _WIDGETS[node.GetClassName()](
                node, self._application_logic
            )
            QObject.setObjectName(widget, f"{type(widget).__name__}{node.GetLayoutName()}")
        self._shown.append(node.GetID())
        return widget

    def _of_class(self, class_name: str) -> list:
        return [widget for widget in self._widgets.values() if widget._node.GetClassName() == class_name]

    def _set_paused(self, paused: bool) -> None:
        for widget in self._widgets.values():
            widget._set_paused(paused)

    def _set_layout(self, layout: int) -> None:
        node = self._logic.GetLayoutNode()
        if not node.IsLayoutDescription(layout):
            raise ValueError(f"layout {layout} has no description: call AddLayoutDescription first")
        node.SetViewArrangement(layout)

    layout = Property(int, lambda self: self._logic.GetLayoutNode().GetViewArrangement(), _set_layout)
    threeDViewCount = Property(int, lambda self: len(self._of_class("vtkMRMLViewNode")))
    tableViewCount = Property(int, lambda self: len(self._of_class("vtkMRMLTableViewNode")))
    plotViewCount = Property(int, lambda self: len(self._of_class("vtkMRMLPlotViewNode")))

    def setLayout(self, layout: int) -> None:
        self._set_layout(layout)

    def layoutLogic(self):
        return self._logic

    def mrmlScene(self):
        return self._scene

    def mrmlSliceLogics(self):
        return self._application_logic.GetSliceLogics()

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(widget._node.GetLayoutName() for widget in self._of_class("vtkMRMLSliceNode"))

    def sliceWidget(self, name: str) -> qMRMLSliceWidget | None:
        slices = self._of_class("vtkMRMLSliceNode")
        return next((widget for widget in slices if widget._node.GetLayoutName() == name), None)

    def threeDWidget(self, index: int) -> qMRMLThreeDWidget | None:
        return _item(self._of_class("vtkMRMLViewNode"), index)

    def tableWidget(self, index: int) -> qMRMLTableWidget | None:
        return _item(self._of_class("vtkMRMLTableViewNode"), index)

    def plotWidget(self, index: int) -> qMRMLPlotWidget | None:
        return _item(self._of_class("vtkMRMLPlotViewNode"), index)

    def resetSliceViews(self) -> None:
        for widget in self._of_class("vtkMRMLSliceNode"):
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        for widget in self._of_class("vtkMRMLViewNode"):
            widget.threeDView().resetFocalPoint()


@cpp_like
class qSlicerLayoutManager(qMRMLLayoutManager):
    """The same, under the name of the application's own."""


def _item(widgets: list, index: int):
    return widgets[index] if 0 <= index < len(widgets) else None


def _splitter(kind: str) -> QtWidgets.QSplitter:
    splitter = QtWidgets.QSplitter(Qt.Vertical if kind == "vertical" else Qt.Horizontal)
    splitter.setChildrenCollapsible(False)
    return splitter


def _tabs() -> QtWidgets.QTabWidget:
    return QtWidgets.QTabWidget()


def _vtk_element(element: ET.Element) -> vtk.vtkXMLDataElement:
    """The same element for the layout logic, which knows each view's node by class and singleton tag."""
    made = vtk.vtkXMLDataElement()
    made.SetName(element.tag)
    for name, value in element.attrib.items():
        made.SetAttribute(name, value)
    return made
