"""Checks of the chosen result: traffic light, thickness in views, by region and as a plot, sites, and the report."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MRStyleLib import layouts, map_layout, overlays
from MRStyleLib.map_layout import Column
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.plots import panel_plot_view

from . import charts, links, report, summary
from .parameters import HarmonizeParameters

_SETTLE_MS = 100
_REGION_WIDTH = 110  # pixels; longer names are wrapped
_ARRAYS = {
    OverlayKind.THICKNESS_BEFORE: "thickness_mm",
    OverlayKind.THICKNESS_AFTER: "thickness_mm",
    OverlayKind.THICKNESS_DIFFERENCE: "difference_mm",
}


class ChecksSection:
    """Binds the widgets of the checks to the result that is looked at."""

    def __init__(self, ui) -> None:
        self._ui = ui
        self._result = None
        self._parameters: HarmonizeParameters | None = None
        self._columns: list[Column] = []
        ui.showThicknessButton.connect("clicked(bool)", self.show_thickness)
        ui.hideThicknessButton.connect("clicked(bool)", self.restore_layout)
        ui.opacitySlider.connect("valueChanged(double)", self._on_opacity)
        ui.saveReportButton.connect("clicked(bool)", self._save_report)
        self.set_result(None)

    def set_parameters(self, parameters: HarmonizeParameters | None) -> None:
        """Use the parameters of another scene."""
        self._parameters = parameters

    def set_result(self, result) -> None:
        """Show what is known about a result; None shows that there is none."""
        self._result = result
        findings = links.findings_of(result) if result is not None else None
        if findings is None:
            self._ui.summaryLabel.text = _("Harmonize volumes to see here whether to trust the results.")
        else:
            self._ui.summaryLabel.text = summary.html(findings)
        self._show_regions(findings)
        self._show_sites(findings)
        has_maps = bool(self._columns_of(result))
        for name in ("showThicknessButton", "opacitySlider"):
            getattr(self._ui, name).enabled = has_maps
        self._ui.showThicknessButton.toolTip = (
            _("Show thickness before, after and its change, on slices and on the surface of the cortex")
            if has_maps
            else _("The thickness of this result was not measured; run the check first.")
        )
        self._ui.saveReportButton.enabled = result is not None
        if map_layout.is_shown(slicer.mrmlScene):
            if has_maps:
                self.show_thickness()
            else:
                self.restore_layout()

    def show_thickness_soon(self) -> None:
        """Show it in the next event: new views take their time, too."""
        qt.QTimer.singleShot(0, self.show_thickness)

    def show_thickness(self, *_clicked) -> None:
        """Show the thickness of the chosen result in views of its own."""
        columns = self._columns_of(self._result)
        if not columns or slicer.app.layoutManager() is None:
            return
        map_layout.hide_columns(slicer.mrmlScene, self._columns)
        self._columns = columns
        map_layout.show_columns(slicer.mrmlScene, columns, self._parameters.opacity)
        # New views get their final size from Qt only after this event.
        qt.QTimer.singleShot(_SETTLE_MS, self._fit)

    def hide_surfaces(self) -> None:
        """Take the surfaces out of the views, which another layout is going to replace."""
        map_layout.hide_columns(slicer.mrmlScene, self._columns)
        self._columns = []

    def restore_layout(self, *_clicked) -> None:
        """Bring back the user's layout."""
        self.hide_surfaces()
        layouts.restore(slicer.mrmlScene)

    def forget(self) -> None:
        """The scene is being closed."""
        self._columns = []
        for name in ("siteView", "scatterView"):
            getattr(self._ui, name).setMRMLPlotViewNode(None)

    def _columns_of(self, result) -> list[Column]:
        if result is None or (original := links.original_of(result)) is None:
            return []
        labels = (_("Before"), _("After"), _("Change"))
        columns = []
        for kind, label, volume in zip(links.MAPS, labels, (original, result, result), strict=True):
            map_node, surface = links.map_of(result, kind), links.surface_of(result, kind)
            if map_node is None or surface is None:
                return []
            columns.append(Column(label, volume, kind, map_node, surface, _ARRAYS[kind]))
        return columns

    def _fit(self) -> None:
        if map_layout.is_shown(slicer.mrmlScene):
            map_layout.fit_columns(slicer.app.applicationLogic(), len(links.MAPS))

    def _on_opacity(self, value: float) -> None:
        if map_layout.is_shown(slicer.mrmlScene):
            overlays.set_opacity(slicer.mrmlScene, value)

    def _show_regions(self, findings) -> None:
        thickness = findings.thickness if findings is not None else None
        table = links.table_of(self._result) if self._result is not None else None
        view = self._ui.regionTable
        view.setMRMLTableNode(table)
        view.visible = table is not None
        if table is not None:
            view.verticalHeader().visible = False
            view.resizeColumnsToContents()
            view.setColumnWidth(0, min(view.columnWidth(0), _REGION_WIDTH))
            view.resizeRowsToContents()
        self._ui.regionsLabel.visible = self._ui.scatterView.visible = thickness is not None
        if thickness is None:
            self._ui.scatterView.setMRMLPlotViewNode(None)
            return
        text = _(
            "Cortex {before} mm before, {after} mm after; {count} regions: mean absolute difference {difference} mm, "
            "bias {bias} mm, ICC {icc}"
        )
        self._ui.regionsLabel.text = text.format(
            before=f"{thickness.before_mm:.2f}",
            after=f"{thickness.after_mm:.2f}",
            count=len(thickness.regions),
            difference=f"{thickness.mean_absolute_difference_mm:.3f}",
            bias=f"{thickness.bias_mm:+.3f}",
            icc="-" if thickness.icc is None else f"{thickness.icc:.3f}",
        )
        self._show_chart(
            self._ui.scatterView,
            charts.show_thickness(slicer.mrmlScene, thickness.regions),
            "MRStyleThicknessPlot",
        )

    def _show_sites(self, findings) -> None:
        before = findings.sites_before if findings is not None else None
        after = findings.sites_after if findings is not None else None
        self._ui.siteView.visible = bool(before and after)
        if before and after:
            self._show_chart(
                self._ui.siteView, charts.show_sites(slicer.mrmlScene, before, after), "MRStyleSites"
            )
        else:
            self._ui.siteView.setMRMLPlotViewNode(None)

    @staticmethod
    def _show_chart(view, chart, name: str) -> None:
        node = panel_plot_view(slicer.mrmlScene, name)
        node.SetPlotChartNodeID(chart.GetID())
        view.setMRMLPlotViewNode(node)

    def _save_report(self, _checked: bool) -> None:
        name = f"{self._result.GetName()}.html".replace("/", "_")
        path = qt.QFileDialog.getSaveFileName(
            slicer.util.mainWindow(), _("Save report"), name, _("Web page (*.html)")
        )
        if not path:
            return
        with slicer.util.tryWithErrorDisplay(_("The report was not saved; choose another folder.")):
            Path(path).write_text(report.page(slicer.mrmlScene, self._result), encoding="utf-8")
