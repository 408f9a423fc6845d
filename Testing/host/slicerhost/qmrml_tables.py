"""Table and plot views. The plot is a plain drawing of the chart's series: lines, points and bars with axes."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's and Qt's
from __future__ import annotations

import weakref

import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Qt, Signal

from .plot_drawing import chart_lines, draw_chart
from .pythonqt import cpp_like, register
from .qmrml_base import observe
from .qmrml_views import _ViewWidget
from .widget_parts import kept


class _Observer:
    """Observes one object at a time and lets go of the one before."""

    def __init__(self, method) -> None:
        self._method = weakref.WeakMethod(method)  # the method's widget holds this observer
        self._target, self._tag = None, None

    def follow(self, target) -> None:
        if self._target is not None:
            self._target.RemoveObserver(self._tag)
        self._target, method = target, self._method()
        self._tag = None
        if target is not None:
            self._tag = observe(target, vtk.vtkCommand.ModifiedEvent, method)


class TableModel(QtCore.QAbstractTableModel):
    """The cells of a vtkMRMLTableNode."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._table, self._transposed = None, False
        self._observer = _Observer(self._changed)

    def _set_table(self, table) -> None:
        self._observer.follow(table)
        self._table = table
        self._changed()

    def _changed(self) -> None:
        QtCore.QAbstractTableModel.beginResetModel(self)
        QtCore.QAbstractTableModel.endResetModel(self)

    def _size(self) -> tuple[int, int]:
        if self._table is None:
            return 0, 0
        return self._table.GetNumberOfRows(), self._table.GetNumberOfColumns()

    def rowCount(self, parent=None) -> int:
        return self._size()[1 if self._transposed else 0]

    def columnCount(self, parent=None) -> int:
        return self._size()[0 if self._transposed else 1]

    def data(self, index, role=Qt.DisplayRole):
        if role != Qt.DisplayRole:
            return None
        row, column = (index.column(), index.row()) if self._transposed else (index.row(), index.column())
        return self._table.GetCellText(row, column)

    def headerData(self, section, orientation, role=Qt.DisplayRole):
        if role != Qt.DisplayRole:
            return None
        if (orientation == Qt.Horizontal) != self._transposed:
            return self._table.GetColumnName(section)
        return str(section + 1)


cpp_like(TableModel)


@register
class qMRMLTableView(QtWidgets.QTableView):
    """Shows a vtkMRMLTableNode, or the one that a table view node names."""

    selectionChanged_ = Signal()
    mrmlSceneChanged = Signal(object)
    _signalAliases = {"selectionChanged()": "selectionChanged_"}  # noqa: RUF012 - Qt has a virtual of this name

    firstRowLocked = kept(bool, "first_row_locked", False)
    firstColumnLocked = kept(bool, "first_column_locked", False)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene, self._view_node = None, None
        self._model = TableModel(self)
        self._observer = _Observer(self._view_changed)
        QtWidgets.QTableView.setModel(self, self._model)

    def _set_transposed(self, transposed: bool) -> None:
        self._model._transposed = transposed
        self._model._changed()

    transposed = Property(bool, lambda self: self._model._transposed, _set_transposed)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlTableNode(self):
        return self._model._table

    def setMRMLTableNode(self, table) -> None:
        self._model._set_table(table)

    def mrmlTableViewNode(self):
        return self._view_node

    def setMRMLTableViewNode(self, node) -> None:
        self._view_node = node
        self._observer.follow(node)
        self._view_changed()

    def _view_changed(self) -> None:
        self.setMRMLTableNode(self._view_node.GetTableNode() if self._view_node is not None else None)


@register
class qMRMLTableWidget(_ViewWidget):
    """The table view of a layout."""

    def __init__(self, node, application_logic, parent=None) -> None:
        super().__init__(node, qMRMLTableView(), parent)
        self._canvas.setMRMLScene(node.GetScene())
        self._canvas.setMRMLTableViewNode(node)

    def tableView(self) -> qMRMLTableView:
        return self._canvas

    def mrmlTableViewNode(self):
        return self._node

    def _close(self) -> None:
        self._canvas.setMRMLTableViewNode(None)


@register
class qMRMLPlotView(QtWidgets.QWidget):
    """Draws the chart that a plot view node names."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene, self._view_node = None, None
        self._view_observer = _Observer(self._view_changed)
        self._chart_observer = _Observer(self._chart_changed)
        QtWidgets.QWidget.setMinimumSize(self, 120, 100)

    def setMRMLScene(self, scene) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def setMRMLPlotViewNode(self, node) -> None:
        self._view_node = node
        self._view_observer.follow(node)
        self._view_changed()

    def fitToContent(self) -> None:
        QtWidgets.QWidget.update(self)

    def _chart(self):
        return self._view_node.GetPlotChartNode() if self._view_node is not None else None

    def _view_changed(self) -> None:
        self._chart_observer.follow(self._chart())
        QtWidgets.QWidget.update(self)

    def _chart_changed(self) -> None:
        QtWidgets.QWidget.update(self)

    def _lines(self):
        """What is drawn: one record per series of the chart."""
        return chart_lines(self._chart()) if self._chart() is not None else []

    def paintEvent(self, event) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(QtWidgets.QWidget.rect(self), Qt.white)
        if self._chart() is not None:
            draw_chart(painter, QtWidgets.QWidget.rect(self), self._chart(), self._lines())
        painter.end()


@register
class qMRMLPlotWidget(_ViewWidget):
    """The plot view of a layout."""

    def __init__(self, node, application_logic, parent=None) -> None:
        super().__init__(node, qMRMLPlotView(), parent)
        self._canvas.setMRMLScene(node.GetScene())
        self._canvas.setMRMLPlotViewNode(node)

    def plotView(self) -> qMRMLPlotView:
        return self._canvas

    def mrmlPlotViewNode(self):
        return self._node

    def _close(self) -> None:
        self._canvas.setMRMLPlotViewNode(None)
