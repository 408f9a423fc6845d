"""Plots in panels: histograms of the original, the styled and the style volume in one chart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
from slicer.i18n import tr as _

from .scene_nodes import found_or_added
from .volumes import sampled_voxels

BINS = 100
_MAXIMUM = 1.2
_KEY = "MRStyle.Histogram"
_COLORS = ((0.45, 0.45, 0.45), (0.10, 0.45, 0.80), (0.85, 0.50, 0.10))


def show_histograms(scene, original, styled, style):
    """Chart the distribution of foreground intensities before and after, and that of the style.

    Each volume is scaled by its own 99.5th percentile in the foreground, as the metrics are, so that volumes
    without a common unit can be compared. There is one chart per scene; it is filled again.

    Returns:
        The plot chart node, for `slicer.modules.plots.logic().ShowChartInLayout`.
    """
    volumes = (original, styled, style)
    labels = (_("Original"), _("Styled"), _("Style"))
    columns = [histogram_percent(volume) for volume in volumes]
    centers = (np.arange(BINS) + 0.5) * (_MAXIMUM / BINS)
    return show_lines(
        scene,
        _KEY,
        (_("Intensity"), centers),
        # Short names: the legend of a narrow panel has no room for those of the volumes.
        dict(zip(labels, columns, strict=True)),
        _("Intensities before and after"),
        _("Intensity (1 = 99.5th percentile of the foreground)"),
        _("Foreground voxels (%)"),
    )


def show_lines(
    scene,
    key: str,
    x: tuple[str, np.ndarray],
    lines: Mapping[str, np.ndarray],
    title: str,
    x_title: str,
    y_title: str,
):
    """Chart lines over one axis; there is one chart of each key in a scene, which is filled again.

    Args:
        scene: the scene.
        key: attribute by which the nodes of the chart are found.
        x: name of the column, and its values.
        lines: values by label, at most as many as there are colors.
        title: of the chart.
        x_title, y_title: of its axes.

    Returns:
        The plot chart node.
    """
    table = found_or_added(scene, "vtkMRMLTableNode", key, "table", f"MRStyle {title}")
    # Columns of before would stay.
    table.RemoveAllColumns()
    slicer.util.updateTableFromArray(table, [x[1], *lines.values()], [x[0], *lines])
    chart = found_or_added(scene, "vtkMRMLPlotChartNode", key, "chart", f"MRStyle {title}")
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        for label, color in zip(lines, _COLORS, strict=False):
            chart.AddAndObservePlotSeriesNodeID(_series(scene, key, label, table, color).GetID())
        chart.SetTitle(title)
        chart.SetXAxisTitle(x_title)
        chart.SetYAxisTitle(y_title)
    return chart


def panel_plot_view(scene, name: str):
    """The view node, in no layout, of a plot within a panel; there is one of each name."""
    node = scene.GetSingletonNode(name, "vtkMRMLPlotViewNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLPlotViewNode")
        node.UnRegister(None)
        node.SetSingletonTag(name)
        node.SetName(name)
        node.SetLayoutName(name)
        node = scene.AddNode(node)
    return node


def histogram_percent(volume) -> np.ndarray:
    """Percent of foreground voxels in each of `BINS` bins from 0 to 1.2 times their 99.5th percentile."""
    sample = sampled_voxels(volume).astype(np.float64)
    sample = sample[sample > _air_limit(sample)]
    if not sample.size:
        return np.zeros(BINS)
    scale = np.percentile(sample, 99.5)
    counts, _edges = np.histogram(sample, bins=BINS, range=(0.0, _MAXIMUM * scale))
    return 100.0 * counts / sample.size


def _air_limit(sample: np.ndarray) -> float:
    """The intensity below which a voxel counts as air.

    Otsu's method parts two classes; the limit is a quarter of the way from the mean of the lower to that of the
    upper one, because dark tissue and fluid are no air.
    """
    counts, edges = np.histogram(sample, bins=256)
    centers = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * centers)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        low_means, high_means = sums / below, (sums[-1] - sums) / above
        variance = np.nan_to_num(below * above * (low_means - high_means) ** 2)
    best = int(variance.argmax())
    return float(0.75 * low_means[best] + 0.25 * high_means[best])


def _series(scene, key: str, label: str, table, color: tuple[float, float, float]):
    series = found_or_added(scene, "vtkMRMLPlotSeriesNode", key, label, label)
    with slicer.util.NodeModify(series):
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(table.GetColumnName(0))
        series.SetYColumnName(label)
        series.SetColor(*color)
        series.SetLineWidth(2)
    return series
