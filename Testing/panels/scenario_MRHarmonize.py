"""The pictures of the README: the MRHarmonize panel with two digital heads, from the table to the checks."""

from __future__ import annotations

import harmonize_panel_helpers as helpers
import slicer
from transfer_panel_helpers import choose_model, click, run_of, settle, wait_until

MODEL = "brain-light3d"
SITE = "sim-3T-mprage"
_PATIENCE_S = 3600.0  # the thickness of two heads


def scenario(grab, model: str = MODEL) -> None:
    """Work through the tutorial; `grab(name)` takes a picture of the window."""
    from MRHarmonizeLib.sample_data import load_sites

    from MRStyleLib import settings
    from MRStyleLib.models import find_model

    helpers.load_module()
    entry = find_model(model)
    settings.accept_license(entry.name, entry.card["license"])
    slicer.mrmlScene.Clear(0)
    import slicerhost

    slicerhost.app.showModule("MRHarmonize")
    settle()
    panel = slicer.modules.MRHarmonizeWidget
    ui = panel.ui
    heads = load_sites()
    slicer.util.setSliceViewerLayers(background=heads[0], fit=True)
    panel._panel._models.refresh("")
    choose_model(panel, entry.name)
    helpers.check_volumes(panel, *heads)
    ui.siteComboBox.currentText = SITE
    settle(0.5)
    grab("10-harmonize-inputs")
    click(ui.applyButton)
    wait_for_end(panel)
    for name in ("inputs", "target"):
        getattr(ui, f"{name}CollapsibleButton").collapsed = True
    settle(0.5)
    grab("11-harmonize-result")
    click(ui.checkResultButton)
    wait_for_end(panel)
    ui.compareCollapsibleButton.collapsed = True
    settle(0.5)
    grab("12-harmonize-checks")
    area = ui.saveReportButton
    scroll_to(area)
    settle(0.5)
    grab("13-harmonize-sites")


def wait_for_end(panel) -> None:
    """Wait until the run is over and shown."""
    wait_until(lambda: not panel.logic.runner.is_busy, "the worker", _PATIENCE_S)
    assert run_of(panel).state.name == "FINISHED", run_of(panel).message
    settle(0.5)


def scroll_to(widget) -> None:
    """Move the panel until a widget of it is seen."""
    from PySide6 import QtWidgets

    area = QtWidgets.QWidget.parentWidget(widget)
    while area is not None and not isinstance(area, QtWidgets.QScrollArea):
        area = QtWidgets.QWidget.parentWidget(area)
    if area is not None:
        QtWidgets.QScrollArea.ensureWidgetVisible(area, widget)
