"""The pictures of the README: the MRStyleTransfer panel with the phantom pair, from the inputs to a batch, and with a
dynamic series.
"""

from __future__ import annotations

import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import click, settle, wait_for_end, wait_until

SERIES_MODEL = "dce-kidney-2d"
_ARTERIAL = 11  # frame in which vessels and cortex are brightest


def scenario(grab) -> None:
    """Work through the tutorial; `grab(name)` takes a picture of the window."""
    from MRStyleLib import settings
    from MRStyleLib.models import find_models

    model = next(entry.name for entry in find_models() if entry.id == "brain-reference")
    settings.accept_license(model, "Apache-2.0")
    panel = helpers.open_panel()
    ui = panel.ui
    from MRStyleTransferLib.sample_data import load_phantom_pair

    content, style = load_phantom_pair(helpers.MODULE.parent / "Resources")
    helpers.choose(panel, content, style, model)
    settle(0.5)
    grab("1-inputs")
    click(ui.applyButton)
    wait_until(lambda: (helpers.run_of(panel).fraction or 0) > 0.3, "progress")
    grab("2-running")
    wait_for_end(panel)
    settle(0.5)
    ui.inputsCollapsibleButton.collapsed = True
    ui.outputCollapsibleButton.collapsed = True
    settle(0.5)
    grab("3-result")
    ui.overlayComboBox.currentIndex = 3
    ui.compareCollapsibleButton.collapsed = True
    settle(0.5)
    grab("4-quality")
    for name in ("inputs", "compare", "quality"):
        getattr(ui, f"{name}CollapsibleButton").collapsed = name != "inputs"
    helpers.choose_model(panel, helpers.HISTOGRAM_MATCHING)
    volumes = slicer.modules.volumes.logic()
    later = volumes.CloneVolume(slicer.mrmlScene, content, "MRStylePhantom_T1w_follow_up")
    ui.batchCollapsibleButton.collapsed = False
    for node in (content, later):
        ui.batchSelector.setCheckState(node, 2)
    settle()
    click(ui.batchApplyButton)
    wait_until(lambda: helpers.run_of(panel).rows[0].is_complete, "the first of two results")
    for name in ("compare", "quality"):
        getattr(ui, f"{name}CollapsibleButton").collapsed = True
    settle(0.5)
    grab("5-batch")
    wait_for_end(panel)
    series_scenario(grab)


def series_scenario(grab, model: str = SERIES_MODEL) -> None:
    """Take the enhancement of the digital kidneys away."""
    from MRStyleTransferLib.sample_data import load_kidney

    from MRStyleLib import settings
    from MRStyleLib.models import find_model

    entry = find_model(model)
    settings.accept_license(entry.name, entry.card["license"])
    slicer.mrmlScene.Clear(0)
    panel = helpers.open_panel()
    ui = panel.ui
    panel._panel._models.refresh("")
    helpers.choose_model(panel, entry.name)
    ui.contentSelector.setCurrentNode(load_kidney(helpers.MODULE.parent / "Resources"))
    for name in ("inputs", "compare", "batch"):
        getattr(ui, f"{name}CollapsibleButton").collapsed = name != "inputs"
    settle(0.5)
    grab("14-dce-inputs")
    click(ui.applyButton)
    wait_for_end(panel)
    for name in ("inputs", "dynamic", "compare"):
        getattr(ui, f"{name}CollapsibleButton").collapsed = True
    ui.frameSlider.value = _ARTERIAL
    wait_until(lambda: bool(ui.seriesPlotNoteLabel.text), "the plot")
    settle(0.5)
    grab("15-dce-result")
