"""One scan made to look as if another site had taken it: checked, prepared, translated, and back on its own grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .checks import check_harmonizable
from .engine.blocks import known_site
from .engine.report import Progress
from .errors import InputError
from .history import History
from .intensity import IntensityMap, foreground_mask
from .metrics.image import flicker_ratio
from .models.card import ModelCard
from .models.package import Package
from .preparation import Preparation, prepare
from .result import Result
from .segmentation.brain_mask import brain_mask
from .targets import Reference, Sample, Site
from .translate import Planes, translate
from .volume import Volume

Target = Site | Reference | Sample
NOTHING = Preparation()
_PREPARED, _TRANSLATED = 0.2, 0.95  # of the time; preparation takes none where nothing is asked of it


@dataclass(frozen=True)
class Harmonized:
    """What `harmonize` gives back.

    Attributes:
        image: on the scan's grid, in the intensities of `translate`.
        history: of the translation; ``content["preparation"]`` holds what was done to the scan before.
        mask: the brain on the scan's grid, 1 inside; None where it was neither needed nor asked for.
        flicker_ratio: how much more neighboring slices jump than in the scan (`metrics.image.flicker_ratio`), in the
            direction where that is worst; inf where the scan has no jump at all.
        notes: sentences for the user.
    """

    image: Volume
    history: History
    mask: Volume | None
    flicker_ratio: float
    notes: list[str]

    @property
    def result(self) -> Result:
        """As a result of `translate`, which can be written and reported."""
        return Result(self.image, None, self.history, self.notes)


def harmonize(
    volume: Volume,
    model: Package,
    target: Target,
    *,
    preparation: Preparation = NOTHING,
    planes: Planes = "fused",
    with_mask: bool = False,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Harmonized:
    """Make ``volume`` look as if the target's site had taken it.

    Args:
        volume: a scan of a contrast and body part that the model's card accepts.
        model: a loaded package.
        target: a site that the model knows, a scan of the site, or a look drawn at random.
        preparation: what is done to the scan before.
        planes: "fused" lets a model of slices work in three directions and gives their mean, "single" in one direction.
        with_mask: find the brain even where the preparation does not need it.
        device: "auto", "cpu", "cuda" or "mps".
        seed: of what the model draws.
        progress: is told how far it is, a few times a second.
        cancel: asked several times a second; True ends the run.

    Raises:
        InputError: the scan or the target does not suit the model; the message says why.
        Cancelled: ``cancel`` said so.
        OutOfMemory: not even the smallest plan fits into memory.
    """
    check_target(model.card, target)
    extracts = preparation.brain == "extract"
    mask = brain_mask(volume, device=device) if with_mask or extracts else None
    notes = check_harmonizable(volume, model.card, mask=mask)
    is_prepared = preparation != NOTHING
    start = _PREPARED if is_prepared else 0.0
    prepared = prepare(
        volume,
        preparation,
        mask=mask if extracts else None,
        device=device,
        progress=_part(progress, 0.0, start),
        cancel=cancel,
    )
    result = translate(
        prepared.volume,
        model,
        target,
        device=device,
        seed=seed,
        planes=planes,
        progress=_part(progress, start, _TRANSLATED),
        cancel=cancel,
    )
    image = prepared.restore(result.image)
    history = result.history
    if is_prepared:
        history = replace(history, content=history.content | {"preparation": prepared.record})
    inside = mask.array > 0.5 if extracts and mask is not None else foreground_mask(volume.array)
    return Harmonized(image, history, mask, worst_flicker(image, volume, inside), [*notes, *result.notes])


def check_target(card: ModelCard, target: Target) -> None:
    """Refuse what the model does not know, before any work.

    Raises:
        InputError: the message lists the sites, or kinds of target, that it knows.
    """
    if target.kind not in card.target_kinds:
        raise InputError(
            f"The model {card.id} takes a target of kind {', '.join(card.target_kinds)}, not {target.kind}."
        )
    name = {"site": "name", "sample": "site"}.get(target.kind)
    if name is not None and (site := getattr(target, name)) is not None:
        known_site(card.sites, site)


def worst_flicker(image: Volume, content: Volume, mask: np.ndarray) -> float:
    """The greatest of the flicker ratios along the three axes, in the mask; each image scaled by its own intensities."""
    after, before = (IntensityMap.robust(each.array, mask).forward(each.array) for each in (image, content))
    return max(flicker_ratio(after, before, axis=axis, data_range=1.0, mask=mask) for axis in range(3))


def finite(ratio: float) -> float | None:
    """A ratio as JSON knows it: None where it is infinite."""
    return ratio if math.isfinite(ratio) else None


def _part(
    progress: Callable[[Progress], None] | None, first: float, last: float
) -> Callable[[Progress], None] | None:
    """Progress of a part as that of the whole."""
    if progress is None:
        return None
    return lambda part: progress(replace(part, fraction=first + (last - first) * part.fraction))
