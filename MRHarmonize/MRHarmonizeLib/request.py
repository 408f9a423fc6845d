"""What a run is asked to do, and why it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry, find_model
from MRStyleLib.sequences import frames_of
from MRStyleLib.volume_inputs import name_of_file
from MRStyleLib.volumes import describe_fault

from . import links
from .parameters import TargetChoice

NO_PREPARATION = {"n4": False, "conform": False, "brain": "keep"}


@dataclass(frozen=True, eq=False)
class Input:
    """A volume to harmonize: one of the scene, or a file that is loaded when its result is there."""

    node: Any = None
    path: Path | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.node.GetName() if self.node is not None else name_of_file(self.path)


@dataclass(frozen=True, eq=False)
class Target:
    """What results are to look like: a site by name, the site of a reference volume, or a style drawn with a seed."""

    kind: TargetChoice
    site: str = ""
    reference: Any = None
    seed: int = 0

    @property
    def name(self) -> str:
        """A few words for names of results."""
        if self.kind is TargetChoice.SITE:
            return self.site
        if self.kind is TargetChoice.REFERENCE:
            return _("as {name}").format(name=self.reference.GetName())
        return _("style {seed}").format(seed=self.seed)

    def refusal(self, model: ModelEntry) -> str | None:
        """Why a model cannot take this, as a sentence that says what to do; None if it can."""
        kinds = model.card["target_kinds"]
        if self.kind.value not in kinds:
            text = _("{title} does not take this kind of target; choose as target: {kinds}.")
            labels = [choice.label() for choice in TargetChoice if choice.value in kinds]
            return text.format(title=model.title, kinds=_(", or ").join(labels).lower())
        if self.kind is TargetChoice.REFERENCE:
            if self.reference is None:
                return _("Choose the reference: a volume of the site that results are to look like.")
            return describe_fault(self.reference)
        if self.site in sites_of(model) or (self.kind is TargetChoice.SAMPLE and not self.site):
            return None
        text = _("{title} does not know the site {site}; it knows {sites}.")
        return text.format(
            title=model.title, site=self.site or _("(none)"), sites=", ".join(sites_of(model)) or _("none")
        )


@dataclass(frozen=True, eq=False)
class Request:
    """Everything about one harmonization.

    Attributes:
        inputs: volumes, in the order of the table.
        target: what they are to look like.
        model: an installed model.
        preparation: "n4", "conform" and "brain", as in `HarmonizeJob`.
        fuse_planes: whether a model of slices works in three directions.
        device: auto, cpu, cuda, cuda:<n> or mps.
    """

    inputs: tuple[Input, ...]
    target: Target
    model: ModelEntry | None
    preparation: dict[str, Any]
    fuse_planes: bool = True
    device: str = "auto"

    def refusal(self, scene) -> str | None:
        """Why this cannot be done, as a sentence that says what to do; None if it can."""
        return (
            self._refusal_of_inputs(scene) or refusal_of_model(self.model) or self.target.refusal(self.model)
        )

    def _refusal_of_inputs(self, scene) -> str | None:
        if not self.inputs:
            return _("Add volumes to the table.")
        for each in self.inputs:
            if each.node is None:
                if not each.path.is_file():
                    return _("The file {path} is gone; take it off the table.").format(path=each.path)
                continue
            if each.node is self.target.reference and self.target.kind is TargetChoice.REFERENCE:
                text = _("{name} is the reference and in the table; take it off the table.")
                return text.format(name=each.name)
            if frames_of(scene, each.node) is not None:
                text = _("{name} is a frame of a sequence (4D); harmonize single volumes.")
                return text.format(name=each.name)
        # Of many, one that cannot be used fails alone; to read all their voxels here would take seconds.
        node = self.inputs[0].node
        return describe_fault(node) if len(self.inputs) == 1 and node is not None else None


@dataclass(frozen=True, eq=False)
class CheckRequest:
    """Which results are checked, and how.

    Attributes:
        results: harmonized volumes whose originals are in the scene.
        sites: whether the site classifier is asked.
        thickness: whether the cortex is measured.
        method: "direct" or "fastsurfer".
        device: auto, cpu, cuda, cuda:<n> or mps.
    """

    results: tuple[Any, ...]
    sites: bool = True
    thickness: bool = True
    method: str = "direct"
    device: str = "auto"

    def refusal(self, _scene=None) -> str | None:
        """Why this cannot be done, as a sentence that says what to do; None if it can."""
        nodes = [node for result in self.results for node in (result, links.original_of(result))]
        return self.refusal_at_once() or next(filter(None, map(describe_fault, nodes)), None)

    def refusal_at_once(self) -> str | None:
        """The same as far as it can be said without reading voxels."""
        if not self.results:
            return _("Harmonize a volume first.")
        if not self.sites and not self.thickness:
            return _("Choose what to check: sites, thickness or both.")
        for result in self.results:
            if links.original_of(result) is None:
                text = _("The original of {name} is gone; harmonize again.")
                return text.format(name=result.GetName())
        return None


def refusal_of_model(model: ModelEntry | None) -> str | None:
    """Why this panel cannot use a model; None if it can."""
    if model is None:
        return _("Choose a model.")
    if model.fault:
        return model.fault
    if not {choice.value for choice in TargetChoice} & set(model.card["target_kinds"]):
        text = _("{title} takes no site, reference or sample; it belongs to another panel.")
        return text.format(title=model.title)
    return None


def sites_of(model: ModelEntry | None) -> tuple[str, ...]:
    """The sites that a model knows; a card's text is a stranger's, so what is no text is left out."""
    sites = model.card.get("sites") if model is not None else None
    return tuple(site for site in sites if isinstance(site, str)) if isinstance(sites, list) else ()


def site_description(model: ModelEntry | None, site: str) -> str:
    """What a model's card says about a site."""
    descriptions = model.card.get("site_descriptions") if model is not None else None
    text = descriptions.get(site) if isinstance(descriptions, dict) else None
    return text if isinstance(text, str) else ""


def scripted_request(
    volumes, model_id: str, site: str, reference, seed: int | None, preparation: dict, device: str
) -> Request:
    """The request of a script; see `MRHarmonizeLogic.process`.

    Raises:
        ValueError: there is no such model, or no one target is named.
    """
    if (reference is None) == (not site and seed is None) or (reference is not None and seed is not None):
        raise ValueError(_("Name one target: a site, a reference, or a seed (of a site, if one is named)."))
    if unknown := preparation.keys() - NO_PREPARATION.keys():
        text = _("Unknown preparation {names}; there are {known}.")
        raise ValueError(text.format(names=", ".join(sorted(unknown)), known=", ".join(NO_PREPARATION)))
    kind = TargetChoice.SITE if seed is None else TargetChoice.SAMPLE
    kind = kind if reference is None else TargetChoice.REFERENCE
    return Request(
        inputs=tuple(Input(node) for node in volumes),
        target=Target(kind, site, reference, seed or 0),
        model=find_model(model_id),
        preparation=NO_PREPARATION | preparation,
        device=device,
    )
