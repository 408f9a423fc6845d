"""Metrics as a table, intensities as a chart."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
from mrml_helpers import add_volume, node_count

from MRStyleLib.plots import BINS, histogram_percent, show_histograms
from MRStyleLib.tables import import_metrics

SCALED, MASK = "99.5th percentile in mask = 1", "foreground of the content"


def row(metric, value, *, unit="", against="content", note=""):
    fields = {"metric": metric, "value": value, "unit": unit, "against": against}
    return {**fields, "data_range": SCALED, "mask": MASK, "note": note}


ROWS = [
    row("SSIM", 0.912345678),
    row("PSNR", 31.4159, unit="dB", against="reference"),
    row("CW-SSIM style", None, against="style", note="needs the content"),
    row("blur", 0, against=""),
]


@pytest.fixture
def metrics_path(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"rows": ROWS, "maps": ["cw_ssim_content"]}), encoding="utf-8")
    return path


def cells(table) -> list[list[str]]:
    return [
        [table.GetCellText(number, column) for column in range(table.GetNumberOfColumns())]
        for number in range(table.GetNumberOfRows())
    ]


def headers(table) -> list[str]:
    return [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]


def test_each_metric_is_a_row_with_its_scaling_and_mask(scene, metrics_path):
    table = import_metrics(scene, metrics_path, "T1 metrics")
    assert table.GetName() == "T1 metrics"
    assert headers(table) == ["Metric", "Value", "Unit", "Against", "Data range", "Mask", "Note"]
    assert cells(table) == [
        ["SSIM", "0.9123", "", "content", SCALED, MASK, ""],
        ["PSNR", "31.42", "dB", "reference", SCALED, MASK, ""],
        ["CW-SSIM style", "", "", "style", SCALED, MASK, "needs the content"],
        ["blur", "0.0000", "", "", SCALED, MASK, ""],
    ]
    assert table.GetLocked()


def test_a_table_can_be_filled_again(scene, metrics_path):
    table = import_metrics(scene, metrics_path, "T1 metrics")
    metrics_path.write_text(json.dumps({"rows": ROWS[:1], "maps": []}))
    before = node_count(scene)
    assert import_metrics(scene, metrics_path, "T1 metrics", table) is table
    assert len(cells(table)) == 1 and len(headers(table)) == 7 and node_count(scene) == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"maps": []}', '{"rows": [{"metric": "SSIM"}]}', '{"rows": 3}', None]
)
def test_damaged_metrics_leave_the_scene_as_it_was(scene, metrics_path, text):
    metrics_path.unlink() if text is None else metrics_path.write_text(text)
    before = node_count(scene)
    with pytest.raises(ValueError, match=r"metrics\.json are missing or damaged"):
        import_metrics(scene, metrics_path, "T1 metrics")
    assert node_count(scene) == before


def test_a_value_that_is_no_number_is_damaged(scene, metrics_path):
    metrics_path.write_text(json.dumps({"rows": [row("SSIM", "high")]}))
    with pytest.raises(ValueError, match="are missing or damaged"):
        import_metrics(scene, metrics_path, "T1 metrics")


def head(tissue: float, scale: float = 1.0) -> np.ndarray:
    """Noise of air around tissue of one intensity with some spread."""
    random = np.random.default_rng(5)
    array = np.abs(random.normal(0, 4, (40, 40, 40)))
    array[8:32, 8:32, 8:32] = random.normal(tissue, 20, (24, 24, 24))
    array[20:22, 20:22, :] = 600
    return (scale * array).astype(np.float32)


def test_histogram_leaves_air_out_and_has_no_unit(scene):
    percent = histogram_percent(add_volume(scene, head(300)))
    assert percent.sum() == pytest.approx(100, abs=1)
    # Tissue at 300 of about 600 is in the middle of the axis, and no peak of air is left.
    assert 35 < percent.argmax() < 50 and percent[:10].sum() < 1
    np.testing.assert_allclose(histogram_percent(add_volume(scene, head(300, scale=0.01))), percent, atol=0.5)
    np.testing.assert_array_equal(histogram_percent(add_volume(scene, np.zeros((4, 4, 4)))), np.zeros(BINS))
    np.testing.assert_array_equal(
        histogram_percent(add_volume(scene, np.full((4, 4, 4), np.nan))), np.zeros(BINS)
    )


def test_chart_shows_the_three_volumes(scene):
    volumes = [
        add_volume(scene, head(tissue), name=name)
        for tissue, name in ((200, "T1"), (400, "out"), (410, "T2"))
    ]
    chart = show_histograms(scene, *volumes)
    series = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [node.GetName() for node in series] == ["Original", "Styled", "Style"]
    assert len({node.GetColor() for node in series}) == 3
    peaks = []
    for node, volume in zip(series, volumes, strict=True):
        table = node.GetTableNode()
        x = slicer.util.arrayFromTableColumn(table, node.GetXColumnName())
        y = slicer.util.arrayFromTableColumn(table, node.GetYColumnName())
        np.testing.assert_array_equal(y, histogram_percent(volume))
        peaks.append(x[y.argmax()])
    # The styled volume has become like the style.
    assert peaks[0] < 0.5 < peaks[1] == pytest.approx(peaks[2], abs=0.05)
    assert "99.5th percentile" in chart.GetXAxisTitle() and "%" in chart.GetYAxisTitle()


def test_the_next_result_fills_the_same_chart(scene):
    volumes = [add_volume(scene, head(tissue)) for tissue in (200, 400, 410)]
    chart = show_histograms(scene, *volumes)
    before = node_count(scene)
    assert show_histograms(scene, volumes[1], volumes[0], volumes[2]) is chart
    assert node_count(scene) == before and chart.GetNumberOfPlotSeriesNodes() == 3
    table = chart.GetNthPlotSeriesNode(0).GetTableNode()
    assert table.GetNumberOfColumns() == 4 and table.GetNumberOfRows() == BINS
