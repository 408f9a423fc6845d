"""How far two measurements of one cortex, before and after, agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..metrics.agreement import icc, mean_absolute_difference
from ..volume import Volume
from .surfaces import Surface, nearest_values
from .thickness import SURFACE_ARRAY, Thickness

DIFFERENCE_ARRAY = "difference_mm"
_LEAST_REGIONS = 3


@dataclass(frozen=True)
class RegionPair:
    """Mean thickness of one region in both measurements."""

    region: str
    hemisphere: str
    before_mm: float
    after_mm: float


@dataclass(frozen=True)
class Comparison:
    """After against before.

    Attributes:
        difference: after - before in mm where both have cortex, else 0; on the grid of before.
        surface: that of before, with `DIFFERENCE_ARRAY` at its points.
        icc: ICC(A,1) of the regions with its 95 % confidence interval; None where they do not allow it.
        mean_absolute_difference_mm: over the regions.
        bias_mm: mean of after - before over the regions.
    """

    difference: Volume
    surface: Surface
    icc: float | None
    icc_low: float | None
    icc_high: float | None
    mean_absolute_difference_mm: float
    bias_mm: float
    regions: list[RegionPair]

    def agreement(self) -> dict[str, Any]:
        """What a report tells, as JSON data."""
        return {
            "icc": self.icc,
            "icc_low": self.icc_low,
            "icc_high": self.icc_high,
            "mean_absolute_difference_mm": self.mean_absolute_difference_mm,
            "bias_mm": self.bias_mm,
            "regions": [asdict(pair) for pair in self.regions],
        }


def compare(before: Thickness, after: Thickness) -> Comparison:
    """Compare two measurements of one head by one method.

    Raises:
        InputError: they are not on one grid, or have no region in common.
    """
    if not after.image.has_grid_of(before.image):
        raise InputError(
            f"{after.image.name} and {before.image.name} are not on one grid; resample one scan to the grid of the other."
        )
    found = {(row.region, row.hemisphere): row.thickness_mm for row in after.regions}
    pairs = [
        RegionPair(row.region, row.hemisphere, row.thickness_mm, found[row.region, row.hemisphere])
        for row in before.regions
        if (row.region, row.hemisphere) in found
    ]
    if not pairs:
        raise InputError(
            f"{before.image.name} and {after.image.name} have no region in common; measure both in the same way."
        )
    old, new = (np.array([getattr(pair, name) for pair in pairs]) for name in ("before_mm", "after_mm"))
    agreement = None
    if len(pairs) >= _LEAST_REGIONS and np.ptp(old) + np.ptp(new) > 0:
        agreement = icc(old, new)
    both = (before.image.array > 0) & (after.image.array > 0)
    return Comparison(
        difference=before.image.with_array(
            np.where(both, after.image.array - before.image.array, 0),
            f"{after.image.name} minus {before.image.name}",
        ),
        surface=_difference_surface(before.surface, after.surface),
        icc=None if agreement is None else agreement.value,
        icc_low=None if agreement is None else agreement.low,
        icc_high=None if agreement is None else agreement.high,
        mean_absolute_difference_mm=float(mean_absolute_difference(old, new)),
        bias_mm=float((new - old).mean()),
        regions=pairs,
    )


def _difference_surface(before: Surface, after: Surface) -> Surface:
    if before.points.shape == after.points.shape and np.allclose(before.points, after.points, atol=1e-3):
        moved = after.values[SURFACE_ARRAY]
    else:
        moved = nearest_values(before.points, after.points, after.values[SURFACE_ARRAY])
    return replace(before, values={DIFFERENCE_ARRAY: moved - before.values[SURFACE_ARRAY]})
