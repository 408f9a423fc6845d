"""The kinds of quality maps: how each is named, colored, scaled and cut out."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from slicer.i18n import tr as _

from .color_tables import ColorTable
from .volumes import sampled_voxels

_NICE_STEPS = (1.0, 2.0, 5.0, 10.0)


class OverlayKind(enum.Enum):
    """What a map shows; the value is its name in the worker's outputs."""

    CW_SSIM_CONTENT = "cw_ssim_content"
    CW_SSIM_STYLE = "cw_ssim_style"
    DIFFERENCE = "difference_content"
    UNCERTAINTY = "uncertainty"
    EFFECTIVE_PD = "effective_pd"
    EFFECTIVE_T1 = "effective_t1_ms"
    EFFECTIVE_T2 = "effective_t2_ms"
    DIFFERENCE_TARGET = "difference_target"
    THICKNESS_BEFORE = "thickness_before_mm"
    THICKNESS_AFTER = "thickness_after_mm"
    THICKNESS_DIFFERENCE = "thickness_difference_mm"
    ENHANCEMENT = "enhancement"
    CONTENT_WEIGHT = "content_weight"

    @property
    def color_table(self) -> ColorTable:
        """The table that suits the kind."""
        return {
            OverlayKind.DIFFERENCE: ColorTable.DIFFERENCE,
            OverlayKind.UNCERTAINTY: ColorTable.UNCERTAINTY,
            OverlayKind.EFFECTIVE_PD: ColorTable.PROTON_DENSITY,
            OverlayKind.EFFECTIVE_T1: ColorTable.T1,
            OverlayKind.EFFECTIVE_T2: ColorTable.T2,
            OverlayKind.DIFFERENCE_TARGET: ColorTable.DIFFERENCE,
            OverlayKind.THICKNESS_BEFORE: ColorTable.THICKNESS,
            OverlayKind.THICKNESS_AFTER: ColorTable.THICKNESS,
            OverlayKind.THICKNESS_DIFFERENCE: ColorTable.DIFFERENCE,
            OverlayKind.ENHANCEMENT: ColorTable.ENHANCEMENT,
            OverlayKind.CONTENT_WEIGHT: ColorTable.DISTANCE,
        }.get(self, ColorTable.SIMILARITY)

    @property
    def is_similarity(self) -> bool:
        """Whether low values are the ones to look at."""
        return self.color_table is ColorTable.SIMILARITY

    @property
    def is_difference(self) -> bool:
        """Whether values have two signs, and those near zero are cut out."""
        return self.color_table is ColorTable.DIFFERENCE

    def title(self) -> str:
        """Name and unit in short lines, which fit beside the bar of the color legend."""
        return {
            OverlayKind.CW_SSIM_CONTENT: _("CW-SSIM\nto content\n(1 = same)"),
            OverlayKind.CW_SSIM_STYLE: _("CW-SSIM\nto style\n(1 = same)"),
            OverlayKind.DIFFERENCE: _("Difference\n(1 = 99.5th\npercentile)"),
            OverlayKind.UNCERTAINTY: _("Uncertainty\n(SD,\nintensity units)"),
            OverlayKind.EFFECTIVE_PD: _("Effective PD\n(not quantitative,\nintensity units)"),
            OverlayKind.EFFECTIVE_T1: _("Effective T1 (ms)\nnot quantitative"),
            OverlayKind.EFFECTIVE_T2: _("Effective T2 (ms)\nnot quantitative"),
            OverlayKind.DIFFERENCE_TARGET: _("Synthetic\nminus real\n(intensity units)"),
            OverlayKind.THICKNESS_BEFORE: _("Thickness (mm)\nbefore"),
            OverlayKind.THICKNESS_AFTER: _("Thickness (mm)\nafter"),
            OverlayKind.THICKNESS_DIFFERENCE: _("Thickness (mm)\nafter - before"),
            OverlayKind.ENHANCEMENT: _("Enhancement\n(relative to\nfirst frame)"),
            OverlayKind.CONTENT_WEIGHT: _("Weight by distance\n(0.1 = enhanced,\n1 = farthest)"),
        }[self]


# Tissues without fluid differ within these; fluid is at their ends. Cortex is thinner than 5 mm.
_FIXED_RANGES: dict[OverlayKind, tuple[float, float]] = {
    OverlayKind.EFFECTIVE_T1: (0.0, 3000.0),
    OverlayKind.EFFECTIVE_T2: (0.0, 200.0),
    OverlayKind.THICKNESS_BEFORE: (0.0, 5.0),
    OverlayKind.THICKNESS_AFTER: (0.0, 5.0),
    OverlayKind.THICKNESS_DIFFERENCE: (-1.0, 1.0),
    OverlayKind.CONTENT_WEIGHT: (0.0, 1.0),
}
# Their zeros are no tissue, and all else is to be seen.
_QUANTITIES = {
    OverlayKind.EFFECTIVE_PD,
    OverlayKind.EFFECTIVE_T1,
    OverlayKind.EFFECTIVE_T2,
    OverlayKind.THICKNESS_BEFORE,
    OverlayKind.THICKNESS_AFTER,
}


@dataclass(frozen=True)
class Cutoff:
    """The threshold of a map, in the map's unit: from `minimum` to `maximum`, `default` at first.

    Similarity shows what is at most the threshold, the others what is at least that far from zero, so
    `show_all` is the maximum for similarity and 0 for the others.
    """

    minimum: float
    maximum: float
    default: float
    show_all: float


def cutoff_of(kind: OverlayKind, node) -> Cutoff:
    """The thresholds that make sense for a map."""
    if kind.is_similarity:
        return Cutoff(0.0, 1.0, default=0.95, show_all=1.0)
    _low, high = display_range(kind, node)
    if kind in _QUANTITIES:
        return Cutoff(0.0, high, default=0.01 * high, show_all=0.0)
    return Cutoff(0.0, high, default=0.1 * high, show_all=0.0)


def display_range(kind: OverlayKind, node) -> tuple[float, float]:
    """The values of the first and the last color.

    Similarity, relaxation times and thickness have a fixed range; the others a round one around their 99.5th percentile, so
    that two patients mostly get the same colors and one bright vessel does not hide the rest.
    """
    if kind.is_similarity:
        return 0.0, 1.0
    if fixed := _FIXED_RANGES.get(kind):
        return fixed
    magnitude = np.abs(sampled_voxels(node))
    magnitude = magnitude[magnitude > 0]
    high = _round_up(float(np.percentile(magnitude, 99.5))) if magnitude.size else 1.0
    return (-high if kind.is_difference else 0.0), high


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * next(step for step in _NICE_STEPS if value <= step * power * (1 + 1e-6)))
