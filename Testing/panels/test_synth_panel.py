"""The ContrastSynth panel as a user has it: the unchanged module in the host, clicks, sliders, a worker process."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import slicer
import synth_panel_helpers as helpers
from synth_panel_helpers import (
    add_scan,
    choose_source,
    job_seen,
    move,
    preview_of,
    settle,
    truth,
    wait_for_preview,
)
from transfer_panel_helpers import assert_nothing_left, click, run_of, wait_for_end

from mrstyle.acquisition import Acquisition
from mrstyle.presets import preset_acquisition
from MRStyleLib import layouts
from MRStyleLib.overlays import shown_overlay


@pytest.fixture
def panel(scene, tmp_path, monkeypatch):
    """The panel on an empty scene, with a worker that knows the truth; its job is kept as `panel.job`."""
    job = helpers.offer_truthful_worker(monkeypatch, tmp_path)
    widget = helpers.open_panel()
    widget.job = job
    layouts.restore(scene)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    yield widget
    helpers.close_panel(widget)


@pytest.fixture
def scan(panel):
    """An MPRAGE of the patient, chosen as the source and shown."""
    node = add_scan("MPRAGE", "T1 patient")
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    choose_source(panel, node)
    return node


@pytest.fixture
def live(panel, scan):
    """The panel with a live preview, which the user has started by choosing FLAIR."""
    choose_preset(panel, "FLAIR")
    wait_for_preview(panel)
    return panel


def choose_preset(panel, name: str) -> None:
    box = panel.ui.presetComboBox
    box.currentIndex = box.findData(name)
    settle()


def test_panel_opens_without_torch(scene):
    helpers.close_panel(helpers.open_panel())
    assert "torch" not in sys.modules and "pydantic" not in sys.modules


def test_first_move_starts_the_preview_by_itself(panel, scan):
    move(panel.ui.echoSlider, 80)
    assert panel.ui.applyButton.text == "Cancel"
    wait_for_preview(panel)
    case = job_seen(panel.job)
    assert case["targets"] == [] and case["encoding"]
    assert case["sources"][0]["acquisition"]["inversion_time_ms"] == 900
    assert_nothing_left()


def test_preview_is_what_the_scanner_would_see(live, scan):
    expected = truth(preset_acquisition("FLAIR"))
    assert np.allclose(slicer.util.arrayFromVolume(preview_of(live)), expected, rtol=1e-3, atol=1e-3)
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(scan, preview_of(live)) == ""


def test_preview_replaces_the_source_in_the_views(live):
    for name in ("Red", "Green", "Yellow"):
        composite = slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()
        assert composite.GetBackgroundVolumeID() == preview_of(live).GetID()


def test_visible_slices_follow_the_slider_before_the_rest(live):
    voxels = slicer.util.arrayFromVolume(preview_of(live))
    before = voxels.copy()
    move(live.ui.echoSlider, 30)
    slicer.app.processEvents()
    target = Acquisition("inversion_recovery", 9000, 30, preset_acquisition("FLAIR").inversion_time_ms)
    expected = truth(target)
    k, j, i = (size // 2 for size in voxels.shape)
    changed = ~np.isclose(voxels, before)
    assert changed.any(axis=(1, 2)).sum() > 0
    assert not changed[0, j + 5, i + 5] and not changed[3, j + 5, i + 5]
    shown = [
        index for index in (k - 1, k) if np.allclose(voxels[index], expected[index], rtol=1e-3, atol=1e-3)
    ]
    assert shown
    wait_for_preview(live)
    assert np.allclose(voxels, expected, rtol=1e-3, atol=1e-3)


def test_moves_that_come_together_are_rendered_once(live, monkeypatch):
    rendered = []
    original = type(live._panel._live).render_visible
    monkeypatch.setattr(
        type(live._panel._live), "render_visible", lambda self: (rendered.append(1), original(self))
    )
    live._panel._live._soon.timeout.connect(lambda: rendered.append(0))
    for echo_ms in range(50, 90):
        move(live.ui.echoSlider, echo_ms)
    settle()
    assert rendered.count(0) == 1
    wait_for_preview(live)
    assert live._panel._live.target.echo_time_ms == 89


def test_no_worker_runs_while_the_slider_moves(live):
    run = run_of(live)
    move(live.ui.inversionSlider, 1500)
    wait_for_preview(live)
    assert run_of(live) is run


def test_gray_levels_follow_until_the_user_sets_them(live):
    display = preview_of(live).GetDisplayNode()
    first = display.GetWindow()
    move(live.ui.echoSlider, 240)
    wait_for_preview(live)
    assert display.GetWindow() < first
    display.SetWindowLevel(123, 45)
    move(live.ui.echoSlider, 20)
    wait_for_preview(live)
    assert (display.GetWindow(), display.GetLevel()) == (123, 45)


def test_preset_sets_the_sliders_by_field_strength(panel):
    choose_preset(panel, "FLAIR")
    assert panel.ui.familyComboBox.currentText == "Inversion recovery"
    assert panel.ui.inversionSlider.isVisibleTo(panel.ui.targetCollapsibleButton)
    assert not panel.ui.flipSlider.isVisibleTo(panel.ui.targetCollapsibleButton)
    at_3t = panel.ui.echoSlider.value
    panel.ui.fieldComboBox.currentIndex = 0
    settle()
    wanted = preset_acquisition("FLAIR", 1.5)
    assert panel.ui.echoSlider.value == wanted.echo_time_ms != at_3t
    assert panel.ui.inversionSlider.value == wanted.inversion_time_ms
    move(panel.ui.repetitionSlider, 6000)
    assert panel.ui.presetComboBox.currentData == ""


@pytest.mark.parametrize(
    "name", ["T1w", "T1-FLAIR", "MPRAGE", "SPGR", "PDw", "T2w", "FLAIR", "STIR", "bSSFP"]
)
def test_every_preset_fits_the_sliders(panel, name):
    for index, strength in enumerate((1.5, 3.0)):
        panel.ui.fieldComboBox.currentIndex = index
        choose_preset(panel, name)
        assert panel._panel._target.acquisition == preset_acquisition(name, strength)


def test_sliders_cannot_contradict_each_other(panel):
    choose_preset(panel, "T2w")
    move(panel.ui.repetitionSlider, 200)
    target = panel._panel._target.acquisition
    assert target.echo_time_ms < target.repetition_time_ms == 200
    panel.ui.familyComboBox.currentIndex = panel.ui.familyComboBox.findData("mprage")
    settle()
    target = panel._panel._target.acquisition
    assert target.family == "mprage" and target.inversion_time_ms == 900


def test_apply_keeps_the_preview_as_a_volume_of_its_own(live, scan):
    click(live.ui.applyButton)
    wait_for_end(live)
    kept = slicer.util.getNode("T1 patient (synthetic*")
    history = json.loads(kept.GetAttribute("MRStyle.History"))
    assert history["target"]["echo_time_ms"] == 90 and kept.GetAttribute("MRStyle.Model").startswith("tiny")
    before = slicer.util.arrayFromVolume(kept).copy()
    assert np.allclose(before, truth(preset_acquisition("FLAIR")), rtol=1e-3, atol=1e-3)
    move(live.ui.echoSlider, 30)
    wait_for_preview(live)
    assert np.array_equal(slicer.util.arrayFromVolume(kept), before)
    assert not np.allclose(slicer.util.arrayFromVolume(preview_of(live)), before)


def test_apply_prepares_where_no_preview_was_started(panel, scan):
    click(panel.ui.applyButton)
    wait_for_preview(panel)
    kept = slicer.util.getNode("T1 patient (synthetic*")
    assert np.allclose(
        slicer.util.arrayFromVolume(kept), truth(preset_acquisition("T2w")), rtol=1e-3, atol=1e-3
    )


def test_apply_writes_into_the_chosen_output(live):
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Mine")
    live.ui.outputSelector.setCurrentNode(output)
    settle()
    click(live.ui.applyButton)
    wait_for_end(live)
    assert output.GetName() == "Mine"
    assert np.allclose(
        slicer.util.arrayFromVolume(output), truth(preset_acquisition("FLAIR")), rtol=1e-3, atol=1e-3
    )


def test_preview_is_neither_output_nor_source(live):
    live.ui.outputSelector.setCurrentNode(preview_of(live))
    settle()
    assert not live.ui.applyButton.enabled and "follows the sliders" in live.ui.applyButton.toolTip
    live.ui.outputSelector.setCurrentNode(None)
    live.ui.source2Selector.setCurrentNode(preview_of(live))
    settle()
    assert not live.ui.applyButton.enabled and "follows the sliders" in live.ui.applyButton.toolTip


def test_other_sources_end_the_preview(live):
    other = add_scan("T2w", "T2 patient", seed=3)
    live.ui.source2Selector.setCurrentNode(other)
    settle()
    assert live._panel._live.encoding is None
    move(live.ui.echoSlider, 50)
    wait_for_preview(live)
    assert [len(source["acquisition"]) > 2 for source in job_seen(live.job)["sources"]] == [True, True]


def test_maps_have_names_colors_and_a_legend_that_say_what_they_are(live, scan):
    live.ui.overlayComboBox.currentIndex = 3
    settle()
    overlay = shown_overlay(slicer.mrmlScene)
    assert overlay.GetName() == "T1 patient effective T1 in ms (not quantitative)"
    middle = tuple(size // 2 for size in helpers.SHAPE)
    assert slicer.util.arrayFromVolume(overlay)[middle] == pytest.approx(4100, rel=1e-3)
    legend = slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")[0]
    assert "T1 (ms)" in legend.GetTitleText() and "not quantitative" in legend.GetTitleText()
    assert "not quantitative" in live.ui.mapsNoteLabel.text
    display = overlay.GetDisplayNode()
    assert display.GetColorNode().GetName() == "MRStyle t1"
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (
        0,
        3000,
    )  # the same in every patient
    click(live.ui.addMapsButton)
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert sum("effective" in name for name in names) == 3


def test_uncertainty_follows_the_target(live):
    live.ui.overlayComboBox.currentIndex = 1
    settle()
    overlay = shown_overlay(slicer.mrmlScene)
    before = slicer.util.arrayFromVolume(overlay).max()
    assert before > 0
    move(live.ui.echoSlider, 240)
    wait_for_preview(live)
    assert shown_overlay(slicer.mrmlScene) is overlay
    assert slicer.util.arrayFromVolume(overlay).max() != before
    live.ui.overlayComboBox.currentIndex = 0
    settle()
    assert shown_overlay(slicer.mrmlScene) is None


def test_difference_to_a_real_image_ignores_its_unit(live):
    real = add_scan("FLAIR", "Real FLAIR", seed=5)
    slicer.util.updateVolumeFromArray(real, slicer.util.arrayFromVolume(real) * 3)
    live.ui.overlayComboBox.currentIndex = 5
    settle()
    assert "Choose a real image" in live.ui.mapsNoteLabel.text
    live.ui.referenceSelector.setCurrentNode(real)
    settle()
    difference = slicer.util.arrayFromVolume(shown_overlay(slicer.mrmlScene))
    assert np.abs(difference).mean() < 0.02 * slicer.util.arrayFromVolume(real).max()


def test_opacity_makes_no_map_anew(live, monkeypatch):
    live.ui.overlayComboBox.currentIndex = 1
    settle()
    encoding = type(live._panel._live.encoding)
    computed = []
    original = encoding.standard_deviation
    monkeypatch.setattr(
        encoding, "standard_deviation", lambda self, target: computed.append(1) or original(self, target)
    )
    live.ui.opacitySlider.value = 0.3
    settle()
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert red.GetForegroundOpacity() == pytest.approx(0.3) and not computed
    move(live.ui.echoSlider, 200)
    wait_for_preview(live)
    assert computed


def test_kept_image_has_its_own_uncertainty(live):
    click(live.ui.applyButton)
    wait_for_end(live)
    kept = live._panel._compare.image
    live.ui.overlayComboBox.currentIndex = 1
    settle()
    assert shown_overlay(slicer.mrmlScene).GetName() == f"{kept.GetName()} uncertainty"


def test_legend_is_drawn_in_views_that_come_later(live):
    live.ui.overlayComboBox.currentIndex = 3
    settle()
    first = slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")[0]
    click(live.ui.sideBySideButton)
    settle(0.2)
    legends = slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")
    assert len(legends) == 1 and legends[0] is not first
    assert shown_overlay(slicer.mrmlScene) is not None


def test_source_and_synthetic_image_can_be_switched_and_put_side_by_side(live, scan):
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    click(live.ui.showSourceButton)
    assert red.GetBackgroundVolumeID() == scan.GetID()
    click(live.ui.showSourceButton)
    assert red.GetBackgroundVolumeID() == preview_of(live).GetID()
    click(live.ui.sideBySideButton)
    assert layouts.is_shown(slicer.mrmlScene)
    settle(0.2)
    move(live.ui.echoSlider, 40)
    wait_for_preview(live)
    live.ui.fadeSlider.value = 0.4
    middle = slicer.mrmlScene.GetSingletonNode(layouts.STYLED_VIEW, "vtkMRMLSliceCompositeNode")
    assert middle.GetForegroundOpacity() == pytest.approx(0.4)
    click(live.ui.restoreLayoutButton)
    assert not layouts.is_shown(slicer.mrmlScene)
    assert red.GetBackgroundVolumeID() == preview_of(live).GetID()


def test_contrast_space_shows_source_target_and_training(panel, scan):
    view = slicer.mrmlScene.GetSingletonNode("MRStyleContrastSpace", "vtkMRMLPlotViewNode")
    chart = view.GetPlotChartNode()
    names = [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert names == ["T2w", "MPRAGE", "FLAIR", "Source", "Target"]
    choose_preset(panel, "FLAIR")
    wait_for_preview(panel)
    target = chart.GetNthPlotSeriesNode(4)
    assert target.GetTableNode().GetTable().GetColumn(0).GetValue(0) == 9000
    inversion = target.GetColor()
    assert chart.GetNthPlotSeriesNode(0).GetColor() != inversion  # gray without an inversion


def test_target_outside_of_the_training_warns_and_is_not_refused(panel, scan):
    choose_preset(panel, "T2w")
    assert panel.ui.targetNoteLabel.text == ""
    move(panel.ui.echoSlider, 230)
    wait_for_preview(panel)
    assert "outside of what the model saw" in panel.ui.targetNoteLabel.text
    assert panel.ui.applyButton.enabled


def test_model_without_live_preview_says_so(panel, scan):
    helpers.choose_model(panel, helpers.CRL)
    choose_preset(panel, "FLAIR")
    assert "no live preview" in panel.ui.targetNoteLabel.text
    assert not panel.logic.runner.is_busy
    assert panel.ui.applyButton.enabled


def test_closing_the_scene_ends_the_preview(live):
    slicer.mrmlScene.Clear(0)
    settle(0.3)
    assert live._panel._live.encoding is None
    assert not live.ui.applyButton.enabled and "Choose the source" in live.ui.applyButton.toolTip


def test_deleted_preview_is_made_again(live):
    slicer.mrmlScene.RemoveNode(preview_of(live))
    move(live.ui.echoSlider, 50)
    wait_for_preview(live)
    assert np.isfinite(slicer.util.arrayFromVolume(preview_of(live))).all()


def test_choices_come_back_with_the_scene(live, tmp_path):
    node = live.logic.getParameterNode()
    assert node.GetParameter("preset") == "FLAIR"
    assert float(node.GetParameter("echo_time_ms")) == 90
