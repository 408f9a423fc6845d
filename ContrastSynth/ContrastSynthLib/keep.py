"""The volume of the live preview, and how what it shows is kept as a volume of its own."""

from __future__ import annotations

import numpy as np
import slicer

from mrstyle.acquisition import Acquisition
from mrstyle.encoding import Encoding
from MRStyleLib.results import add_volume, set_history, set_window
from MRStyleLib.scene_nodes import nodes_of_class

from . import links
from .acquisitions import keep_synthetic
from .live import LivePreview


def preview_volume(scene, encoding: Encoding, source):
    """A volume on the grid of the source for `LivePreview`: that of an earlier preview of this source, or a new one."""
    empty = np.zeros(encoding.shape, np.float32)
    node = add_volume(scene, empty, source, links.preview_name(source), _earlier_preview(scene, source))
    if node.GetDisplayNode() is None:
        set_window(node)
    links.link(node, source, links.PREVIEW)
    return node


def as_volume(scene, live: LivePreview, output=None):
    """What the preview shows, whole, as a volume that stays as it is.

    Args:
        scene: the scene to add to.
        live: shows a target.
        output: a scalar volume that takes it; None adds one.

    Raises:
        ValueError: the output cannot take it.
    """
    source, target = links.source_of(live.node), live.target
    voxels = slicer.util.arrayFromVolume(live.node)
    node = add_volume(scene, voxels, source, links.result_name(source, target), output)
    links.forget_maps(scene, node)
    set_window(node, live.node)
    links.link(node, source, links.SYNTHESIZED)
    describe(node, live.encoding, target)
    return node


def describe(node, encoding: Encoding, target: Acquisition) -> None:
    """Note with a volume how it was made, and the sequence that it looks like."""
    model_id, _at, version = encoding.model_name.partition("@")
    history = {
        "model_id": model_id,
        "model_version": version,
        **encoding.history,
        "target": {"kind": target.kind, **target.as_dict()},
    }
    set_history(node, history)
    keep_synthetic(node, target)


def _earlier_preview(scene, source):
    for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode"):
        if links.is_preview(node) and links.source_of(node) is source:
            return node
    return None
