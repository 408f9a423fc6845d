"""What a run is asked to do, and why it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from mrstyle.acquisition import Acquisition
from MRStyleLib.models import ModelEntry
from MRStyleLib.volumes import describe_fault, has_grid_of

from . import links
from .acquisitions import Known
from .corrections import fault_of, missing_text

LIVE_METHOD = "relaxometry"


@dataclass(frozen=True, eq=False)
class Request:
    """Everything about one run.

    Attributes:
        sources: volume nodes of one patient on one grid, the first is the one that is changed.
        known: how each was acquired, in the same order.
        model: an installed model.
        target: the sequence to synthesize; None prepares the live preview.
        estimate: whether what is unknown about the sources is estimated; without a target, that is all.
        output: volume node for the result; None adds one.
        reference: the true image of the target on the same grid, for metrics; None for none.
        samples: images that are averaged; from 2 on there may be an uncertainty.
        device: auto, cpu, cuda, cuda:<n> or mps.
    """

    sources: tuple[Any, ...]
    known: tuple[Known, ...]
    model: ModelEntry | None
    target: Acquisition | None = None
    estimate: bool = False
    output: Any = None
    reference: Any = None
    samples: int = 1
    device: str = "auto"

    def refusal(self, _scene=None) -> str | None:
        """Why this cannot be done, as a sentence that says what to do; None if it can."""
        return (
            refusal_of_sources(self.sources)
            or refusal_of_model(self.model)
            or self._refusal_of_sequences()
            or self._refusal_of_output()
            or self._refusal_of_reference()
        )

    def _refusal_of_sequences(self) -> str | None:
        for node, known in zip(self.sources, self.known, strict=True):
            if fault := fault_of(known):
                return _("{name}: {fault}").format(name=node.GetName(), fault=fault)
            if (names := missing_text(known)) and not self.estimate:
                text = _(
                    "The {names} of {name} must be known: enter what you know, or estimate it from the image."
                )
                return text.format(names=names, name=node.GetName())
        return None

    def _refusal_of_output(self) -> str | None:
        if self.output is not None and self.output in (*self.sources, self.reference):
            text = _("{name} is an input and would be overwritten; choose another output, or a new volume.")
            return text.format(name=self.output.GetName())
        if links.is_preview(self.output):
            text = _("{name} follows the sliders; choose another output, or a new volume.")
            return text.format(name=self.output.GetName())
        return None

    def _refusal_of_reference(self) -> str | None:
        if self.reference is None:
            return None
        if self.reference in self.sources:
            text = _("{name} is a source; choose a real image of the target, or none.")
            return text.format(name=self.reference.GetName())
        if fault := describe_fault(self.reference):
            return fault
        if not has_grid_of(self.reference, self.sources[0]):
            text = _(
                "{name} is not on the grid of {source}; resample it to that volume first, or compare with none."
            )
            return text.format(name=self.reference.GetName(), source=self.sources[0].GetName())
        return None


def refusal_of_sources(sources: tuple[Any, ...]) -> str | None:
    """Why these volumes cannot be used together; reads their voxels."""
    if not sources or sources[0] is None:
        return _("Choose the source: the volume whose contrast is to change.")
    if len(set(sources)) < len(sources):
        return _("The same volume is chosen twice; choose different sources of one patient.")
    if preview := next(filter(links.is_preview, sources), None):
        text = _("{name} follows the sliders; press Apply, and choose the volume that is written then.")
        return text.format(name=preview.GetName())
    if fault := next(filter(None, map(describe_fault, sources)), None):
        return fault
    first = sources[0]
    for other in sources[1:]:
        same_parent = other.GetTransformNodeID() == first.GetTransformNodeID()
        if not same_parent or not has_grid_of(other, first):
            text = _(
                "{name} is not on the grid of {source}; register and resample it to that volume first, or leave it out."
            )
            return text.format(name=other.GetName(), source=first.GetName())
    return None


def refusal_of_model(model: ModelEntry | None) -> str | None:
    """Why this panel cannot use a model; None if it can."""
    if model is None:
        return _("Choose a model.")
    if model.fault:
        return model.fault
    if "acquisition" not in model.card["target_kinds"]:
        return _("{title} does not take acquisition parameters; it belongs to another panel.").format(
            title=model.title
        )
    return None


def is_live(model: ModelEntry | None) -> bool:
    """Whether images of a model can follow the sliders, because a formula makes them."""
    return model is not None and model.card.get("method") == LIVE_METHOD
