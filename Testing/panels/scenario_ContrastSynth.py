"""The pictures of the README: the ContrastSynth panel with the sample head, from its sequence to maps and metrics."""

from __future__ import annotations

import slicer
import synth_panel_helpers as helpers
from transfer_panel_helpers import click, settle, wait_until

MODEL = "contrast-relaxometry"
_PATIENCE_S = 600.0


def scenario(grab, model: str = MODEL) -> None:
    """Work through the tutorial; `grab(name)` takes a picture of the window."""
    from MRStyleLib import settings
    from MRStyleLib.models import find_model

    helpers.load_module()
    entry = find_model(model)
    settings.accept_license(entry.name, entry.card["license"])
    slicer.mrmlScene.Clear(0)
    import slicerhost

    slicerhost.app.showModule("ContrastSynth")
    settle()
    panel = slicer.modules.ContrastSynthWidget
    ui, live = panel.ui, panel._panel._live
    from ContrastSynthLib.sample_data import load_head

    source, real = load_head(helpers.MODULE.parent / "Resources")
    slicer.util.setSliceViewerLayers(background=source, fit=True)
    panel._panel._models.refresh("")
    helpers.choose_model(panel, entry.name)
    helpers.choose_source(panel, source)
    settle(0.5)
    grab("6-contrast-source")
    preset = ui.presetComboBox
    preset.currentIndex = preset.findData("FLAIR")
    wait_until(lambda: not panel.logic.runner.is_busy, "the worker", _PATIENCE_S)
    wait_until(lambda: live.is_whole, "the preview")
    ui.inputsCollapsibleButton.collapsed = True
    ui.compareCollapsibleButton.collapsed = True
    settle(0.5)
    grab("7-contrast-live")
    ui.overlayComboBox.currentIndex = ui.overlayComboBox.findText("Effective T1 (not quantitative)")
    ui.spaceCollapsibleButton.collapsed = True
    settle(0.5)
    grab("8-contrast-maps")
    ui.overlayComboBox.currentIndex = 0
    preset.currentIndex = preset.findData("T2w")
    ui.referenceSelector.setCurrentNode(real)
    settle()
    click(ui.applyButton)
    wait_until(lambda: not panel.logic.runner.is_busy, "the worker", _PATIENCE_S)
    ui.compareCollapsibleButton.collapsed = False
    ui.overlayComboBox.currentIndex = ui.overlayComboBox.findText("Difference: synthetic minus real")
    settle(0.3)
    click(ui.sideBySideButton)
    settle(0.5)
    grab("9-contrast-compare")
