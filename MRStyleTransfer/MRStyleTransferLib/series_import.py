"""A series with other enhancement, its maps and figures, brought into the scene in short pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import import_volume
from MRStyleLib.sequences import Frame, find_browser, import_sequence, time_axis
from MRStyleLib.series_results import read_series_history, read_series_result
from MRStyleLib.unpacking import unpacked

from . import result_links

_FRAME_MAPS = (OverlayKind.CW_SSIM_CONTENT, OverlayKind.CW_SSIM_STYLE)
_VOLUME_MAPS = (OverlayKind.ENHANCEMENT, OverlayKind.CONTENT_WEIGHT)


def import_changed_series(
    scene,
    outputs: dict[str, Any],
    content,
    style,
    frames: Sequence[Frame],
    name: str,
    on_shown: Callable[[Any], None],
) -> Iterator[None]:
    """Add a sequence that plays together with that of the content, its maps, and its figures over time as a table.

    Args:
        scene: the scene.
        outputs: as in the worker's result line.
        content: the volume that shows a frame of the content.
        style: the volume that shows a frame of the series to be like; None where the style is of the content.
        frames: of the content, as they were sent.
        name: of the sequence.
        on_shown: is given the volume that shows the result, before the maps are there.

    Raises:
        ValueError: a file is missing, damaged or on another grid, or the content is no sequence any more.
        OSError: a file cannot be read, or there is no space to unpack it.
    """
    path = Path(outputs["series"])
    images = read_series_result(path, frames, read_series_history(path))
    result = yield from import_sequence(scene, images, content, name, window_like=content)
    result_links.link_inputs(result, content, style)
    result_links.link_series(result, _over_time_table(scene, outputs["over_time"], content, result))
    on_shown(result)
    yield
    maps = outputs["maps"]
    for kind in _VOLUME_MAPS:
        if kind.value in maps:
            uncompressed = yield from unpacked(Path(maps[kind.value]))
            node = import_volume(scene, uncompressed, content, _map_name(result, kind))
            result_links.link_map(result, kind, node)
            yield
    for kind in _FRAME_MAPS:
        if kind.value in maps:
            images = read_series_result(Path(maps[kind.value]), frames)
            node = yield from import_sequence(scene, images, content, _map_name(result, kind))
            result_links.link_map(result, kind, node)


def _map_name(result, kind: OverlayKind) -> str:
    return f"{result.GetName()} {kind.value.replace('_', ' ')}"


def _over_time_table(scene, over_time: dict[str, Any], content, result):
    """CW-SSIM frame by frame, as columns that the panel plots and a user can export."""
    axis = time_axis(find_browser(scene, content)[1])
    columns = {axis.title: axis.values, _("To content"): over_time["content_cw_ssim"]}
    if over_time["style_cw_ssim"] is not None:
        columns[_("To style")] = over_time["style_cw_ssim"]
    name = scene.GenerateUniqueName(_("{name} CW-SSIM over time").format(name=result.GetName()))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    slicer.util.updateTableFromArray(
        table, [np.array(each, float) for each in columns.values()], list(columns)
    )
    table.SetUseColumnTitleAsColumnHeader(True)
    table.SetLocked(True)
    return table
