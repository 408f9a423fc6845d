"""A series with other enhancement: its frames, maps with a threshold that moves, and plots over time."""

from __future__ import annotations

from collections.abc import Iterator

import qt
import slicer
from slicer.i18n import tr as _

from MRStyleLib import layouts, overlays, plots
from MRStyleLib.enhancement import enhanced_mask, mean_curve, update_weights
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.pieces import Pieces
from MRStyleLib.regions import region_mask
from MRStyleLib.sequences import find_browser, time_axis

from . import result_links
from .parameters import SeriesPlotChoice, TransferParameters

_REST_MS = 150  # after the last move of the slider
_PLOT = "MRStyleSeries"


class EnhancementSection:
    """Binds the widgets about a changed series to the result that is looked at."""

    def __init__(self, ui) -> None:
        self._ui = ui
        self._result = None
        self._parameters: TransferParameters | None = None
        self._shown: tuple | None = None
        self._seen: tuple | None = None
        self._watched: tuple | None = None
        self._pieces = Pieces()
        self._rest = qt.QTimer()
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._compute)
        ui.frameSlider.connect("valueChanged(double)", self._on_frame)
        ui.playButton.connect("toggled(bool)", self._on_play)

    def set_parameters(self, parameters: TransferParameters | None) -> None:
        """Use the parameters of another scene."""
        self._parameters = parameters
        if parameters is None:
            self.close()

    def set_result(self, result) -> None:
        """Show a changed series; None shows that there is none."""
        self._result, self._shown, self._seen = result, None, None
        self._pieces.clear()
        self._watch()
        self._show_frames()
        self.update()

    def update(self) -> None:
        """Follow the choices of the user: the overlay at once, the rest when the slider rests."""
        if self._result is None or self._parameters is None:
            return
        self._show_overlay()
        parameters = self._parameters
        seen = (parameters.threshold, parameters.region, parameters.series_plot)
        if seen != self._seen:
            self._seen = seen
            self._pieces.clear()
            self._rest.start(_REST_MS)

    def show_overlay(self) -> None:
        """Show the chosen map in views that have just come."""
        self._shown = None
        self.update()

    def close(self) -> None:
        """End what is being computed."""
        self._result = None
        self._watch()
        self._rest.stop()
        self._pieces.clear()
        self._ui.seriesPlotView.setMRMLPlotViewNode(None)

    def _browser(self):
        found = find_browser(slicer.mrmlScene, self._result) if self._result is not None else None
        return found[0] if found is not None else None

    def _watch(self) -> None:
        """Follow the browser of the result, which Slicer's own tool bar moves, too."""
        if self._watched is not None:
            browser, tag = self._watched
            browser.RemoveObserver(tag)
        browser = self._browser()
        self._watched = None
        if browser is not None:
            self._watched = browser, browser.AddObserver("ModifiedEvent", self._show_frames)

    def _show_frames(self, *_event) -> None:
        browser, slider = self._browser(), self._ui.frameSlider
        count = browser.GetNumberOfItems() if browser is not None else 0
        for widget in (slider, self._ui.playButton):
            widget.enabled = count > 1
        was_blocked = slider.blockSignals(True)
        slider.maximum = max(count, 1)
        slider.value = browser.GetSelectedItemNumber() + 1 if browser is not None else 1
        slider.blockSignals(was_blocked)
        was_blocked = self._ui.playButton.blockSignals(True)
        self._ui.playButton.checked = browser is not None and browser.GetPlaybackActive()
        self._ui.playButton.blockSignals(was_blocked)

    def _on_frame(self, value: float) -> None:
        browser = self._browser()
        if browser is not None:
            browser.SetSelectedItemNumber(round(value) - 1)
            slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)

    def _on_play(self, checked: bool) -> None:
        browser = self._browser()
        if browser is not None:
            browser.SetPlaybackActive(checked)

    def _show_overlay(self) -> None:
        kind, opacity = self._parameters.series_overlay.kind, self._parameters.series_opacity
        node = result_links.map_of(self._result, kind) if kind is not None else None
        self._ui.seriesNoteLabel.text = _note(kind, node)
        self._ui.seriesOpacitySlider.enabled = node is not None
        if node is None:
            overlays.hide_overlays(slicer.mrmlScene)
            self._shown = None
            return
        threshold = self._threshold_of(kind, node)
        if layouts.is_shown(slicer.mrmlScene) and self._shown != (kind, node.GetID()):
            overlays.show_overlay(slicer.mrmlScene, kind, node, opacity, threshold, [layouts.OVERLAY_VIEW])
            self._shown = (kind, node.GetID())
        elif self._shown is not None:
            overlays.set_threshold(slicer.mrmlScene, kind, node, threshold)
            overlays.set_opacity(slicer.mrmlScene, opacity)

    def _threshold_of(self, kind: OverlayKind, node) -> float:
        if kind is OverlayKind.ENHANCEMENT:
            return self._parameters.threshold
        cutoff = overlays.cutoff_of(kind, node)
        return cutoff.show_all if kind is OverlayKind.CONTENT_WEIGHT else cutoff.default

    def _compute(self) -> None:
        """Mask, distance map and plot, in short pieces."""
        self._pieces.clear()
        if self._result is not None and self._parameters is not None:
            self._pieces.add(self._computed())

    def _computed(self) -> Iterator[None]:
        parameters, result = self._parameters, self._result
        enhancement = result_links.map_of(result, OverlayKind.ENHANCEMENT)
        enhanced = None if enhancement is None else enhanced_mask(enhancement, parameters.threshold)
        weights = result_links.map_of(result, OverlayKind.CONTENT_WEIGHT)
        if enhanced is not None and weights is not None:
            update_weights(weights, enhanced)
            yield
        if parameters.series_plot is SeriesPlotChoice.CW_SSIM:
            self._plot_similarity(result)
            return
        try:
            yield from self._plot_curves(result, enhanced)
        except ValueError as error:
            self._show_chart(None, str(error))

    def _plot_similarity(self, result) -> None:
        table = result_links.over_time_of(result)
        columns = {
            table.GetColumnName(number): slicer.util.arrayFromTableColumn(table, table.GetColumnName(number))
            for number in range(table.GetNumberOfColumns())
        }
        title, values = next(iter(columns.items()))
        lines = {name: column for name, column in columns.items() if name != title}
        chart = plots.show_lines(
            slicer.mrmlScene,
            "MRStyle.Series",
            (title, values),
            lines,
            _("CW-SSIM over time"),
            title,
            "CW-SSIM",
        )
        self._show_chart(chart, _("1 is the same; measured from an enhancement of 20 of 255 on."))

    def _plot_curves(self, result, enhanced) -> Iterator[None]:
        scene, region = slicer.mrmlScene, self._parameters.region
        content = result_links.content_of(result)
        if content is None or find_browser(scene, content) is None:
            raise ValueError(_("The original series is gone, so its curve cannot be shown."))
        if region is not None:
            mask, of = region_mask(scene, region, content), region.GetName()
        elif enhanced is not None and enhanced.any():
            mask, of = enhanced, _("the enhanced voxels")
        elif enhanced is not None:
            raise ValueError(_("No voxel is enhanced by so much; lower the threshold, or choose a region."))
        else:
            raise ValueError(
                _(
                    "What enhances was not measured; choose a region, or turn on Measure quality and run again."
                )
            )
        sequences = [find_browser(scene, node)[1] for node in (content, result)]
        axis = time_axis(sequences[0])
        before = yield from mean_curve(sequences[0], mask)
        after = yield from mean_curve(sequences[1], mask)
        chart = plots.show_lines(
            scene,
            "MRStyle.Series",
            (axis.title, axis.values),
            {_("Before"): before, _("After"): after},
            _("Mean signal of {region}").format(region=of),
            axis.title,
            _("Signal"),
        )
        self._show_chart(chart, _("{count} voxels").format(count=int(mask.sum())))

    def _show_chart(self, chart, note: str) -> None:
        self._ui.seriesPlotNoteLabel.text = note
        view = self._ui.seriesPlotView
        view.visible = chart is not None
        if chart is None:
            view.setMRMLPlotViewNode(None)
            return
        node = plots.panel_plot_view(slicer.mrmlScene, _PLOT)
        node.SetPlotChartNodeID(chart.GetID())
        view.setMRMLPlotViewNode(node)


def _note(kind: OverlayKind | None, node) -> str:
    if kind is None:
        return ""
    if node is None and kind is OverlayKind.CW_SSIM_STYLE:
        return _("There is no CW-SSIM to the style: a frame of another series shows other anatomy.")
    if node is None:
        return _("There is no such map of this result; turn on Measure quality in Advanced and run again.")
    return {
        OverlayKind.ENHANCEMENT: _(
            "How much brighter the content is on average than its first frame; 1 is the 99.5th percentile of that frame. "
            "Clear is what does not enhance."
        ),
        OverlayKind.CONTENT_WEIGHT: _(
            "How much each voxel counts for the CW-SSIM to the content: bright is enhanced (0.1), dark is farthest (1)."
        ),
    }.get(kind, _("Bright is dissimilar; voxels above 0.95 are clear."))
