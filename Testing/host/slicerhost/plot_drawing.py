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
    """One series as drawn: its points in data units, its color (0 to 1), whether as bars or joined, and its markers."""

    name: str
    x: np.ndarray
    y: np.ndarray
    color: tuple[float, float, float]
    bars: bool
    joined: bool
    marker: str = "none"
    marker_size: float = 0.0
    labels: tuple[str, ...] = ()


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
                node.GetMarkerStyleAsString(node.GetMarkerStyle()),
                node.GetMarkerSize(),
                _labels(table, node.GetLabelColumnName()),
            )
        )
    return drawn


def _labels(table, name: str | None) -> tuple[str, ...]:
    column = table.GetTable().GetColumnByName(name) if name else None
    return () if column is None else tuple(column.GetValue(row) for row in range(column.GetNumberOfValues()))


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
    across, up = _scale(chart.GetXAxisLogScale()), _scale(chart.GetYAxisLogScale())
    bars = [s for s in series if s.bars]
    x_low, x_high = _extent([s.x for s in series])
    y_low, y_high = _extent([s.y for s in series])
    if bars:
        x_low, x_high, y_low = x_low - 0.5, x_high + 0.5, min(y_low, 0.0)
    if not chart.GetYAxisRangeAuto():
        y_low, y_high = chart.GetYAxisRange()
    if bars and bars[0].labels:
        for at, label in zip(bars[0].x, bars[0].labels, strict=True):
            middle = frame.left() + (at - x_low) / (x_high - x_low) * frame.width()
            width = frame.width() / len(bars[0].labels)
            place = QtCore.QRectF(middle - width / 2, frame.bottom() + 2, width, 14)
            painter.drawText(place, Qt.AlignCenter, label)
    else:
        painter.drawText(frame.left(), frame.bottom() + 12, f"{x_low:.4g}")
        painter.drawText(frame.right() - 40, frame.bottom() + 12, f"{x_high:.6g}")
    painter.drawText(area.left() + 2, frame.bottom(), f"{y_low:.4g}")
    painter.drawText(area.left() + 2, frame.top() + 10, f"{y_high:.4g}")
    for number, one in enumerate(series):
        color = QtGui.QColor.fromRgbF(*one.color)
        x = frame.left() + _share(across, one.x, x_low, x_high) * frame.width()
        y = frame.bottom() - _share(up, one.y, y_low, y_high) * frame.height()
        painter.setPen(color)
        if one.bars:
            # Side by side, as VTK draws the bars of several series.
            wide = 0.8 * frame.width() / (x_high - x_low) / len(bars)
            place = next(index for index, other in enumerate(bars) if other is one)
            shift = (place - len(bars) / 2) * wide
            for at, top in zip(x, y, strict=True):
                painter.fillRect(QtCore.QRectF(at + shift, top, wide, frame.bottom() - top), color)
        else:
            points = [QtCore.QPointF(*point) for point in zip(x, y, strict=True)]
            (painter.drawPolyline if one.joined else painter.drawPoints)(points)
            _draw_markers(painter, points, one, color)
        if chart.GetLegendVisibility():
            painter.drawText(frame.right() - 110, frame.top() + 14 * (number + 1), one.name)


def _draw_markers(painter: QtGui.QPainter, points: list, series: Series, color: QtGui.QColor) -> None:
    """Squares as such, all other kinds as diamonds."""
    half = series.marker_size / 2
    for point in points if series.marker != "none" else ():
        shape = QtGui.QPolygonF(QtCore.QRectF(-half, -half, 2 * half, 2 * half))
        if series.marker != "square":
            shape = QtGui.QTransform().rotate(45).map(shape)
        painter.setBrush(color)
        painter.drawPolygon(shape.translated(point))
        painter.setBrush(Qt.NoBrush)


def _scale(logarithmic: bool):
    return np.log if logarithmic else np.asarray


def _share(scale, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where values lie between both ends of an axis, 0 to 1."""
    return (scale(values) - scale(low)) / (scale(high) - scale(low))


def _extent(values: list[np.ndarray]) -> tuple[float, float]:
    """The range of all values, never empty."""
    finite = [v[np.isfinite(v)] for v in values]
    joined = np.concatenate(finite)
    low, high = (float(joined.min()), float(joined.max())) if joined.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
