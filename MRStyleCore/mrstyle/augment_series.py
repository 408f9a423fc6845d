"""One frame of a dynamic series, with the labels that were drawn on it, at several levels of enhancement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .augment import LabelledCase
from .dce import (
    Enhancement,
    Look,
    check_enhances,
    check_frame,
    check_model,
    check_series,
    draw,
    enhancement_of,
    record,
)
from .engine.report import Progress, Reporter
from .labels import Labels, on_grid
from .models.package import Package
from .series import Series

CONTRAST = "T1w"
"""What a frame of a dynamic series is."""


@dataclass(frozen=True)
class Level:
    """A level of enhancement, and the frame that shows it.

    Attributes:
        number: 0 is before the bolus.
        wanted: share of the peak of mean enhancement, 0 to 1.
        shown: what the frame has of it; frames are only taken now and then.
        look: that frame, and the decoder that draws it.
    """

    number: int
    wanted: float
    shown: float
    look: Look

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "number": self.number,
            "wanted_share_of_peak": round(self.wanted, 4),
            "style_share_of_peak": round(self.shown, 4),
        }


def levels_of(series: Series, seen: Enhancement, count: int) -> tuple[list[Level], list[str]]:
    """Frames whose mean enhancement is nearest to even steps from the first frame to the peak, and what there is to tell.

    A series shows some levels not at all, where the bolus comes between two frames; of levels with one frame, the nearest to
    it stays.

    Args:
        series: from before the bolus on.
        seen: what it shows.
        count: 2 or more.

    Raises:
        InputError: the series shows no enhancement.
    """
    check_enhances(series, seen)
    shares = seen.curve / seen.curve.max()
    nearest: dict[int, Level] = {}
    for number in range(count):
        wanted = number / (count - 1)
        frame = int(np.argmin(np.abs(shares - wanted))) if number else 0
        look = Look(series, frame, "enhanced" if seen.is_enhanced(frame) else "baseline")
        level = Level(number, wanted, float(shares[frame]), look)
        other = nearest.setdefault(frame, level)
        if abs(level.wanted - level.shown) < abs(other.wanted - other.shown):
            nearest[frame] = level
    levels = sorted(nearest.values(), key=lambda each: each.number)
    notes = []
    if len(levels) < count:
        notes.append(
            f"{series.name} shows {len(levels)} of the {count} levels of enhancement; the others lie between its frames."
        )
    return levels, notes


def series_cases(
    series: Series,
    labels: Labels,
    frame: int,
    model: Package,
    *,
    levels: int,
    like: Series | None = None,
    name: str | None = None,
    resample_labels: bool = False,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[list[LabelledCase], list[str]]:
    """The labelled frame at levels of enhancement from that before the bolus to the peak, and what the user should know.

    The model draws the frame in the style of other frames of the series, each of which shows one level; nothing is blended.
    The same input gives the same voxels.

    Args:
        series: the content, from before the bolus on.
        labels: drawn on one of its frames.
        frame: that one, counted from 0.
        model: a package of the method ``spatiotemporal``.
        levels: how many, 2 or more.
        like: the series whose frames show the levels; None for the content itself.
        name: of the source of the cases; None for that of the series.
        resample_labels: bring labels that are on another grid to that of the series.
        device: "auto", "cpu", "cuda" or "mps".
        progress: is told how far it is.
        cancel: asked several times a second; True ends the run.

    Raises:
        InputError: series, labels, frame or model are not usable, or there is no enhancement to take levels from.
        Cancelled: ``cancel`` said so.
        OutOfMemory: it does not fit into memory.
    """
    check_model(model)
    check_frame(series, frame)
    labels = on_grid(labels, series.grid, series.name, resample=resample_labels)
    report = Reporter(progress, cancel)
    report.at("reading the series", 0.0)
    seen, notes = check_series(series)
    if like is None:
        shown, told = levels_of(series, seen, levels)
    else:
        shown, told = levels_of(like, enhancement_of(like), levels)
    for note in (notes := [*notes, *told]):
        report.tell(note)
    drawn, plan = draw(series, model, [level.look for level in shown], [frame], device, report)
    cases = []
    for level, (array,) in zip(shown, drawn, strict=True):
        variant = f"frame{frame}level{level.number}"
        history = record(series, model, level.look, plan)
        history["content"]["frame"] = frame
        image = series.grid.with_array(array, f"{series.name}, {variant}")
        cases.append(
            LabelledCase(
                name or series.name, variant, {CONTRAST: image}, labels, history | {"level": level.as_dict()}
            )
        )
    report.at("done", 1.0)
    return cases, notes
