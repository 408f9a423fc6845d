"""The plot of repetition time against echo time: sources, target, and what the model saw in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer
from slicer.i18n import tr as _

from mrstyle.acquisition import Acquisition
from mrstyle.sequence_range import SequenceRange
from MRStyleLib.scene_nodes import found_or_added, nodes_of_class

_KEY = "MRStyle.ContrastSpace"
WITHOUT_INVERSION = (0.45, 0.45, 0.45)
# Inversion times in ms on a logarithmic scale, dark enough for a white ground.
_COLORS_OF_TIME = ((100.0, (0.16, 0.20, 0.60)), (600.0, (0.75, 0.15, 0.50)), (2500.0, (0.90, 0.50, 0.05)))
# A range that is a single value is still seen.
_LEAST_SIDE = 1.06


def show_contrast_space(
    scene, ranges: Sequence[SequenceRange], sources: Sequence[Acquisition], target: Acquisition | None
):
    """Chart the plane of repetition and echo time, both on a logarithmic scale, with inversion time as color.

    What the model saw is outlined, sources are squares and the target is a diamond. There is one chart per scene;
    it is filled again.

    Returns:
        The plot chart node.
    """
    chart = found_or_added(scene, "vtkMRMLPlotChartNode", _KEY, "chart", _("MRStyle contrast space"))
    used = []
    for number, seen in enumerate(ranges):
        times_ms, echoes_ms = _outline(seen)
        series = _series(scene, f"seen {number}", seen.name, times_ms, echoes_ms)
        _draw(series, color_of(_middle(seen.inversion_time_ms)), marker="None", size=0, line=2)
        used.append(series)
    for number, source in enumerate(sources):
        if source.repetition_time_ms and source.echo_time_ms:
            series = _series(
                scene, f"source {number}", _("Source"), [source.repetition_time_ms], [source.echo_time_ms]
            )
            _draw(series, color_of(source.inversion_time_ms), marker="Square", size=11, line=0)
            used.append(series)
    if target is not None:
        series = _series(scene, "target", _("Target"), [target.repetition_time_ms], [target.echo_time_ms])
        _draw(series, color_of(target.inversion_time_ms), marker="Diamond", size=15, line=0)
        used.append(series)
    _fill(chart, used)
    _remove_unused(scene, used)
    return chart


def color_of(inversion_time_ms: float | None) -> tuple[float, float, float]:
    """Color of an inversion time; gray for none."""
    if not inversion_time_ms:
        return WITHOUT_INVERSION
    positions, colors = zip(*_COLORS_OF_TIME, strict=True)
    at = np.log(inversion_time_ms)
    return tuple(float(np.interp(at, np.log(positions), channel)) for channel in zip(*colors, strict=True))


def legend_html() -> str:
    """What the symbols and colors mean, for a label below the plot."""
    times = "".join(
        f' <span style="color:{_hex(color)}">&#9632;</span> {_("{time} ms").format(time=f"{time:g}")}'
        for time, color in _COLORS_OF_TIME
    )
    gray = _hex(WITHOUT_INVERSION)
    text = _(
        "&#9633; source, &#9671; target; outlined: sequences that the model saw in training. Color is the inversion "
        "time: {none} none {times}"
    )
    return text.format(none=f'<span style="color:{gray}">&#9632;</span>', times=times)


def _fill(chart, used: list) -> None:
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        for series in used:
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetTitle(_("Contrast space"))
        chart.SetXAxisTitle(_("Repetition time (ms)"))
        chart.SetYAxisTitle(_("Echo time (ms)"))
        chart.SetXAxisLogScale(True)
        chart.SetYAxisLogScale(True)
        # Its names would cover a plot as small as this.
        chart.SetLegendVisibility(False)


def _outline(seen: SequenceRange) -> tuple[list[float], list[float]]:
    """The corners of a range, around and back to the first."""
    times, echoes = _widened(seen.repetition_time_ms), _widened(seen.echo_time_ms)
    return [times[0], times[1], times[1], times[0], times[0]], [
        echoes[0],
        echoes[0],
        echoes[1],
        echoes[1],
        echoes[0],
    ]


def _widened(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    factor = np.sqrt(max(_LEAST_SIDE / (high / low), 1.0))
    return low / factor, high * factor


def _middle(limits: tuple[float, float] | None) -> float | None:
    return float(np.sqrt(limits[0] * limits[1])) if limits else None


def _series(scene, key: str, name: str, times_ms, echoes_ms):
    table = found_or_added(scene, "vtkMRMLTableNode", _KEY, f"{key} table", _("MRStyle contrast space"))
    columns = ["TR", "TE"]
    slicer.util.updateTableFromArray(table, [np.array(times_ms, float), np.array(echoes_ms, float)], columns)
    series = found_or_added(scene, "vtkMRMLPlotSeriesNode", _KEY, key, name)
    series.SetName(name)
    with slicer.util.NodeModify(series):
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(columns[0])
        series.SetYColumnName(columns[1])
    return series


def _draw(series, color, *, marker: str, size: float, line: float) -> None:
    kinds = slicer.vtkMRMLPlotSeriesNode
    with slicer.util.NodeModify(series):
        series.SetColor(*color)
        series.SetMarkerStyle(getattr(kinds, f"MarkerStyle{marker}"))
        if size:
            series.SetMarkerSize(size)
        series.SetLineStyle(kinds.LineStyleSolid if line else kinds.LineStyleNone)
        if line:
            series.SetLineWidth(line)


def _remove_unused(scene, used: list) -> None:
    """Another model has other ranges."""
    for series in nodes_of_class(scene, "vtkMRMLPlotSeriesNode"):
        if series.GetAttribute(_KEY) and series not in used:
            table = series.GetTableNode()
            scene.RemoveNode(series)
            if table is not None:
                scene.RemoveNode(table)


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)
