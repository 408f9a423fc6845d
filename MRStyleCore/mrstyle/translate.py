"""The one door to inference: ``translate(volume, model, target)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any, Literal, cast

import numpy as np
import torch

from .acquisition import Acquisition
from .engine.blocks import BlockMethod, known_site, translate_blocks
from .engine.device import choose
from .engine.plan import Plan, first_plan, run_down
from .engine.prepared import Prepared
from .engine.report import Progress, Reporter
from .engine.run import planes_of, translate_slices, translate_values
from .engine.slices import PLANES
from .errors import InputError
from .history import History, versions
from .intensity import IntensityMap
from .methods.method import Method, SliceMethod
from .models.card import ModelCard
from .models.package import Package
from .result import Result
from .synthesize import synthesize
from .targets import Reference, Sample, Site, Target
from .volume import Volume

__all__ = ["Planes", "Progress", "Result", "content_intensity", "translate"]

Planes = Literal["fused", "single"]
# Volumes of all sites come out on one scale: 1000 is the 99.5th percentile of a head.
SITE_INTENSITY = IntensityMap(0.0, 1000.0)


def translate(
    volume: Volume,
    model: Package,
    target: Target,
    *,
    samples: int = 1,
    device: str = "auto",
    seed: int = 0,
    intensity: IntensityMap | None = None,
    planes: Planes = "fused",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Result:
    """Make ``volume`` look like ``target`` by ``model``.

    Args:
        volume: the content; any orientation and voxel size.
        model: a loaded package.
        target: what to look like; of a kind that the model's card lists.
        samples: 1 gives one deterministic image. More give their mean as the image and their standard deviation as its
            uncertainty: each sample draws the slices of the reference anew, with replacement, scales the content a
            little, and every second one is mirrored. Methods without weights have no uncertainty.
        device: "auto", "cpu", "cuda" or "mps".
        seed: of the samples.
        intensity: of the content. None reads it from the content. For the frames of a series give that of the first one
            (`content_intensity`): scaled by its own, each frame would lose what a contrast agent adds. The history tells.
        planes: of 2D methods where no slices are thick: the mean of axial, coronal and sagittal slices, or axial ones alone,
            which takes a third of the time and flickers more. 3D methods have no planes.
        progress: is told how far it is, a few times a second.
        cancel: asked several times a second; True ends the run.

    Raises:
        InputError: a volume is not usable, or the model does not take this kind of target.
        Cancelled: ``cancel`` said so.
        OutOfMemory: not even the smallest plan fits into memory.
    """
    card = model.card
    if target.kind not in card.target_kinds:
        raise InputError(
            f"The model {card.id} takes a target of kind {', '.join(card.target_kinds)}, not {target.kind}."
        )
    if samples < 1:
        raise InputError(f"The number of samples must be 1 or more, not {samples}.")
    if isinstance(target, Acquisition):
        return synthesize(
            [volume],
            model,
            [target],
            samples=samples,
            device=device,
            seed=seed,
            progress=progress,
            cancel=cancel,
        )[0]
    report = Reporter(progress, cancel)
    report.at("reading intensities", 0.0)
    content = Prepared.of(volume, card.accepts.minimum_size_voxels, intensity)
    style = _style(target, card)
    axes: list[str] = []
    if model.weights_sha256 is None:
        assert isinstance(style, Prepared)  # such a method takes nothing but references
        plan = Plan(torch.device("cpu"), "float32", batch=1)
        _tell_weightless(card, device, intensity, report)
        outputs = [translate_values(cast(Method, model.network), content, style)]
    else:
        chosen, reason = choose(device)
        if device == "auto":
            report.tell(f"Device: {reason}")
        if model.network.dim == 3:

            def work(plan: Plan) -> list[np.ndarray]:
                return translate_blocks(
                    cast(BlockMethod, model.network), content, style, plan, samples, seed, report
                )

        else:
            axes = [PLANES[axis] for axis in planes_of(content, style, planes)]

            def work(plan: Plan) -> list[np.ndarray]:
                return translate_slices(
                    cast(SliceMethod, model.network), content, style, plan, samples, seed, report, planes
                )

        outputs, plan = run_down(first_plan(chosen), work, report.tell)
    history = History(
        model_id=card.id,
        model_version=card.version,
        weights_sha256=model.weights_sha256,
        target={"kind": target.kind} | _record(style),
        content=content.record(),
        samples=len(outputs),
        seed=seed,
        device=str(plan.device),
        precision=plan.precision,
        planes=axes,
        versions=versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    arrays = [_finished(output, content, style) for output in outputs]
    # The look has changed, so the parameters of the content's scan no longer hold.
    blank = replace(volume, acquisition=None)
    image = blank.with_array(np.mean(arrays, axis=0), f"{volume.name} {_look(target)}")
    uncertainty = None
    if len(arrays) > 1:
        uncertainty = blank.with_array(np.std(arrays, axis=0, ddof=1), f"Uncertainty of {image.name}")
    return Result(image, uncertainty, history, report.notes)


def content_intensity(volume: Volume, model: Package) -> IntensityMap:
    """The intensity map that `translate` reads from a content by itself.

    Raises:
        InputError: the volume is not usable.
    """
    return Prepared.of(volume, model.card.accepts.minimum_size_voxels).intensity


def _tell_weightless(card: ModelCard, device: str, intensity: IntensityMap | None, report: Reporter) -> None:
    """What a method without weights cannot follow."""
    if device not in ("auto", "cpu"):
        report.tell(f"{card.id} has no network to run on {device}; it computes on the CPU.")
    if intensity is not None:
        report.tell(
            f"{card.id} fits the intensities of each frame by itself, so enhancement from frame to frame is not kept; "
            "choose a model with weights for a series."
        )


def _style(target: Reference | Site | Sample, card: ModelCard) -> Prepared | Site | Sample:
    """The target as engines take it.

    Raises:
        InputError: the model does not know the site.
    """
    if isinstance(target, Reference):
        return Prepared.of(target.volume, card.accepts.minimum_size_voxels)
    name = target.name if isinstance(target, Site) else target.site
    if name is not None:
        known_site(card.sites, name)
    return target


def _record(style: Prepared | Site | Sample) -> dict[str, Any]:
    """What the history keeps of a target."""
    if isinstance(style, Prepared):
        return style.record()
    return asdict(style) | {"intensity": SITE_INTENSITY.as_dict()}


def _look(target: Reference | Site | Sample) -> str:
    """What a result looks like, for its name."""
    if isinstance(target, Reference):
        return f"in the style of {target.volume.name}"
    if isinstance(target, Site):
        return f"as of {target.name}"
    return f"in style {target.seed}" + (f" of {target.site}" if target.site else "")


def _finished(output: np.ndarray, content: Prepared, style: Prepared | Site | Sample) -> np.ndarray:
    """A canonical output in model units as voxels of the content's grid in the intensities of the style."""
    if content.is_cut_out:
        output = np.where(content.mask, output, 0.0)
    if not isinstance(style, Prepared):
        return content.restore(SITE_INTENSITY.inverse(np.maximum(output, 0.0)))
    highest = float(style.array.max())
    if content.intensity_is_given:
        # Enhancement may be brighter than all that the style shows.
        highest = max(highest, float(content.array.max()))
    output = np.clip(output, min(0.0, float(style.array.min())), highest)
    return content.restore(style.intensity.inverse(output))
