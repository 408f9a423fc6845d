"""A 4D file that the worker wrote, as frames of a sequence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .images import read_4d, volume_of
from .sequences import Frame
from .volumes import has_grid_of


def read_series_result(
    path: Path, frames: Sequence[Frame], history: dict | None = None
) -> Iterator[tuple[Frame, Any, dict | None]]:
    """The frames of a file, as `MRStyleLib.sequences.import_sequence` takes them.

    Raises:
        ValueError: the file is damaged, on another grid, or has more or fewer frames.
    """
    voxels, affine, _keys = read_4d(path)
    if len(voxels) != len(frames):
        text = _(
            "The result {path} has {count} frames and not {wanted}; was the series changed during the run?"
        )
        raise ValueError(text.format(path=path, count=len(voxels), wanted=len(frames)))
    for frame, each in zip(frames, voxels, strict=True):
        node = volume_of(each, affine)
        if not has_grid_of(node, frame.node):
            text = _(
                "The result {path} is not on the grid of {name}; was that volume changed during the run?"
            )
            raise ValueError(text.format(path=path, name=frame.node.GetName()))
        yield frame, node.GetImageData(), history


def read_series_history(path: Path) -> dict[str, Any]:
    """What the worker says about how a series was made, as `MRStyleLib.results.set_history` takes it.

    Raises:
        ValueError: it is missing or damaged.
    """
    from mrstyle.files import sidecar_path

    try:
        told = json.loads(sidecar_path(path).read_text(encoding="utf-8"))["MRStyle"]
        model_id, version = told["model"].split("@")
        target = {"kind": "enhancement", "enhancement": told["enhancement"], "style": told["style"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        text = _("The history of the result {path} is damaged; run again, and check the free disk space.")
        raise ValueError(text.format(path=path)) from error
    return told | {"model_id": model_id, "model_version": version, "target": target}
