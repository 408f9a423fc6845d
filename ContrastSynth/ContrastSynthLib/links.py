"""How a synthetic volume knows its source, maps and metrics: references that a saved scene keeps."""

from __future__ import annotations

from slicer.i18n import tr as _

from mrstyle.acquisition import Acquisition
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import ROLE_ATTRIBUTE

from .wording import family_text

SYNTHESIZED, PREVIEW = "synthesized", "preview"
_SOURCE, _METRICS = "MRStyle.source", "MRStyle.metrics"


def link(node, source, role: str) -> None:
    """Mark a volume as synthetic and remember what it was made from."""
    node.SetAttribute(ROLE_ATTRIBUTE, role)
    node.SetNodeReferenceID(_SOURCE, source.GetID())


def source_of(node):
    """The volume whose contrast was changed; None if it is gone, or the volume is not synthetic."""
    return node.GetNodeReference(_SOURCE) if node is not None else None


def is_preview(node) -> bool:
    """Whether a volume follows the sliders."""
    return node is not None and node.GetAttribute(ROLE_ATTRIBUTE) == PREVIEW


def map_of(node, kind: OverlayKind):
    """A map of a synthetic volume, or of its source, or None."""
    return node.GetNodeReference(_map_role(kind))


def link_map(node, kind: OverlayKind, map_node) -> None:
    """Remember a map."""
    node.SetNodeReferenceID(_map_role(kind), map_node.GetID())


def link_uncertainty(node, map_node) -> None:
    """Remember the map of uncertainty."""
    link_map(node, OverlayKind.UNCERTAINTY, map_node)


def metrics_of(node):
    """The table of metrics, or None."""
    return node.GetNodeReference(_METRICS)


def link_metrics(node, table) -> None:
    """Remember the table of metrics."""
    node.SetNodeReferenceID(_METRICS, table.GetID())


def forget_maps(scene, node) -> None:
    """Remove the maps and metrics of an earlier image, which would not be about the new one."""
    for role in (*map(_map_role, OverlayKind), _METRICS):
        other = node.GetNodeReference(role)
        node.SetNodeReferenceID(role, None)
        if other is not None:
            scene.RemoveNode(other)


def result_name(source, target: Acquisition) -> str:
    """Name of a synthetic volume."""
    return _("{name} (synthetic {sequence})").format(name=source.GetName(), sequence=_short(target))


def preview_name(source) -> str:
    """Name of the volume that follows the sliders."""
    return _("{name} (live preview, synthetic)").format(name=source.GetName())


def _short(target: Acquisition) -> str:
    times = [("TR", target.repetition_time_ms), ("TE", target.echo_time_ms), ("TI", target.inversion_time_ms)]
    texts = [f"{name} {value:g}" for name, value in times if value is not None]
    return " ".join([family_text(target.family).lower(), *texts])


def _map_role(kind: OverlayKind) -> str:
    return f"MRStyle.map.{kind.value}"
