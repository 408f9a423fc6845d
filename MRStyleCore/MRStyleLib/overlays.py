"""Quality maps over an image: colors, cut-out, opacity, and a color legend that names the unit.

The map is the foreground of the views. What was there before is kept with the views' nodes, so that
`hide_overlays` puts it back, also in a scene that was saved and loaded in between. Slicer shows a voxel of a
layer or does not; only the layer as a whole is translucent.
"""

from __future__ import annotations

from collections.abc import Iterable

import slicer

from .color_tables import color_table, set_transparent_middle
from .overlay_kinds import Cutoff, OverlayKind, cutoff_of, display_range
from .scene_nodes import nodes_of_class

__all__ = [
    "Cutoff",
    "OverlayKind",
    "color_map",
    "cutoff_of",
    "display_range",
    "hide_overlays",
    "set_opacity",
    "set_threshold",
    "show_overlay",
    "shown_overlay",
]

_OVERLAY_ROLE = "MRStyle.overlay"
_PREVIOUS_ROLE = "MRStyle.previousForeground"
_PREVIOUS_OPACITY = "MRStyle.previousForegroundOpacity"
_EVERYTHING = 1e30
# Parts of the view; a horizontal legend's size is that of a vertical one: first its thickness, then its length.
_LEGEND_POSITION, _LEGEND_SIZE = (0.5, 0.02), (0.12, 0.8)


def show_overlay(
    scene,
    kind: OverlayKind,
    node,
    opacity: float,
    threshold: float,
    views: Iterable[str],
    *,
    alone: bool = True,
    with_legend: bool = True,
):
    """Show a map as the foreground of some slice views, with a color legend.

    Args:
        scene: the scene of the views.
        kind: what the map shows.
        node: the map, a scalar volume.
        opacity: 0 to 1, of all that the threshold leaves.
        threshold: see `Cutoff`.
        views: layout names, e.g. "Red"; their background stays.
        alone: whether maps in other views are taken out.
        with_legend: whether the views show a color legend.

    Returns:
        The display node of the color legend, if there is one.
    """
    color_map(scene, kind, node)
    set_threshold(scene, kind, node, threshold)
    names = set(views)
    if alone:
        _remove_legends(scene, keep=node)
    for composite in _composites(scene):
        if composite.GetLayoutName() in names:
            _remember_foreground(composite)
            with slicer.util.NodeModify(composite):
                composite.SetNodeReferenceID(_OVERLAY_ROLE, node.GetID())
                composite.SetForegroundVolumeID(node.GetID())
                composite.SetForegroundOpacity(opacity)
        elif alone and _shows_overlay(composite):
            _put_back_foreground(composite)
    return _add_legend(kind, node) if with_legend else None


def set_opacity(scene, opacity: float) -> None:
    """Change how strongly the shown map covers the image, 0 to 1."""
    for composite in _composites(scene):
        if _shows_overlay(composite):
            composite.SetForegroundOpacity(opacity)


def set_threshold(scene, kind: OverlayKind, node, threshold: float) -> None:
    """Change what of a map is cut out; see `Cutoff`."""
    display = node.GetDisplayNode()
    if kind.is_difference:
        display.SetApplyThreshold(False)
        half_range = max(display.GetWindow() / 2, 1e-6)
        set_transparent_middle(color_table(scene, kind.color_table), threshold / half_range)
        return
    with slicer.util.NodeModify(display):
        display.SetAutoThreshold(False)
        low, high = (-_EVERYTHING, threshold) if kind.is_similarity else (threshold, _EVERYTHING)
        display.SetThreshold(low, high)
        display.SetApplyThreshold(True)


def hide_overlays(scene) -> None:
    """Take the maps out of all views, put back what they replaced, and remove their legends.

    A view whose foreground the user has changed since is left as it is.
    """
    for composite in _composites(scene):
        if _shows_overlay(composite):
            _put_back_foreground(composite)
        _forget(composite)
    _remove_legends(scene)


def shown_overlay(scene):
    """The map that some view shows, or None."""
    for composite in _composites(scene):
        if _shows_overlay(composite):
            return composite.GetNodeReference(_OVERLAY_ROLE)
    return None


def color_map(scene, kind: OverlayKind, node) -> None:
    """Give a map the colors and the range of its kind, wherever it is shown."""
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(*display_range(kind, node))
        display.SetAndObserveColorNodeID(color_table(scene, kind.color_table).GetID())


def _composites(scene) -> list:
    return nodes_of_class(scene, "vtkMRMLSliceCompositeNode")


def _shows_overlay(composite) -> bool:
    overlay_id = composite.GetNodeReferenceID(_OVERLAY_ROLE)
    return overlay_id is not None and composite.GetForegroundVolumeID() == overlay_id


def _remember_foreground(composite) -> None:
    if not _shows_overlay(composite):
        composite.SetNodeReferenceID(_PREVIOUS_ROLE, composite.GetForegroundVolumeID())
        composite.SetAttribute(_PREVIOUS_OPACITY, repr(composite.GetForegroundOpacity()))


def _put_back_foreground(composite) -> None:
    with slicer.util.NodeModify(composite):
        composite.SetForegroundVolumeID(composite.GetNodeReferenceID(_PREVIOUS_ROLE))
        composite.SetForegroundOpacity(float(composite.GetAttribute(_PREVIOUS_OPACITY) or 0.0))
        _forget(composite)


def _forget(composite) -> None:
    composite.SetNodeReferenceID(_OVERLAY_ROLE, None)
    composite.SetNodeReferenceID(_PREVIOUS_ROLE, None)
    composite.RemoveAttribute(_PREVIOUS_OPACITY)


def _add_legend(kind: OverlayKind, node):
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(node)
    with slicer.util.NodeModify(legend):
        legend.SetAttribute(_OVERLAY_ROLE, kind.value)
        legend.SetTitleText(kind.title())
        legend.SetLabelFormat("%.4g")
        # Below the head: a column beside two others is higher than wide.
        legend.SetOrientation(slicer.vtkMRMLColorLegendDisplayNode.Horizontal)
        legend.SetPosition(*_LEGEND_POSITION)
        legend.SetSize(*_LEGEND_SIZE)
        legend.SetVisibility(True)
    return legend


def _remove_legends(scene, keep=None) -> None:
    """Remove the legends of maps; those that the user made for other nodes stay."""
    for legend in nodes_of_class(scene, "vtkMRMLColorLegendDisplayNode"):
        if legend.GetAttribute(_OVERLAY_ROLE) and (keep is None or legend.GetDisplayableNode() is not keep):
            scene.RemoveNode(legend)
