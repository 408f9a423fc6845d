"""The traffic light over findings, and the pieces of the report."""

from __future__ import annotations

from dataclasses import replace

import harmonize_panel_helpers as helpers
import numpy as np
import pytest

from MRStyleLib import html_page


@pytest.fixture(scope="module")
def lib(host):
    """The panel's package: findings and summary."""
    helpers.load_module()
    from MRHarmonizeLib import findings, summary

    return findings, summary


def found(lib, **changes):
    """Findings that are all good, but for changes of Findings or Thickness."""
    findings, _summary = lib
    regions = (findings.Region("frontal", "left", 2.5, 2.6),)
    thickness = findings.Thickness(2.5, 2.52, 0.95, 0.9, 0.97, 0.03, 0.02, regions)
    own = {name: value for name, value in changes.items() if hasattr(thickness, name)}
    good = findings.Findings("B", 1.05, {"A": 0.9, "B": 0.1}, {"A": 0.2, "B": 0.8}, replace(thickness, **own))
    return replace(good, **{name: value for name, value in changes.items() if name not in own})


@pytest.mark.parametrize(
    ("changes", "light"),
    [
        ({}, "GREEN"),
        ({"mean_absolute_difference_mm": 0.05}, "GREEN"),
        ({"mean_absolute_difference_mm": 0.051}, "YELLOW"),
        ({"mean_absolute_difference_mm": 0.11}, "RED"),
        ({"icc": 0.89}, "YELLOW"),
        ({"icc": 0.7}, "RED"),
        ({"flicker_ratio": 1.2}, "YELLOW"),
        ({"flicker_ratio": 1.3}, "RED"),
        ({"sites_after": {"A": 0.7, "B": 0.3}}, "YELLOW"),
        ({"sites_after": {"A": 0.9, "B": 0.1}}, "RED"),
        # Without a target that the classifier knows, what counts is whether the former site is still seen.
        ({"target_site": "", "sites_after": {"A": 0.1, "B": 0.9}}, "GREEN"),
        ({"target_site": "C", "sites_after": {"A": 0.6, "B": 0.4}}, "RED"),
    ],
)
def test_worst_figure_decides(lib, changes, light):
    _findings, summary = lib
    assert summary.verdict(found(lib, **changes))[0] is summary.Light[light]


def test_nothing_is_judged_that_was_not_looked_at(lib):
    findings, summary = lib
    light, sentence = summary.verdict(findings.Findings())
    assert light is summary.Light.UNKNOWN and sentence == "Not checked yet."
    light, sentence = summary.verdict(found(lib, thickness=None))
    assert light is summary.Light.GREEN and "Not everything was checked" in sentence


def test_too_few_regions_for_an_icc_are_no_fault(lib):
    _findings, summary = lib
    lines = summary.lines(found(lib, icc=None, icc_low=None, icc_high=None))
    assert [line.light.name for line in lines] == ["GREEN", "UNKNOWN", "GREEN", "GREEN"]


def test_findings_are_kept_as_text(lib):
    findings, _summary = lib
    for kept in (found(lib), found(lib, icc=None), findings.Findings()):
        assert findings.Findings.from_json(kept.to_json()) == kept
    assert findings.Findings.from_json(found(lib, regions=()).to_json()) == findings.Findings()


def test_names_of_strangers_are_no_markup(lib):
    _findings, summary = lib
    text = summary.html(found(lib, target_site="<b>x", sites_after={"<b>x": 0.9}))
    assert "<b>x" not in text and "&lt;b&gt;x" in text
    assert "<script>" not in html_page.table(["<script>"], [["<script>"]])
    assert "<script>" not in html_page.page("<script>", [html_page.paragraph("<script>")])
    assert "<script>" not in html_page.bars({"<script>": 1.0}, {"<script>": 0.0}, "", "")


def test_bars_and_points_are_where_their_values_are():
    svg = html_page.bars({"A": 0.25}, {"A": 1.0}, "Probability", "")
    assert 'height="60.0"' in svg and 'height="240.0"' in svg
    same = html_page.scatter([1.0, 2.0], [1.0, 2.0], "", "", "")
    assert same.count("<circle") == 2
    assert np.isfinite([float(word) for word in _numbers(html_page.scatter([2.0], [2.0], "", "", ""))]).all()


def _numbers(svg: str) -> list[str]:
    return [part.split('"')[0] for part in svg.split('cx="')[1:]]
