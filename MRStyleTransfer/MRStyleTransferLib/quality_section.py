"""Quality maps over the result, metrics, histograms and the report."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MRStyleLib import layouts, overlays, plots

from . import result_links
from .parameters import OverlayChoice, TransferParameters

_METRIC_WIDTH = 150  # pixels; longer names are wrapped


class QualitySection:
    """Binds the quality widgets of the panel to the result that is looked at."""

    def __init__(self, ui) -> None:
        self._ui = ui
        self._styled = None
        self._parameters: TransferParameters | None = None
        self._shown: tuple | None = None
        ui.thresholdSlider.connect("valueChanged(double)", self._on_threshold)
        ui.opacitySlider.connect("valueChanged(double)", self._on_opacity)
        ui.saveReportButton.connect("clicked(bool)", self._save_report)
        self.set_result(None)

    def set_parameters(self, parameters: TransferParameters | None) -> None:
        """Use the parameters of another scene."""
        self._parameters = parameters

    def set_result(self, styled) -> None:
        """Show the quality of a result; None shows that there is none."""
        self._styled = styled
        self._shown = None
        table = result_links.metrics_of(styled) if styled is not None else None
        self._ui.metricsTable.setMRMLTableNode(table)
        self._ui.metricsTable.visible = table is not None
        if table is not None:
            self._fit_metrics()
        self._show_histograms()
        report = result_links.report_of(styled) if styled is not None else ""
        self._ui.saveReportButton.enabled = bool(report)
        self._ui.saveReportButton.toolTip = (
            _("Save figures and maps as one HTML file")
            if report
            else _(
                "There is no report of this result. It needs the Python packages jinja2 and matplotlib, "
                "and Measure quality in Advanced."
            )
        )
        self.update_overlay()

    def _fit_metrics(self) -> None:
        """Make room for the values, which matter more than long names, in a panel that is narrow."""
        view = self._ui.metricsTable
        view.verticalHeader().visible = False
        view.resizeColumnsToContents()
        view.setColumnWidth(0, min(view.columnWidth(0), _METRIC_WIDTH))
        view.resizeRowsToContents()

    def show_overlay(self) -> None:
        """Show the chosen map in views that have just come."""
        self._shown = None
        self.update_overlay()

    def update_overlay(self) -> None:
        """Show the chosen map, or say why it is not there."""
        kind = self._choice().kind
        node = None
        if self._styled is not None and kind is not None:
            node = result_links.map_of(self._styled, kind)
        for name in ("thresholdSlider", "opacitySlider"):
            getattr(self._ui, name).enabled = node is not None
        self._ui.qualityNoteLabel.text = self._note(kind, node)
        if node is None:
            overlays.hide_overlays(slicer.mrmlScene)
            self._shown = None
            return
        if layouts.is_shown(slicer.mrmlScene) and self._shown != (kind, node.GetID()):
            cutoff = overlays.cutoff_of(kind, node)
            self._set_slider(cutoff)
            overlays.show_overlay(
                slicer.mrmlScene,
                kind,
                node,
                self._parameters.opacity,
                cutoff.default,
                [layouts.OVERLAY_VIEW],
            )
            self._shown = (kind, node.GetID())

    def _choice(self) -> OverlayChoice:
        return self._parameters.overlay if self._parameters is not None else OverlayChoice.NONE

    def _note(self, kind, node) -> str:
        if self._styled is None:
            return _("Run the transfer to see its quality here.")
        if kind is None:
            return ""
        if node is None and kind is overlays.OverlayKind.UNCERTAINTY:
            return _(
                "There is no uncertainty: set Samples in Advanced to 2 or more, with a model that gives one."
            )
        if node is None:
            return _(
                "There is no such map of this result; turn on Measure quality in Advanced and run again."
            )
        if kind.is_similarity:
            return _("Bright is dissimilar. Voxels more similar than the cut-out are clear.")
        if kind is overlays.OverlayKind.DIFFERENCE:
            return _(
                "Red is brighter than the content, blue darker. Smaller changes than the cut-out are clear."
            )
        return _("Bright is uncertain. Voxels more certain than the cut-out are clear.")

    def _set_slider(self, cutoff) -> None:
        slider = self._ui.thresholdSlider
        was_blocked = slider.blockSignals(True)
        span = cutoff.maximum - cutoff.minimum
        slider.decimals = 2 if span >= 0.5 else 4
        slider.minimum, slider.maximum = cutoff.minimum, cutoff.maximum
        slider.singleStep = span / 100
        slider.value = cutoff.default
        slider.blockSignals(was_blocked)

    def _on_threshold(self, value: float) -> None:
        if self._shown is not None:
            kind, node_id = self._shown
            node = slicer.mrmlScene.GetNodeByID(node_id)
            if node is not None:
                overlays.set_threshold(slicer.mrmlScene, kind, node, value)

    def _on_opacity(self, value: float) -> None:
        if self._shown is not None:
            overlays.set_opacity(slicer.mrmlScene, value)

    def _show_histograms(self) -> None:
        view = self._ui.histogramView
        styled = self._styled
        content = result_links.content_of(styled) if styled is not None else None
        style = result_links.style_of(styled) if styled is not None else None
        view.visible = content is not None and style is not None
        if not view.visible:
            view.setMRMLPlotViewNode(None)
            return
        chart = plots.show_histograms(slicer.mrmlScene, content, styled, style)
        node = plots.panel_plot_view(slicer.mrmlScene, "MRStyle")
        node.SetPlotChartNodeID(chart.GetID())
        view.setMRMLPlotViewNode(node)

    def _save_report(self) -> None:
        name = f"{self._styled.GetName()}.html".replace("/", "_")
        path = qt.QFileDialog.getSaveFileName(
            slicer.util.mainWindow(), _("Save report"), name, _("Web page (*.html)")
        )
        if not path:
            return
        with slicer.util.tryWithErrorDisplay(_("The report was not saved; choose another folder.")):
            Path(path).write_text(result_links.report_of(self._styled), encoding="utf-8")
