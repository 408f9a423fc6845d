"""What a run has written, as nodes of the scene: on the grid, in the place and in the study of its content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from .volumes import has_grid_of, sampled_voxels

ROLE_ATTRIBUTE = "MRStyle.Role"  # what made a volume: results of each panel have a value of their own
MODEL_ATTRIBUTE = "MRStyle.Model"
TARGET_ATTRIBUTE = "MRStyle.Target"
HISTORY_ATTRIBUTE = "MRStyle.History"


def import_volume(scene, path: Path, like_node, name: str, output_node=None, *, window_like=None):
    """Bring an image that the worker wrote into the scene.

    The grid is not that of the file, which may have rounded it, but exactly that of ``like_node``, and so are
    the parent transform and the place in the subject hierarchy. DICOM instance UIDs are not: the image is new.

    Args:
        scene: the scene to add to.
        path: the image; a .json file of the same name beside it becomes the node's history attributes.
        like_node: the volume on whose grid the image is.
        name: of a new node, made unique in the scene.
        output_node: a scalar volume that takes the image and keeps its name; None adds a node.
        window_like: a volume of the same intensity unit whose display window is taken; None: see `set_window`.

    Returns:
        The node, which is in no view yet unless it was before.

    Raises:
        ValueError: the file is missing, damaged or on another grid, or the output cannot take it. The scene
            is as before.
    """
    if output_node is not None:
        _check_output(output_node, like_node)
    image, history = read_result(path, like_node)
    with _placed(scene, like_node, name, output_node) as node:
        set_history(node, history)
        node.SetAndObserveImageData(image)
    set_window(node, window_like)
    place_beside(scene, node, like_node)
    return node


def add_volume(scene, voxels, like_node, name: str, output_node=None):
    """Bring voxels that were computed here into the scene, placed as `import_volume` does.

    Args:
        scene: the scene to add to.
        voxels: (k, j, i) on the grid of ``like_node``; copied.
        like_node: the volume on whose grid the voxels are.
        name: of a new node, made unique in the scene.
        output_node: a scalar volume that takes the voxels and keeps its name; None adds a node.

    Returns:
        The node; a new one has no display node yet, see `set_window`.

    Raises:
        ValueError: the output cannot take them.
    """
    if output_node is not None:
        _check_output(output_node, like_node)
    with _placed(scene, like_node, name, output_node) as node:
        slicer.util.updateVolumeFromArray(node, voxels)
    place_beside(scene, node, like_node)
    return node


@contextmanager
def _placed(scene, like_node, name: str, output_node) -> Iterator:
    """``output_node`` or a new node, on the grid of ``like_node``; its observers hear of it after the block."""
    node = output_node
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))
    with slicer.util.NodeModify(node):
        node.CopyOrientation(like_node)
        node.SetAndObserveTransformNodeID(like_node.GetTransformNodeID())
        node.RemoveAttribute("DICOM.instanceUIDs")
        if display := node.GetDisplayNode():
            display.SetAutoWindowLevel(False)
        yield node


def read_result(path: Path, like_node):
    """The voxels of a result as vtkImageData, and its history as a dict, None if it has none (a quality map).

    Raises:
        ValueError: see `import_volume`.
    """
    return _read_image(Path(path), like_node), _read_history(Path(path))


def set_history(node, history: dict | None) -> None:
    """Keep a worker's history as attributes of a node; None removes that of an earlier run.

    Attributes:
        MRStyle.Model: id@version, and the checksum of the weights if there are any.
        MRStyle.Target: JSON, what the image was made to look like.
        MRStyle.History: JSON, all of it.
    """
    if history is None:
        for attribute in (MODEL_ATTRIBUTE, TARGET_ATTRIBUTE, HISTORY_ATTRIBUTE):
            node.RemoveAttribute(attribute)
        return
    model = f"{history['model_id']}@{history['model_version']}"
    if history.get("weights_sha256"):
        model += f" sha256:{history['weights_sha256']}"
    node.SetAttribute(MODEL_ATTRIBUTE, model)
    node.SetAttribute(TARGET_ATTRIBUTE, json.dumps(history["target"]))
    node.SetAttribute(HISTORY_ATTRIBUTE, json.dumps(history))


def set_window(node, window_like=None) -> None:
    """Show a volume in the window and level of another one; None: from its 0.1st to its 99.9th percentile.

    The percentiles are Slicer's own choice, too, but Slicer reads every voxel for it, which takes up to a second
    and would hold up the window of the application.
    """
    pattern = window_like.GetDisplayNode() if window_like is not None else None
    if pattern is not None:
        window, level = pattern.GetWindow(), pattern.GetLevel()
    else:
        low, high = np.percentile(sampled_voxels(node), (0.1, 99.9))
        window, level = max(high - low, 1e-6), (low + high) / 2
    display = node.GetDisplayNode()
    if display is None:
        # Not CreateDefaultDisplayNodes(), which starts with an automatic window.
        display = node.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeDisplayNode")
        display.SetDefaultColorMap()
    with slicer.util.NodeModify(display):
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(window, level)
    node.SetAndObserveDisplayNodeID(display.GetID())


def place_beside(scene, node, like_node) -> None:
    """Put a node into the folder or study of another one in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    like_item = hierarchy.GetItemByDataNode(like_node) if hierarchy else 0
    if not like_item:
        return
    parent, item = hierarchy.GetItemParent(like_item), hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, parent)
    else:
        hierarchy.CreateItem(parent, node)


def _check_output(output_node, like_node) -> None:
    if output_node.GetClassName() != "vtkMRMLScalarVolumeNode":
        text = _("{name} cannot hold the result, because it is not a scalar volume; choose another output.")
        raise ValueError(text.format(name=output_node.GetName()))
    if output_node is like_node:
        text = _("{name} is the content and would be overwritten; choose another output volume.")
        raise ValueError(text.format(name=output_node.GetName()))


def _read_image(path: Path, like_node):
    read = slicer.vtkMRMLScalarVolumeNode()
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path.absolute()))
    storage.SetSingleFile(True)
    if not path.is_file() or not storage.ReadData(read) or read.GetImageData() is None:
        text = _("The result {path} is missing or damaged; run again, and check the free disk space.")
        raise ValueError(text.format(path=path))
    if not has_grid_of(read, like_node):
        text = _("The result {path} is not on the grid of {name}; was that volume changed during the run?")
        raise ValueError(text.format(path=path, name=like_node.GetName()))
    return read.GetImageData()


def _read_history(image_path: Path) -> dict | None:
    stem = image_path.with_suffix("") if image_path.suffix.lower() == ".gz" else image_path
    path = stem.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        if {"model_id", "model_version", "target"} <= history.keys():
            return history
    except (OSError, ValueError, AttributeError):
        pass
    text = _("The history {path} of the result is damaged; run again, and check the free disk space.")
    raise ValueError(text.format(path=path))
