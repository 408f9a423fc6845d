"""The one door to inference: ``translate(volume, model, target)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import cast

import numpy as np
import torch

from .acquisition import Acquisition
from .engine.device import choose
from .engine.plan import Plan, first_plan, run_down
from .engine.prepared import Prepared
from .engine.report import Progress, Reporter
from .engine.run import translate_slices, translate_values
from .engine.slices import PLANES, slice_axes
from .errors import InputError
from .history import History, versions
from .intensity import IntensityMap
from .methods.method import Method, SliceMethod
from .models.card import ModelCard
from .models.package import Package
from .result import Result
from .synthesize import synthesize
from .targets import Target
from .volume import Volume

__all__ = ["Progress", "Result", "content_intensity", "translate"]


def translate(
    volume: Volume,
    model: Package,
    target: Target,
    *,
    samples: int = 1,
    device: str = "auto",
    seed: int = 0,
    intensity: IntensityMap | None = None,
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
    style = Prepared.of(target.volume, card.accepts.minimum_size_voxels)
    if model.weights_sha256 is None:
        plan, planes = Plan(torch.device("cpu"), "float32", batch=1), []
        _tell_weightless(card, device, intensity, report)
        outputs = [translate_values(cast(Method, model.network), content, style)]
    else:
        chosen, reason = choose(device)
        if device == "auto":
            report.tell(f"Device: {reason}")
        planes = [PLANES[axis] for axis in slice_axes(content.spacing_kji_mm, style.spacing_kji_mm)]
        outputs, plan = run_down(
            first_plan(chosen),
            lambda plan: translate_slices(
                cast(SliceMethod, model.network), content, style, plan, samples, seed, report
            ),
            report.tell,
        )
    report.at("finishing", 0.99)
    history = History(
        model_id=card.id,
        model_version=card.version,
        weights_sha256=model.weights_sha256,
        target={"kind": target.kind} | style.record(),
        content=content.record(),
        samples=len(outputs),
        seed=seed,
        device=str(plan.device),
        precision=plan.precision,
        planes=planes,
        versions=versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    arrays = [_finished(output, content, style) for output in outputs]
    # The look has changed, so the parameters of the content's scan no longer hold.
    blank = replace(volume, acquisition=None)
    image = blank.with_array(np.mean(arrays, axis=0), f"{volume.name} in the style of {target.volume.name}")
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


def _finished(output: np.ndarray, content: Prepared, style: Prepared) -> np.ndarray:
    """A canonical output in model units as voxels of the content's grid in the intensities of the style."""
    if content.is_cut_out:
        output = np.where(content.mask, output, 0.0)
    highest = float(style.array.max())
    if content.intensity_is_given:
        # Enhancement may be brighter than all that the style shows.
        highest = max(highest, float(content.array.max()))
    output = np.clip(output, min(0.0, float(style.array.min())), highest)
    return content.restore(style.intensity.inverse(output))
