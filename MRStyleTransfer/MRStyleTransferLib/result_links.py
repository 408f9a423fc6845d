"""How a styled volume knows its inputs, maps, metrics and report: references that a saved scene keeps."""

from __future__ import annotations

from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import ROLE_ATTRIBUTE
from MRStyleLib.sequences import set_frame_attribute

STYLED = "styled"
_CONTENT, _STYLE, _METRICS, _REPORT = (
    "MRStyle.content",
    "MRStyle.style",
    "MRStyle.metrics",
    "MRStyle.report",
)
_OVER_TIME = "MRStyle.overTime"


def link_inputs(styled, content, style) -> None:
    """Mark a volume as a result and remember what it was made from; ``style`` may be gone (None)."""
    set_frame_attribute(styled.GetScene(), styled, ROLE_ATTRIBUTE, STYLED)
    styled.SetNodeReferenceID(_CONTENT, content.GetID())
    styled.SetNodeReferenceID(_STYLE, style.GetID() if style is not None else None)


def content_of(styled):
    """The volume that was styled, or None if it is gone."""
    return styled.GetNodeReference(_CONTENT)


def style_of(styled):
    """The volume that gave the look, or None if it is gone."""
    return styled.GetNodeReference(_STYLE)


def map_of(styled, kind: OverlayKind):
    """A quality map, or None."""
    return styled.GetNodeReference(_map_role(kind))


def link_map(styled, kind: OverlayKind, node) -> None:
    """Remember a quality map; None forgets it."""
    styled.SetNodeReferenceID(_map_role(kind), node.GetID() if node is not None else None)


def metrics_of(styled):
    """The table of metrics, or None."""
    return styled.GetNodeReference(_METRICS)


def link_metrics(styled, table) -> None:
    """Remember the table of metrics."""
    styled.SetNodeReferenceID(_METRICS, table.GetID() if table is not None else None)


def report_of(styled) -> str:
    """The report as HTML, empty if there is none."""
    node = styled.GetNodeReference(_REPORT)
    return node.GetText() or "" if node is not None else ""


def link_report(scene, styled, html: str) -> None:
    """Keep the report as a text node of the scene."""
    node = styled.GetNodeReference(_REPORT)
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", f"{styled.GetName()} report")
        styled.SetNodeReferenceID(_REPORT, node.GetID())
    node.SetText(html)


def is_series(result) -> bool:
    """Whether a result, or None, is a series with other enhancement."""
    return result is not None and over_time_of(result) is not None


def over_time_of(result):
    """The table of figures frame by frame of a series with other enhancement; None for any other result."""
    return result.GetNodeReference(_OVER_TIME)


def link_series(result, table) -> None:
    """Mark a result as a series with other enhancement, by its table of figures frame by frame."""
    result.SetNodeReferenceID(_OVER_TIME, table.GetID())


def remove_quality(scene, styled) -> None:
    """Remove maps, metrics and report of an earlier run, which would not be about the new image."""
    for role in (*map(_map_role, OverlayKind), _METRICS, _REPORT):
        node = styled.GetNodeReference(role)
        styled.SetNodeReferenceID(role, None)
        if node is not None:
            scene.RemoveNode(node)


def _map_role(kind: OverlayKind) -> str:
    return f"MRStyle.map.{kind.value}"
