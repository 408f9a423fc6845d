"""How a harmonized volume knows its original, its checks and their maps: what a saved scene keeps."""

from __future__ import annotations

from dataclasses import replace

from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import ROLE_ATTRIBUTE
from MRStyleLib.scene_nodes import nodes_of_class, remove_whole

from .findings import Findings

HARMONIZED = "harmonized"
MAPS = (OverlayKind.THICKNESS_BEFORE, OverlayKind.THICKNESS_AFTER, OverlayKind.THICKNESS_DIFFERENCE)
_ORIGINAL, _TABLE = "MRStyle.original", "MRStyle.regions"
_FINDINGS = "MRStyle.Findings"


def link(result, original, findings: Findings) -> None:
    """Mark a volume as harmonized and remember what it was made from."""
    result.SetAttribute(ROLE_ATTRIBUTE, HARMONIZED)
    result.SetNodeReferenceID(_ORIGINAL, original.GetID())
    result.SetAttribute(_FINDINGS, findings.to_json())


def results_of(scene) -> list:
    """All harmonized volumes whose originals are there."""
    return [
        node
        for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode")
        if node.GetAttribute(ROLE_ATTRIBUTE) == HARMONIZED and original_of(node) is not None
    ]


def original_of(result):
    """The volume that was harmonized, or None if it is gone."""
    return result.GetNodeReference(_ORIGINAL)


def findings_of(result) -> Findings:
    """What was found about a result so far."""
    return Findings.from_json(result.GetAttribute(_FINDINGS) or "")


def add_findings(result, **found) -> None:
    """Keep more that was found."""
    result.SetAttribute(_FINDINGS, replace(findings_of(result), **found).to_json())


def map_of(result, kind: OverlayKind):
    """A map of thickness, or None."""
    return result.GetNodeReference(f"MRStyle.map.{kind.value}")


def surface_of(result, kind: OverlayKind):
    """A surface with the values of a map, or None."""
    return result.GetNodeReference(f"MRStyle.surface.{kind.value}")


def link_thickness(result, kind: OverlayKind, map_node, surface) -> None:
    """Remember a map of thickness and its surface."""
    result.SetNodeReferenceID(f"MRStyle.map.{kind.value}", map_node.GetID())
    result.SetNodeReferenceID(f"MRStyle.surface.{kind.value}", surface.GetID())


def table_of(result):
    """The table of regions, or None."""
    return result.GetNodeReference(_TABLE)


def link_table(result, table) -> None:
    """Remember the table of regions."""
    result.SetNodeReferenceID(_TABLE, table.GetID())


def forget_thickness(scene, result) -> None:
    """Remove the maps, surfaces and table of an earlier check."""
    roles = [f"MRStyle.{what}.{kind.value}" for what in ("map", "surface") for kind in MAPS]
    for role in (*roles, _TABLE):
        node = result.GetNodeReference(role)
        result.SetNodeReferenceID(role, None)
        if node is not None:
            remove_whole(scene, node)
