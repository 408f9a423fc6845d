"""What a run is asked to do, and why it cannot be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry
from MRStyleLib.sequences import frames_of
from MRStyleLib.volumes import describe_fault

MAXIMUM_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Request:
    """Everything about one run.

    Attributes:
        contents: volume nodes; a single one may be the proxy of a sequence, which is then styled whole.
        style: volume node.
        model: an installed model.
        output: volume node for the result of a single content; None adds one.
        samples: runs that are averaged; from 2 on there may be an uncertainty.
        device: auto, cpu, cuda, cuda:<n> or mps.
        measure_quality: whether maps, metrics and a report are computed.
    """

    contents: tuple[Any, ...]
    style: Any
    model: ModelEntry | None
    output: Any = None
    samples: int = 1
    device: str = "auto"
    measure_quality: bool = True

    def refusal(self, scene) -> str | None:
        """Why this cannot be done, as a sentence that says what to do; None if it can."""
        return (
            self._refusal_of_inputs(scene)
            or refusal_of_model(self.model)
            or self._refusal_of_output(scene)
            or self._refusal_of_samples()
        )

    def _refusal_of_inputs(self, scene) -> str | None:
        if not self.contents:
            return _("Add volumes to the table.")
        if None in self.contents:
            return _("Choose the content: the volume to change.")
        if self.style is None:
            return _("Choose the style: the volume to look like.")
        for content in self.contents:
            if content is self.style:
                text = _("{name} is both content and style; choose two different volumes.")
                return text.format(name=content.GetName())
            if len(self.contents) > 1 and frames_of(scene, content) is not None:
                text = _("{name} is a frame of a sequence; run sequences one by one, outside the table.")
                return text.format(name=content.GetName())
        return next(filter(None, map(describe_fault, (*self.contents, self.style))), None)

    def _refusal_of_output(self, scene) -> str | None:
        if self.output is None:
            return None
        if self.output in self.contents or self.output is self.style:
            text = _("{name} is an input and would be overwritten; choose another output, or a new volume.")
            return text.format(name=self.output.GetName())
        if frames_of(scene, self.contents[0]) is not None:
            return _("The result of a sequence is a new sequence; choose a new volume as output.")
        return None

    def _refusal_of_samples(self) -> str | None:
        if isinstance(self.samples, int) and 1 <= self.samples <= MAXIMUM_SAMPLES:
            return None
        return _("Samples must be a whole number from 1 to {maximum}.").format(maximum=MAXIMUM_SAMPLES)


def refusal_of_model(model: ModelEntry | None) -> str | None:
    """Why a model cannot give a volume the look of another one; None if it can."""
    if fault := _fault_of_model(model):
        return fault
    if is_dynamic(model):
        return _("{title} changes the enhancement of one dynamic series; choose another model.").format(
            title=model.title
        )
    return refusal_of_any_model(model)


def refusal_of_dynamic_model(model: ModelEntry | None) -> str | None:
    """Why a model cannot change the enhancement of a series; None if it can."""
    if fault := _fault_of_model(model):
        return fault
    if not is_dynamic(model):
        return _("{title} does not change enhancement; choose a model for dynamic series.").format(
            title=model.title
        )
    return None


def refusal_of_any_model(model: ModelEntry | None) -> str | None:
    """Why this panel cannot use a model, whatever its inputs are; None if it can."""
    if fault := _fault_of_model(model):
        return fault
    if not is_dynamic(model) and "reference" not in model.card["target_kinds"]:
        text = _("{title} does not take a style volume but {kinds}; a panel for that comes later.")
        return text.format(title=model.title, kinds=_target_text(model.card["target_kinds"]))
    return None


def is_dynamic(model: ModelEntry | None) -> bool:
    """Whether a model changes the enhancement of dynamic series."""
    return model is not None and "enhancement" in model.card.get("target_kinds", ())


def _fault_of_model(model: ModelEntry | None) -> str | None:
    return _("Choose a model.") if model is None else model.fault


def _target_text(kinds: Sequence[str]) -> str:
    texts = {
        "site": _("a scanner or hospital"),
        "acquisition": _("acquisition parameters"),
        "sample": _("a random look"),
    }
    return _(" or ").join(texts.get(kind, kind) for kind in kinds)
