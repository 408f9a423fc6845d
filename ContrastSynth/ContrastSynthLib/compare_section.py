"""The source beside the synthetic image, a real image of the target, and the metrics against it."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer

from MRStyleLib import layouts
from MRStyleLib.visible_slices import views_with

from . import links

_SETTLE_MS = 100
_METRIC_WIDTH = 150  # pixels; longer names are wrapped


class CompareSection:
    """Binds the comparison widgets; works on the synthetic image that `show` was given last.

    Args:
        ui: widgets of the .ui file by name.
        on_shown: called when other views show the image.
    """

    def __init__(self, ui, on_shown: Callable[[], None]) -> None:
        self._ui, self._on_shown = ui, on_shown
        self._image_id = ""
        ui.showSourceButton.connect("toggled(bool)", self._on_show_source)
        ui.sideBySideButton.connect("clicked(bool)", self.show_side_by_side)
        ui.restoreLayoutButton.connect("clicked(bool)", self.restore_layout)
        ui.fadeSlider.connect("valueChanged(double)", self._fade)
        self.update()

    @property
    def image(self):
        """The synthetic image, or None."""
        return slicer.mrmlScene.GetNodeByID(self._image_id) if self._image_id else None

    def show(self, image) -> None:
        """Show a synthetic image where its source or another one of them was; views that show other volumes stay.

        Where no view shows any of them, all do.
        """
        previous, source = self.image, links.source_of(image)
        if image is previous and not self._ui.showSourceButton.checked and self._is_background(image):
            return
        self._image_id = image.GetID()
        self._release_source_button()
        if layouts.is_shown(slicer.mrmlScene):
            self.show_side_by_side()
        elif not self._is_background(image):
            views = views_with(slicer.mrmlScene, source, previous)
            for composite in views:
                composite.SetBackgroundVolumeID(image.GetID())
            if not views:
                slicer.util.setSliceViewerLayers(background=image, fit=True)
        self.update()

    def show_side_by_side(self, *_clicked) -> None:
        """Show source, synthetic image and its map in linked views."""
        image, source = self.image, links.source_of(self.image)
        if source is None or slicer.app.layoutManager() is None:
            return
        self._release_source_button()
        has_moved = layouts.show_comparison(
            slicer.mrmlScene,
            source,
            image,
            with_overlay=True,
            application_logic=slicer.app.applicationLogic(),
        )
        if has_moved:
            # New views get their final size from Qt only after this event.
            qt.QTimer.singleShot(_SETTLE_MS, self._fit)
        self._ui.fadeSlider.value = 1.0
        self.update()
        self._on_shown()

    def restore_layout(self, *_clicked) -> None:
        """Bring back the user's layout, without maps."""
        layouts.restore(slicer.mrmlScene)
        self.update()
        self._on_shown()

    def forget(self) -> None:
        """The scene was closed."""
        self._image_id = ""
        self._release_source_button()
        self.update()

    def update(self) -> None:
        """Enable what there is something for, and show the metrics of the image."""
        image = self.image
        has_pair = links.source_of(image) is not None
        for name in ("showSourceButton", "sideBySideButton"):
            getattr(self._ui, name).enabled = has_pair
        is_side_by_side = layouts.is_shown(slicer.mrmlScene)
        self._ui.fadeSlider.enabled = has_pair and is_side_by_side
        self._ui.showSourceButton.enabled = has_pair and not is_side_by_side
        table = links.metrics_of(image) if image is not None else None
        view = self._ui.metricsTable
        view.setMRMLTableNode(table)
        view.visible = table is not None
        if table is not None:
            view.verticalHeader().visible = False
            view.resizeColumnsToContents()
            view.setColumnWidth(0, min(view.columnWidth(0), _METRIC_WIDTH))
            view.resizeRowsToContents()

    def _is_background(self, image) -> bool:
        return any(
            composite.GetBackgroundVolumeID() == image.GetID()
            for composite in views_with(slicer.mrmlScene, image)
        )

    def _on_show_source(self, checked: bool) -> None:
        image, source = self.image, links.source_of(self.image)
        if source is None:
            return
        old, new = (image, source) if checked else (source, image)
        for composite in views_with(slicer.mrmlScene, old):
            if composite.GetBackgroundVolumeID() == old.GetID():
                composite.SetBackgroundVolumeID(new.GetID())

    def _release_source_button(self) -> None:
        button = self._ui.showSourceButton
        if button.checked:
            button.checked = False

    def _fit(self) -> None:
        if layouts.is_shown(slicer.mrmlScene):
            layouts.fit_comparison(slicer.app.applicationLogic())

    def _fade(self, share: float) -> None:
        if layouts.is_shown(slicer.mrmlScene):
            layouts.set_fade(slicer.mrmlScene, share)
