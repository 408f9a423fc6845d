"""What a run on a dynamic series is asked to do, and why it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry
from MRStyleLib.sequences import describe_frame_fault, frames_of
from MRStyleLib.series_files import is_multi_volume
from MRStyleLib.volumes import has_grid_of

from .parameters import EnhancementChoice
from .request import refusal_of_dynamic_model

LEAST_FRAMES = 5  # that a network sees at once


@dataclass(frozen=True, eq=False)
class SeriesRequest:
    """Everything about one run.

    Attributes:
        content: volume node that shows a frame of a sequence, or a multi-volume node.
        enhancement: what every frame shall look like.
        model: an installed model for dynamic series.
        like: volume node as ``content``, of the series to be like; needed for `EnhancementChoice.LIKE` only.
        like_frame: frame of that, counted from 1; 0 is the one that is enhanced most.
        device: auto, cpu, cuda, cuda:<n> or mps.
        measure_quality: whether maps are computed and brought into the scene.
    """

    content: Any
    enhancement: EnhancementChoice
    model: ModelEntry | None
    like: Any = None
    like_frame: int = 0
    device: str = "auto"
    measure_quality: bool = True

    def refusal(self, scene) -> str | None:
        """Why this cannot be done, as a sentence that says what to do; None if it can."""
        return (
            self._refusal_of_content(scene)
            or refusal_of_dynamic_model(self.model)
            or self._refusal_of_like(scene)
        )

    def _refusal_of_content(self, scene) -> str | None:
        if self.content is None:
            return _("Choose the content: a dynamic series, loaded as a sequence.")
        return _refusal_of_series(scene, self.content, LEAST_FRAMES)

    def _refusal_of_like(self, scene) -> str | None:
        if self.enhancement is not EnhancementChoice.LIKE:
            return None
        if self.like is None:
            return _("Choose the series that has the frame to be like.")
        if fault := _refusal_of_series(scene, self.like, 2):
            return fault
        count = _number_of_frames(scene, self.like)
        if not 0 <= self.like_frame <= count:
            text = _("{name} has frames 1 to {count}, not {frame}; choose one of them.")
            return text.format(name=self.like.GetName(), count=count, frame=self.like_frame)
        return None


def _number_of_frames(scene, node) -> int:
    if is_multi_volume(node):
        return node.GetImageData().GetNumberOfScalarComponents()
    return len(frames_of(scene, node))


def _refusal_of_series(scene, node, least: int) -> str | None:
    frames = frames_of(scene, node)
    if frames is None and not is_multi_volume(node):
        text = _(
            "{name} is a single volume; choose one that shows a frame of a dynamic series, or open the series from its file."
        )
        return text.format(name=node.GetName())
    if (count := _number_of_frames(scene, node)) < least:
        text = _("{name} has {count} frames; this needs at least {least}.")
        return text.format(name=node.GetName(), count=count, least=least)
    if frames is None:
        return None
    if fault := describe_frame_fault(frames, may_be_slice=True):
        return fault
    for frame in frames[1:]:
        if not has_grid_of(frame.node, frames[0].node):
            text = _("Frame {number} of {name} has another grid than the first one; resample it first.")
            return text.format(number=frame.number + 1, name=node.GetName())
    return None
