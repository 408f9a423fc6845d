"""Volumes over time (sequences): the frames behind a volume in the scene, and a new sequence beside theirs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from .results import place_beside, read_result, set_history, set_window
from .scene_nodes import nodes_of_class
from .volumes import describe_fault, export_volume


@dataclass(frozen=True, eq=False)
class Frame:
    """One item of a sequence.

    Attributes:
        number: position in the sequence, from 0.
        index_value: as the sequence has it, e.g. "12.5"; its name and unit are the sequence's.
        node: the volume, in the sequence's own scene; never the one that views show.
    """

    number: int
    index_value: str
    node: Any


@dataclass(frozen=True, eq=False)
class TimeAxis:
    """The index of a sequence as an axis of plots.

    Attributes:
        values: of the frames, rising.
        title: name and unit.
        is_time: whether the values are times in s; else they are the sequence's own numbers, or the frames counted from 1.
    """

    values: np.ndarray
    title: str
    is_time: bool


def time_axis(sequence) -> TimeAxis:
    """When the frames of a sequence were taken, as far as it knows."""
    from mrstyle.series_times import seconds_per

    count, unit = sequence.GetNumberOfDataNodes(), sequence.GetIndexUnit() or ""
    try:
        values = np.array([float(sequence.GetNthIndexValue(number)) for number in range(count)])
    except ValueError:
        values = np.zeros(0)
    if not len(values) or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        return TimeAxis(np.arange(1.0, count + 1), _("Frame"), False)
    if (seconds := seconds_per(unit)) is not None:
        return TimeAxis(values * seconds, _("Time (s)"), True)
    name = (sequence.GetIndexName() or _("frame")).capitalize()
    return TimeAxis(values, f"{name} ({unit})" if unit else name, False)


def find_browser(scene, proxy_node) -> tuple[Any, Any] | None:
    """The sequence browser and the sequence that a volume in the scene shows a frame of; None if it is no such."""
    for browser in nodes_of_class(scene, "vtkMRMLSequenceBrowserNode"):
        sequence = browser.GetSequenceNode(proxy_node) if proxy_node is not None else None
        if sequence is not None:
            return browser, sequence
    return None


def frames_of(scene, proxy_node) -> list[Frame] | None:
    """All frames behind a volume of the scene, in their order; None if the volume is a single one."""
    found = find_browser(scene, proxy_node)
    if found is None:
        return None
    sequence = found[1]
    return [
        Frame(number, sequence.GetNthIndexValue(number), sequence.GetNthDataNode(number))
        for number in range(sequence.GetNumberOfDataNodes())
    ]


def describe_frame_fault(frames: Iterable[Frame], *, may_be_slice: bool = False) -> str | None:
    """Why the first unusable frame cannot be an input; None if all can."""
    for frame in frames:
        if fault := describe_fault(frame.node, may_be_slice=may_be_slice):
            text = _("Frame {number} of the sequence (index {index_value}): {fault}")
            return text.format(number=frame.number + 1, index_value=frame.index_value, fault=fault)
    return None


def export_frames(frames: Sequence[Frame], folder: Path, *, may_be_slice: bool = False) -> list[Path]:
    """Write every frame as frame_0001.nrrd and so on, and return the paths in the same order.

    Raises:
        ValueError: a frame cannot be an input.
        OSError: a file cannot be written.
    """
    paths = []
    for frame in frames:
        if fault := describe_frame_fault([frame], may_be_slice=may_be_slice):
            raise ValueError(fault)
        paths.append(folder / f"frame_{frame.number + 1:04d}.nrrd")
        export_volume(frame.node, paths[-1], may_be_slice=may_be_slice)
    return paths


def read_frames(results: Iterable[tuple[Frame, Path]]) -> Iterator[tuple[Frame, Any, dict | None]]:
    """Frames that the worker wrote one by one, as `import_sequence` takes them.

    Raises:
        ValueError: a file is missing, damaged or on another grid.
    """
    for frame, path in results:
        yield frame, *read_result(path, frame.node)


def import_sequence(
    scene, images: Iterable[tuple[Frame, Any, dict | None]], proxy_node, name: str, *, window_like=None
) -> Generator[None, None, Any]:
    """Make a sequence of results that plays together with that of the content, one frame for each `next`.

    A long series would hold the window of the application if it were read at once. The scene changes only at the
    end, when all frames are read.

    Index values, index name and unit are those of the content's sequence, and the frame that the user looks at
    stays the selected one. All frames share one display window, so that a change of signal stays visible.

    Args:
        scene: the scene to add to.
        images: frames of the content, for each the voxels (vtkImageData) of the new one, and its history; some may be missing,
            not all. See `read_frames`.
        proxy_node: the content, as `frames_of` took it.
        name: of the new sequence and of the volume that shows it.
        window_like: see `import_volume`.

    Returns:
        The volume in the scene that shows the selected frame of the new sequence.

    Raises:
        ValueError: the content is no sequence any more, or what ``images`` raises. The scene is as before.
    """
    _browser, pattern = _browser_of(scene, proxy_node)
    sequence = _sequence_like(pattern, scene.GenerateUniqueName(name))
    history = None
    for frame, image, history in images:
        _set_frame(sequence, frame, image, history)
        yield
    # The user may have changed the scene in between.
    browser, pattern = _browser_of(scene, proxy_node)
    set_history(sequence, history)
    scene.AddNode(sequence)
    place_beside(scene, sequence, pattern)
    output = _add_proxy(scene, browser, sequence, proxy_node)
    set_history(output, history)
    set_window(output, window_like)
    return output


def set_frame_attribute(scene, node, name: str, value: str) -> None:
    """Give a volume an attribute that it keeps: one that shows a frame takes over those of each frame that it shows."""
    node.SetAttribute(name, value)
    for frame in frames_of(scene, node) or ():
        frame.node.SetAttribute(name, value)


def add_sequence(scene, name: str, frames: Iterable[tuple[str, Any]], index_name: str, unit: str):
    """Add a sequence with a browser of its own.

    Args:
        scene: the scene to add to.
        name: of the sequence and of the volume that shows it, made unique.
        frames: index value and volume of each; the volumes are in no scene.
        index_name: e.g. "time".
        unit: of the index values.

    Returns:
        The volume in the scene that shows the first frame.
    """
    sequence = slicer.vtkMRMLSequenceNode()
    sequence.SetName(scene.GenerateUniqueName(name))
    sequence.SetIndexName(index_name)
    sequence.SetIndexUnit(unit)
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    for index_value, volume in frames:
        volume.SetName(sequence.GetName())
        sequence.SetDataNodeAtValue(volume, index_value)
    scene.AddNode(sequence)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{sequence.GetName()} browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    proxy = _proxy(scene, browser, sequence)
    set_window(proxy)
    return proxy


def _browser_of(scene, proxy_node) -> tuple[Any, Any]:
    found = find_browser(scene, proxy_node)
    if found is None:
        text = _("{name} is no longer a sequence in the scene; load it again.")
        raise ValueError(text.format(name=proxy_node.GetName()))
    return found


def _sequence_like(pattern, name: str):
    """An empty sequence, in no scene yet, with the kind of index of another one."""
    sequence = slicer.vtkMRMLSequenceNode()
    sequence.SetName(name)
    sequence.SetIndexName(pattern.GetIndexName())
    sequence.SetIndexUnit(pattern.GetIndexUnit())
    sequence.SetIndexType(pattern.GetIndexType())
    sequence.SetNumericIndexValueTolerance(pattern.GetNumericIndexValueTolerance())
    return sequence


def _set_frame(sequence, frame: Frame, image, history: dict | None) -> None:
    # Never a node of the user's scene: views would show every frame in passing.
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(sequence.GetName())
    volume.CopyOrientation(frame.node)
    volume.SetAndObserveImageData(image)
    set_history(volume, history)
    sequence.SetDataNodeAtValue(volume, frame.index_value)


def _add_proxy(scene, browser, sequence, content_proxy):
    """A volume in the scene that follows the browser's selected frame, placed as the content is."""
    browser.AddSynchronizedSequenceNode(sequence)
    output = _proxy(scene, browser, sequence)
    output.SetAndObserveTransformNodeID(content_proxy.GetTransformNodeID())
    place_beside(scene, output, content_proxy)
    return output


def _proxy(scene, browser, sequence):
    """The volume that shows the selected frame: Slicer may have made it when the browser was given the sequence."""
    proxy = browser.GetProxyNode(sequence)
    if proxy is None:
        proxy = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", sequence.GetName())
        proxy.CopyContent(_selected_frame(browser, sequence))
        browser.AddProxyNode(proxy, sequence, False)
    return proxy


def _selected_frame(browser, sequence):
    number = max(browser.GetSelectedItemNumber(), 0)
    index_value = browser.GetMasterSequenceNode().GetNthIndexValue(number)
    return sequence.GetDataNodeAtValue(index_value, False) or sequence.GetNthDataNode(0)
