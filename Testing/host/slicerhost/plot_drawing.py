"""Draws a vtkMRMLPlotChartNode with QPainter: enough to see whether the right series are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
from PySide6 import QtCore, QtGui
from PySide6.QtCore import Qt
from vtk.util.numpy_support import vtk_to_numpy

_MARGIN = 40  # pixels left for the axes' texts


@dataclass
class Series:
    """One series as drawn: its points in data units, its color (0 to 1) and whether it is drawn as bars."""

    name: str
    x: np.ndarray
    y: np.ndarray
    color: tuple[float, float, float]
    bars: bool
    joined: bool


def chart_lines(chart) -> list[Series]:
    """The series of the chart whose table has their columns; raises ValueError for a column that is not there."""
    drawn = []
    for index in range(chart.GetNumberOfPlotSeriesNodes()):
        node = chart.GetNthPlotSeriesNode(index)
        table = node.GetTableNode() if node is not None else None
        if table is None:
            continue
        y = _column(table, node, node.GetYColumnName())
        # Line and bar series are drawn over the row number, whatever their x column: so does Slicer.
        x = (
            _column(table, node, node.GetXColumnName())
            if node.IsXColumnRequired()
            else np.arange(float(len(y)))
        )
        bars = (slicer.vtkMRMLPlotSeriesNode.PlotTypeBar, slicer.vtkMRMLPlotSeriesNode.PlotTypeScatterBar)
        drawn.append(
            Series(
                node.GetName(),
                x,
                y,
                node.GetColor(),
                node.GetPlotType() in bars,
                node.GetLineStyle() != slicer.vtkMRMLPlotSeriesNode.LineStyleNone,
            )
        )
    return drawn


def _column(table, node, name: str) -> np.ndarray:
    column = table.GetTable().GetColumnByName(name)
    if column is None:
        raise ValueError(f"plot series {node.GetName()}: its table has no column {name!r}")
    return vtk_to_numpy(column).astype(float)


def draw_chart(painter: QtGui.QPainter, area: QtCore.QRect, chart, series: list[Series]) -> None:
    """Paints title, axes, legend and series into `area`."""
    frame = area.adjusted(_MARGIN, _MARGIN // 2, -_MARGIN // 4, -_MARGIN)
    painter.setPen(Qt.black)
    painter.drawRect(frame)
    top = QtCore.QRect(area.left(), area.top(), area.width(), _MARGIN // 2)
    bottom = QtCore.QRect(area.left(), frame.bottom() + 14, area.width(), _MARGIN // 2)
    painter.drawText(top, Qt.AlignCenter, chart.GetTitle() or "")
    painter.drawText(bottom, Qt.AlignCenter, chart.GetXAxisTitle() or "")
    if not series:
        return
    x_low, x_high = _extent([s.x for s in series])
    y_low, y_high = _extent([s.y for s in series])
    painter.drawText(frame.left(), frame.bottom() + 12, f"{x_low:.4g}")
    painter.drawText(frame.right() - 30, frame.bottom() + 12, f"{x_high:.4g}")
    painter.drawText(area.left() + 2, frame.bottom(), f"{y_low:.4g}")
    painter.drawText(area.left() + 2, frame.top() + 10, f"{y_high:.4g}")
    for number, one in enumerate(series):
        color = QtGui.QColor.fromRgbF(*one.color)
        x = frame.left() + (one.x - x_low) / (x_high - x_low) * frame.width()
        y = frame.bottom() - (one.y - y_low) / (y_high - y_low) * frame.height()
        painter.setPen(color)
        if one.bars:
            for at, height in zip(x, y, strict=True):
                painter.drawLine(QtCore.QPointF(at, frame.bottom()), QtCore.QPointF(at, height))
        else:
            points = [QtCore.QPointF(*point) for point in zip(x, y, strict=True)]
            (painter.drawPolyline if one.joined else painter.drawPoints)(points)
        painter.drawText(frame.right() - 110, frame.top() + 14 * (number + 1), one.name)


def _extent(values: list[np.ndarray]) -> tuple[float, float]:
    """The range of all values, never empty."""
    finite = [v[np.isfinite(v)] for v in values]
    joined = np.concatenate(finite)
    low, high = (float(joined.min()), float(joined.max())) if joined.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
