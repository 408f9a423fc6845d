"""The checks of a harmonized volume as a user has them: figures, maps, surfaces, plots, and the report."""

from __future__ import annotations

import harmonize_answers as answers
import harmonize_panel_helpers as helpers
import numpy as np
import pytest
import qt
import slicer
from harmonize_panel_helpers import jobs_seen
from transfer_panel_helpers import add_volume, assert_nothing_left, click, run_of, settle, wait_for_end

from MRStyleLib import layouts, map_layout
from MRStyleLib.overlays import shown_overlay

SURFACES = ("thickness_before_mm", "thickness_after_mm", "thickness_difference_mm")


@pytest.fixture(scope="module")
def finished(host, tmp_path_factory):
    """One run and one check, for all tests here: (panel, original, result, file with the jobs)."""
    with pytest.MonkeyPatch.context() as patch:
        jobs = helpers.offer_answering_worker(patch, tmp_path_factory.mktemp("worker"))
        slicer.mrmlScene.Clear(0)
        panel = helpers.open_panel()
        panel.ui.siteComboBox.currentIndex = 1
        original = add_volume("T1", 1)
        (result,) = helpers.harmonize(panel, original)
        click(panel.ui.checkResultButton)
        wait_for_end(panel)
        assert run_of(panel).state.name == "FINISHED", (run_of(panel).message, run_of(panel).log)
        yield panel, original, result, jobs
        helpers.close_panel(panel)


@pytest.fixture
def checked(finished):
    """(panel, original, result), with the thickness shown."""
    panel, original, result, _jobs = finished
    click(panel.ui.showThicknessButton)
    return panel, original, result


def test_check_gives_figures_with_their_limits(finished):
    panel, _original, _result, jobs = finished
    text = panel.ui.summaryLabel.text
    assert "All that was checked is within its limits." in text and "not checked" not in text
    assert "0.040 mm" in text and "at most 0.05 mm; look closely up to 0.1 mm" in text
    assert "0.960 (0.910 - 0.980)" in text and "at least 0.9" in text
    assert "Looks like sim-3T-mprage" in text and "0.03 \u2192 0.88" in text
    assert [job["task"] for job in jobs_seen(jobs)] == ["harmonize", "sites", "thickness"]
    assert_nothing_left()


def test_thickness_is_shown_on_slices_and_surfaces(checked):
    panel, _original, result = checked
    scene = slicer.mrmlScene
    assert map_layout.is_shown(scene)
    for number, low, high in ((0, 0, 5), (1, 0, 5), (2, -1, 1)):
        composite = scene.GetSingletonNode(map_layout.slice_view(number), "vtkMRMLSliceCompositeNode")
        assert "thickness" in scene.GetNodeByID(composite.GetForegroundVolumeID()).GetName()
        surface = result.GetNodeReference(f"MRStyle.surface.{SURFACES[number]}")
        display = surface.GetDisplayNode()
        assert display.GetVisibility() and display.GetScalarVisibility()
        assert tuple(display.GetScalarRange()) == (low, high)
        view = scene.GetSingletonNode(map_layout.surface_view(number), "vtkMRMLViewNode")
        assert display.GetViewNodeIDs() == (view.GetID(),)
        legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(surface)
        assert "mm" in legend.GetTitleText() and legend.GetVisibility()
    panel.ui.opacitySlider.value = 0.3
    settle()
    composite = scene.GetSingletonNode(map_layout.slice_view(0), "vtkMRMLSliceCompositeNode")
    assert composite.GetForegroundOpacity() == pytest.approx(0.3)


def test_surfaces_are_where_the_head_is(checked):
    _panel, original, result = checked
    head, surface = np.zeros(6), np.zeros(6)
    original.GetRASBounds(head)
    result.GetNodeReference(f"MRStyle.surface.{SURFACES[0]}").GetRASBounds(surface)
    low, high = head[::2], head[1::2]
    assert (surface[::2] >= low).all() and (surface[1::2] <= high).all()
    assert np.ptp(surface.reshape(3, 2), axis=1).min() > 0.4 * (high - low).min()


def test_surface_is_seen_in_color(checked):
    widgets = [slicer.app.layoutManager().threeDWidget(number) for number in range(10)]
    names = {map_layout.surface_view(number): number for number in range(3)}
    seen = {}
    for widget in filter(None, widgets):
        name = widget.mrmlViewNode().GetLayoutName()
        if name in names:
            settle(0.1)
            seen[names[name]] = helpers.picture_of(widget)
    assert sorted(seen) == [0, 1, 2]
    for number, rgb in seen.items():
        middle = rgb[: int(0.7 * len(rgb))]  # above the legend
        assert (middle.max(axis=2) > 80).mean() > 0.1, number


def test_users_layout_comes_back(checked):
    panel, _original, result = checked
    click(panel.ui.hideThicknessButton)
    assert not map_layout.is_shown(slicer.mrmlScene) and shown_overlay(slicer.mrmlScene) is None
    assert not result.GetNodeReference(f"MRStyle.surface.{SURFACES[0]}").GetDisplayNode().GetVisibility()
    click(panel.ui.sideBySideButton)
    assert layouts.is_shown(slicer.mrmlScene)
    click(panel.ui.showThicknessButton)
    assert map_layout.is_shown(slicer.mrmlScene)


def test_regions_and_sites_are_shown(checked):
    panel = checked[0]
    table = panel.ui.regionTable.mrmlTableNode()
    assert table.GetNumberOfRows() == 10
    assert [table.GetCellText(0, column) for column in range(4)] == [
        "frontal, left",
        "2.00",
        "2.04",
        "+0.040",
    ]
    assert "ICC 0.960" in panel.ui.regionsLabel.text and "2.50 mm before" in panel.ui.regionsLabel.text
    bars = panel.ui.siteView._lines()
    assert [series.name for series in bars] == ["Before", "After"] and all(series.bars for series in bars)
    assert bars[1].y.tolist() == [0.12, 0.88] and bars[0].labels == answers.SITES
    points = panel.ui.scatterView._lines()[1]
    assert len(points.x) == 10 and np.abs(points.y - points.x).max() == pytest.approx(answers.CHANGE_MM)


def test_second_check_replaces_the_first(checked):
    panel, _original, result = checked
    nodes = helpers.count_by_class()
    click(panel.ui.checkResultButton)
    wait_for_end(panel)
    assert helpers.count_by_class() == nodes
    assert result.GetNodeReference(f"MRStyle.surface.{SURFACES[0]}").GetDisplayNode().GetVisibility()


def test_report_is_one_page_with_all_figures(checked, tmp_path, monkeypatch):
    panel = checked[0]
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: str(tmp_path / "Bericht.html"))
    click(panel.ui.saveReportButton)
    page = (tmp_path / "Bericht.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.count("data:image/png;base64,") == 5
    assert page.count("<svg") == 2 and "http" not in page.replace("http://www.w3.org/2000/svg", "")
    for text in (
        "Not for diagnosis",
        "tiny-sites@1.2.3",
        "site: sim-3T-mprage",
        "frontal, left",
        "0.960 (0.910 - 0.980)",
    ):
        assert text in page


def test_findings_survive_a_saved_scene_and_closing_gives_the_layout_back(checked, tmp_path):
    panel, _original, result = checked
    name = result.GetName()
    before = panel.ui.summaryLabel.text
    helpers.save_scene(tmp_path)
    slicer.mrmlScene.Clear(0)
    settle()
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    slicer.mrmlScene.Connect()
    settle()
    panel.ui.resultSelector.setCurrentNode(slicer.util.getNode(name))
    settle()
    assert panel.ui.summaryLabel.text == before
    assert panel.ui.regionTable.mrmlTableNode().GetNumberOfRows() == 10
    click(panel.ui.showThicknessButton)
    assert map_layout.is_shown(slicer.mrmlScene)
