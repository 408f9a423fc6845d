"""The curves of a training as a chart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
from slicer.i18n import tr as _

from .plots import panel_plot_view
from .scene_nodes import found_or_added
from .train_files import Curve, thinned

_KEY = "MRStyle.Training"
_VIEW = "MRStyleTraining"
# Told apart by people who see colors differently (Okabe and Ito).
_COLORS = (
    (0.0, 0.45, 0.7),
    (0.9, 0.6, 0.0),
    (0.0, 0.62, 0.45),
    (0.8, 0.47, 0.65),
    (0.84, 0.37, 0.0),
    (0.2, 0.2, 0.2),
)


def show_curves(scene, curves: Mapping[str, Curve], axis: str):
    """Plot curves over the steps, the axis logarithmic where all values are above 0.

    Args:
        scene: it gets the nodes, which are not saved with it.
        curves: by the name that the legend shows.
        axis: title of the vertical axis.

    Returns:
        The view node, for a qMRMLPlotView.
    """
    chart = _quiet(found_or_added(scene, "vtkMRMLPlotChartNode", _KEY, "chart", _("MRStyle training")))
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        for number, (name, curve) in enumerate(curves.items()):
            series = _series(scene, name, thinned(curve), _COLORS[number % len(_COLORS)])
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetYAxisLogScale(bool(curves) and all(min(values) > 0 for _steps, values in curves.values()))
        chart.SetXAxisTitle(_("Step"))
        chart.SetYAxisTitle(axis)
    view = _quiet(panel_plot_view(scene, _VIEW))
    view.SetPlotChartNodeID(chart.GetID())
    return view


def _series(scene, name: str, curve: Curve, color: tuple[float, float, float]):
    table = _quiet(found_or_added(scene, "vtkMRMLTableNode", _KEY, f"table {name}", name))
    slicer.util.updateTableFromArray(table, [np.array(part) for part in curve], ["step", "value"])
    series = _quiet(found_or_added(scene, "vtkMRMLPlotSeriesNode", _KEY, f"series {name}", name))
    with slicer.util.NodeModify(series):
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        # A curve of one point is not seen without.
        markers = slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle
        few = len(curve[0]) < 20
        series.SetMarkerStyle(markers if few else slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName("step")
        series.SetYColumnName("value")
        series.SetColor(*color)
        series.SetLineWidth(2)
    return series


def _quiet(node):
    """Of this session alone, and in no list of nodes."""
    node.SetSaveWithScene(False)
    node.SetHideFromEditors(True)
    return node
