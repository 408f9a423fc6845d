"""Maps over the synthetic image: what is shown, how much of it, and what it means."""

from __future__ import annotations

from collections.abc import Callable

import slicer
from slicer.i18n import tr as _

from MRStyleLib import layouts, overlays
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.visible_slices import views_with
from MRStyleLib.volumes import has_grid_of

from . import links, maps
from .acquisitions import synthetic_sequence_of
from .live import LivePreview
from .parameters import SynthesisParameters


class MapsSection:
    """Binds the widgets of the maps.

    Args:
        ui: widgets of the .ui file by name.
        live: gives the encoding and the target of the preview.
        shown_image: gives the synthetic volume that the views show, or None.
    """

    def __init__(self, ui, live: LivePreview, shown_image: Callable) -> None:
        self._ui, self._live, self._shown_image = ui, live, shown_image
        self._parameters: SynthesisParameters | None = None
        self._shown: tuple | None = None
        ui.thresholdSlider.connect("valueChanged(double)", self._on_threshold)
        ui.opacitySlider.connect("valueChanged(double)", self._on_opacity)
        ui.addMapsButton.connect("clicked(bool)", self._on_add_maps)

    def set_parameters(self, parameters: SynthesisParameters | None) -> None:
        """Use the parameters of another scene."""
        self._parameters = parameters
        self._shown = None

    def update(self) -> None:
        """Make and show the chosen map, or say why it is not there."""
        if self._parameters is None:
            return
        image, choice = self._shown_image(), self._parameters.overlay
        has_encoding = self._live.encoding is not None
        self._ui.addMapsButton.enabled = has_encoding
        self._ui.addMapsButton.toolTip = (
            _("Add the effective PD, T1 and T2 maps as volumes; they are not quantitative")
            if has_encoding
            else _("The maps come with the live preview; move a slider of the target to start it.")
        )
        node, note = self._map(choice.kind, image)
        self._ui.mapsNoteLabel.text = note
        for name in ("thresholdSlider", "opacitySlider"):
            getattr(self._ui, name).enabled = node is not None
        views = self._views(image)
        if node is None or not views:
            if self._shown is not None:  # a map of another panel is not ours to hide
                overlays.hide_overlays(slicer.mrmlScene)
                self._shown = None
            return
        self._show(choice.kind, node, views)

    def _show(self, kind: OverlayKind, node, views: list[str]) -> None:
        cutoff = overlays.cutoff_of(kind, node)
        is_new = self._shown is None or self._shown[:2] != (kind, node.GetID())
        if is_new or self._ui.thresholdSlider.maximum != cutoff.maximum:
            self._set_slider(cutoff)
        if not is_new and self._shown[2] != views:
            # A view that has just come does not draw a legend that was there before it.
            overlays.hide_overlays(slicer.mrmlScene)
        self._shown = (kind, node.GetID(), views)
        overlays.show_overlay(
            slicer.mrmlScene, kind, node, self._parameters.opacity, self._ui.thresholdSlider.value, views
        )

    def _views(self, image) -> list[str]:
        if layouts.is_shown(slicer.mrmlScene):
            return [layouts.OVERLAY_VIEW]
        return (
            [composite.GetLayoutName() for composite in views_with(slicer.mrmlScene, image)] if image else []
        )

    def _map(self, kind: OverlayKind | None, image) -> tuple:
        """The map's node, or None, and a sentence about it."""
        if kind is None:
            return None, ""
        source = links.source_of(image)
        if source is None:
            return None, _("There is no synthetic image yet: move a slider of the target, or press Apply.")
        if kind in maps.EFFECTIVE:
            return self._effective(kind, source)
        if kind is OverlayKind.UNCERTAINTY:
            return self._uncertainty(image, source)
        return self._difference(image, source)

    def _effective(self, kind: OverlayKind, source) -> tuple:
        if self._live.encoding is None:
            return None, _("This model gives no maps, or its live preview was not started.")
        note = _(
            "The values by which the model explains this scan with the signal equation. They are effective, not "
            "quantitative: do not measure relaxation times here."
        )
        return maps.update_effective_map(slicer.mrmlScene, kind, self._live.encoding, source), note

    def _uncertainty(self, image, source) -> tuple:
        note = _("Bright is uncertain: one standard deviation, as the model estimates it.")
        target = synthetic_sequence_of(image)
        if self._live.encoding is not None and target is not None:
            return maps.update_uncertainty(slicer.mrmlScene, self._live.encoding, target, image, source), note
        node = links.map_of(image, OverlayKind.UNCERTAINTY)
        if node is None:
            note = _("There is no uncertainty of this image: move a slider, or set Samples to 2 or more.")
        return node, note

    def _difference(self, image, source) -> tuple:
        reference = self._parameters.reference
        if reference is None:
            return None, _("Choose a real image of the target in Compare.")
        if not has_grid_of(reference, image):
            text = _("{name} is not on the grid of {source}; resample it to that volume first.")
            return None, text.format(name=reference.GetName(), source=source.GetName())
        node = maps.update_difference(slicer.mrmlScene, image, reference, source)
        return node, _("Red is brighter than the real image, blue darker. Smaller differences are clear.")

    def _on_add_maps(self, _checked: bool) -> None:
        source = links.source_of(self._live.node)
        with slicer.util.tryWithErrorDisplay(_("The maps could not be made."), waitCursor=True):
            nodes = [
                maps.update_effective_map(slicer.mrmlScene, kind, self._live.encoding, source)
                for kind in maps.EFFECTIVE
            ]
            for kind, node in zip(maps.EFFECTIVE, nodes, strict=True):
                overlays.color_map(slicer.mrmlScene, kind, node)
            names = ", ".join(node.GetName() for node in nodes)
            self._ui.mapsNoteLabel.text = _("Added: {names}.").format(names=names)

    def _set_slider(self, cutoff) -> None:
        slider = self._ui.thresholdSlider
        was_blocked = slider.blockSignals(True)
        span = cutoff.maximum - cutoff.minimum
        slider.decimals = 0 if span >= 50 else 2 if span >= 0.5 else 4
        slider.minimum, slider.maximum = cutoff.minimum, cutoff.maximum
        slider.singleStep = span / 100
        slider.value = cutoff.default
        slider.blockSignals(was_blocked)

    def _on_threshold(self, value: float) -> None:
        node = slicer.mrmlScene.GetNodeByID(self._shown[1]) if self._shown is not None else None
        if node is not None:
            overlays.set_threshold(slicer.mrmlScene, self._shown[0], node, value)

    def _on_opacity(self, value: float) -> None:
        if self._shown is not None:
            overlays.set_opacity(slicer.mrmlScene, value)
