"""The contrast space in the panel, and the warning outside of what the model saw."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from mrstyle.acquisition import Acquisition
from mrstyle.errors import InputError
from mrstyle.sequence_range import SequenceRange, outside
from MRStyleLib.models import ModelEntry
from MRStyleLib.plots import panel_plot_view

from .acquisitions import Known
from .contrast_space import legend_html, show_contrast_space


class SpaceSection:
    """Binds the widgets of the contrast space."""

    def __init__(self, ui) -> None:
        self._ui = ui
        self._shown: tuple | None = None
        ui.spaceLegendLabel.text = legend_html()

    def show(self, model: ModelEntry | None, sources: list[Known], target: Acquisition) -> str:
        """Plot sources and target; returns a warning about the target, empty if there is none."""
        ranges = ranges_of(model)
        shown = (model.name if model else "", repr([known.values for known in sources]), target)
        if shown != self._shown:
            self._shown = shown
            self._plot(ranges, sources, target)
        return outside(target, ranges) or "" if ranges else ""

    def forget(self) -> None:
        """The scene was closed."""
        self._shown = None
        self._ui.spaceView.setMRMLPlotViewNode(None)

    def _plot(self, ranges: tuple[SequenceRange, ...], sources: list[Known], target: Acquisition) -> None:
        acquisitions = []
        for known in sources:
            try:
                acquisitions.append(known.acquisition())
            except InputError:
                continue
        chart = show_contrast_space(slicer.mrmlScene, ranges, acquisitions, target)
        view = panel_plot_view(slicer.mrmlScene, "MRStyleContrastSpace")
        view.SetPlotChartNodeID(chart.GetID())
        self._ui.spaceView.setMRMLPlotViewNode(view)
        known = _("What the model saw in training is not in its card.") if not ranges else ""
        self._ui.spaceNoteLabel.text = known
        self._ui.spaceNoteLabel.visible = bool(known)


def ranges_of(model: ModelEntry | None) -> tuple[SequenceRange, ...]:
    """What a model saw in training, as its card says; a card's text is a stranger's, so what is unusable is left out."""
    found = []
    for each in (model.card.get("sequences") or []) if model is not None else []:
        try:
            found.append(SequenceRange(**each))
        except (TypeError, ValueError):
            continue
    return tuple(found)
