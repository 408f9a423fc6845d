"""The maps, metrics and report of one result, brought into the scene in short pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import import_volume
from MRStyleLib.tables import import_metrics
from MRStyleLib.unpacking import unpacked

from . import result_links


def import_quality(scene, styled, content, outputs: dict[str, Any]) -> Iterator[None]:
    """Add what the worker measured, as far as it did, and link it to the result.

    Args:
        scene: the scene.
        styled: the result.
        content: the volume on whose grid the maps are.
        outputs: "maps" (path by name), "uncertainty", "metrics" and "report", as in the worker's result line.

    Raises:
        ValueError: a file is missing or damaged.
        OSError: a file cannot be read, or there is no space to unpack it.
    """
    paths = dict(outputs.get("maps") or {})
    if outputs.get("uncertainty"):
        paths[OverlayKind.UNCERTAINTY.value] = outputs["uncertainty"]
    for kind in OverlayKind:
        if kind.value in paths:
            path = yield from unpacked(Path(paths[kind.value]))
            name = f"{styled.GetName()} {kind.value.replace('_', ' ')}"
            node = import_volume(scene, path, content, name)
            result_links.link_map(styled, kind, node)
            yield
    if outputs.get("metrics"):
        name = _("{name} metrics").format(name=styled.GetName())
        result_links.link_metrics(styled, import_metrics(scene, Path(outputs["metrics"]), name))
        yield
    if outputs.get("report"):
        result_links.link_report(scene, styled, Path(outputs["report"]).read_text(encoding="utf-8"))
