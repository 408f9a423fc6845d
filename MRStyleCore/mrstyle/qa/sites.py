"""Which site's scanner a volume looks like, and whether that still shows in many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..engine.device import choose
from ..engine.prepared import Prepared
from ..engine.report import Progress, Reporter
from ..engine.slices import slice_axes
from ..errors import InputError
from ..methods.site_classifier import SiteClassifier
from ..metrics.agreement import Score, balanced_accuracy
from ..models.card import ModelCard
from ..models.catalogue import find
from ..models.package import Package, load_package
from ..volume import Volume

DEFAULT_MODEL = "t1-sites"
_SLICES = 16
_CENTRAL = (0.1, 0.9)  # of the extent of the head
_DEPTH_MM = (110.0, 30.0)  # of axial slices below the top of the head


@dataclass(frozen=True)
class SiteOpinion:
    """The most likely of the sites that a classifier knows, and the probability of each."""

    site: str
    probabilities: dict[str, float]
    notes: list[str] = field(default_factory=list)


def site_classifier(model: str | Path | None = None) -> Package:
    """Load a site classifier: its id or folder; None: the one for simulated sites that comes with MRStyle.

    Raises:
        PackageError: there is no such package, or it is damaged.
        InputError: it is a model of another task.
    """
    package = load_package(find(model or DEFAULT_MODEL))
    card = package.card
    if card.task != "site_classifier":
        raise InputError(
            f"The model {card.id} does not classify sites; choose another one, such as {DEFAULT_MODEL}."
        )
    known = cast(SiteClassifier, package.network).sites
    if card.sites != known:
        raise InputError(
            f"The model {card.id} tells {', '.join(known)} apart but its card lists other sites; export it again."
        )
    return package


def classify(
    volume: Volume,
    package: Package,
    *,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SiteOpinion:
    """The site that a volume looks like, from the mean of the logits of slices over the head.

    Raises:
        InputError: the volume is not usable.
        Cancelled: ``cancel`` said so.
    """
    card = package.card
    report = Reporter(progress, cancel)
    report.at("reading", 0.0)
    network = cast(SiteClassifier, package.network)
    slices = head_slices(volume, card.accepts.minimum_size_voxels, network.size)
    least, greatest = card.accepts.spacing_mm
    if not least <= min(volume.spacing_mm) <= max(volume.spacing_mm) <= greatest:
        report.tell(
            f"{volume.name} has voxels of {' x '.join(f'{each:.3g}' for each in volume.spacing_mm)} mm; the model has "
            f"seen {least:g} to {greatest:g} mm, and may be wrong."
        )
    where, _ = choose(device)
    network = network.to(where)
    logits = []
    with torch.inference_mode():
        for number, image in enumerate(slices):
            report.at("classifying", number / len(slices))
            logits.append(network(image[None, None].to(where))[0].float().cpu())
    report.at("classifying", 1.0)
    shares = torch.stack(logits).mean(dim=0).softmax(dim=0).tolist()
    probabilities = dict(zip(card.sites, shares, strict=True))
    return SiteOpinion(max(probabilities, key=lambda site: probabilities[site]), probabilities, report.notes)


def head_slices(volume: Volume, minimum_size: int, size: int) -> Tensor:
    """Slices (n, size, size) as a classifier sees them, spread over the head and centered: air 0, 99.5th percentile 1.

    They keep their pixels, because to resample is to remove noise, which is part of how a site looks. They are axial, at
    the height of the brain, so that the share of the neck does not matter; or as they were scanned, where they are thick.

    Raises:
        InputError: the volume is not usable, or has fewer than ``minimum_size`` voxels along two of its axes.
    """
    prepared = Prepared.of(volume, minimum_size)
    axis = slice_axes(prepared.spacing_kji_mm, prepared.spacing_kji_mm)[0]
    images = _centered(np.moveaxis(prepared.array, axis, 0), np.moveaxis(prepared.mask, axis, 0), size)
    step_mm = prepared.spacing_kji_mm[axis]
    extent_mm = (len(images) - 1) * step_mm
    first, last = (place / step_mm for place in (judged_mm(extent_mm) if axis == 0 else _middle(extent_mm)))
    return images[torch.linspace(first, last, _SLICES).round().long().unique()]


def _centered(array: np.ndarray, mask: np.ndarray, size: int) -> Tensor:
    """The slices that hold the head, with the head in the middle of size x size pixels, 0 where there are no voxels.

    A classifier takes the mean over a slice: how much of that is air must be as it was in training.
    """
    for dimension in (1, 2):
        inside = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {dimension})))
        first = (int(inside[0]) + int(inside[-1]) + 1 - size) // 2
        pads = [(0, 0)] * 3
        pads[dimension] = (max(0, -first), max(0, first + size - array.shape[dimension]))
        array = np.pad(array, pads).take(range(max(0, first), max(0, first) + size), axis=dimension)
    inside = np.flatnonzero(mask.any(axis=(1, 2)))
    return torch.from_numpy(np.ascontiguousarray(array[inside[0] : inside[-1] + 1], np.float32))


def judged_mm(height_mm: float) -> tuple[float, float]:
    """Between which heights above the lowest slice of a head its axial slices are looked at."""
    least, greatest = _middle(height_mm)
    low, high = (height_mm - depth_mm for depth_mm in _DEPTH_MM)
    low, high = max(low, least), min(high, greatest)
    return (low, high) if low < high else (least, greatest)


def _middle(extent_mm: float) -> tuple[float, float]:
    return _CENTRAL[0] * extent_mm, _CENTRAL[1] * extent_mm


def check_sites(sites: Iterable[str], card: ModelCard) -> None:
    """Refuse sites that a classifier does not know.

    Raises:
        InputError: it does not; the message lists those that it knows.
    """
    if unknown := sorted(set(sites) - set(card.sites)):
        raise InputError(
            f"The model {card.id} does not know the site {', '.join(unknown)}; it knows {', '.join(card.sites)}."
        )


def site_score(true: Sequence[str], opinions: Sequence[SiteOpinion], card: ModelCard) -> Score:
    """How well the opinions of a classifier tell the true site of each volume.

    Raises:
        InputError: see `check_sites`.
    """
    check_sites(true, card)
    return balanced_accuracy(true, [opinion.site for opinion in opinions], card.sites)
