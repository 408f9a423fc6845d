"""Findings as tables and charts of the scene: regions, before against after, and probabilities of sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from MRStyleLib.scene_nodes import found_or_added

from .findings import Region

_KEY = "MRStyle.Checks"
BEFORE_COLOR, AFTER_COLOR, LINE_COLOR = (0.45, 0.45, 0.45), (0.10, 0.45, 0.80), (0.60, 0.60, 0.60)


def region_rows(regions: Sequence[Region]) -> list[tuple[str, ...]]:
    """Region, before, after and change in mm, as texts; the greatest change first."""
    ordered = sorted(regions, key=lambda each: -abs(each.after_mm - each.before_mm))
    return [
        (
            f"{each.region}, {each.hemisphere}" if each.hemisphere else each.region,
            f"{each.before_mm:.2f}",
            f"{each.after_mm:.2f}",
            f"{each.after_mm - each.before_mm:+.3f}",
        )
        for each in ordered
    ]


def region_titles() -> tuple[str, ...]:
    """Titles of the columns of `region_rows`, short enough for a panel."""
    return (_("Region"), _("Before mm"), _("After mm"), _("Change mm"))


def region_table(scene, regions: Sequence[Region], name: str):
    """A table of the scene with one region a row."""
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(name))
    with slicer.util.NodeModify(table):
        for title in region_titles():
            table.AddColumn().SetName(title)
        for row in region_rows(regions):
            number = table.AddEmptyRow()
            for column, text in enumerate(row):
                table.SetCellText(number, column, text)
        table.SetUseColumnTitleAsColumnHeader(True)
        # Measured values are not to be typed over.
        table.SetLocked(True)
    return table


def show_thickness(scene, regions: Sequence[Region]):
    """Chart each region's thickness after against before, with the line on which nothing changes.

    There is one chart per scene; it is filled again.
    """
    before = np.array([each.before_mm for each in regions], float)
    after = np.array([each.after_mm for each in regions], float)
    ends = np.array([min(before.min(), after.min()), max(before.max(), after.max())])
    points = _series(scene, "regions", _("Regions"), (_("Before"), _("After")), (before, after))
    line = _series(scene, "equal", _("No change"), (_("Before"), _("After")), (ends, ends))
    kinds = slicer.vtkMRMLPlotSeriesNode
    for series, color, marker, style in (
        (line, LINE_COLOR, kinds.MarkerStyleNone, kinds.LineStyleDash),
        (points, AFTER_COLOR, kinds.MarkerStyleCircle, kinds.LineStyleNone),
    ):
        with slicer.util.NodeModify(series):
            series.SetPlotType(kinds.PlotTypeScatter)
            series.SetColor(*color)
            series.SetMarkerStyle(marker)
            series.SetMarkerSize(7)
            series.SetLineStyle(style)
    return _chart(
        scene,
        "thickness",
        (line, points),
        _("Thickness by region"),
        _("Before (mm)"),
        _("After (mm)"),
    )


def show_sites(scene, before: Mapping[str, float], after: Mapping[str, float]):
    """Chart the probability of each site, before and after, as bars; there is one chart per scene."""
    names = list(after)
    table = found_or_added(scene, "vtkMRMLTableNode", _KEY, "sites table", _("MRStyle sites"))
    columns = [np.array([values.get(name, 0.0) for name in names], float) for values in (before, after)]
    slicer.util.updateTableFromArray(table, columns, [_("Before"), _("After")])
    labels = vtk.vtkStringArray()
    labels.SetName(_("Site"))
    for name in names:
        labels.InsertNextValue(name)
    table.AddColumn(labels)
    both = []
    for title, color in ((_("Before"), BEFORE_COLOR), (_("After"), AFTER_COLOR)):
        series = found_or_added(scene, "vtkMRMLPlotSeriesNode", _KEY, f"sites {title}", title)
        with slicer.util.NodeModify(series):
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeBar)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetYColumnName(title)
            series.SetLabelColumnName(labels.GetName())
            series.SetColor(*color)
        both.append(series)
    chart = _chart(scene, "sites", both, _("Which site took it"), "", _("Probability"))
    with slicer.util.NodeModify(chart):
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0.0, 1.0)
        chart.SetLegendVisibility(True)
    return chart


def _series(scene, key: str, name: str, titles: Sequence[str], columns: Sequence[np.ndarray]):
    table = found_or_added(scene, "vtkMRMLTableNode", _KEY, f"{key} table", name)
    slicer.util.updateTableFromArray(table, list(columns), list(titles))
    series = found_or_added(scene, "vtkMRMLPlotSeriesNode", _KEY, key, name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(titles[0])
    series.SetYColumnName(titles[1])
    return series


def _chart(scene, key: str, series: Sequence, title: str, x_title: str, y_title: str):
    chart = found_or_added(scene, "vtkMRMLPlotChartNode", _KEY, key, title)
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        for each in series:
            chart.AddAndObservePlotSeriesNodeID(each.GetID())
        chart.SetTitle(title)
        chart.SetXAxisTitle(x_title)
        chart.SetYAxisTitle(y_title)
        chart.SetLegendVisibility(False)
    return chart
