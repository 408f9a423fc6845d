"""A volume made ready for a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from ..history import array_sha256
from ..intensity import IntensityMap, foreground_mask
from ..volume import Volume, check_volume, to_canonical


@dataclass(frozen=True)
class Prepared:
    """A volume as methods see it: along the axes of the patient, air 0, the 99.5th percentile of the patient 1 (or as a
    given intensity map says).

    ``array`` and ``mask`` (the patient) are canonical, index order inferior to superior, posterior to anterior, left to right;
    ``restore`` brings such an array back to the volume's own order.
    """

    volume: Volume
    array: np.ndarray
    mask: np.ndarray
    spacing_kji_mm: tuple[float, float, float]
    restore: Callable[[np.ndarray], np.ndarray]
    intensity: IntensityMap
    intensity_is_given: bool = False

    @classmethod
    def of(
        cls,
        volume: Volume,
        minimum_size: int,
        intensity: IntensityMap | None = None,
        *,
        may_be_slice: bool = False,
    ) -> Prepared:
        """Check, reorient and scale a volume, by its own intensities unless ``intensity`` is given.

        Raises:
            InputError: it is not usable, or has fewer than ``minimum_size`` voxels along two of its axes.
        """
        check_volume(volume, may_be_slice=may_be_slice)
        if sum(size >= minimum_size for size in volume.shape) < 2:
            raise InputError(
                f"The volume {volume.name} ({' x '.join(map(str, volume.shape[::-1]))} voxels) is too small for this "
                f"model, which needs slices of at least {minimum_size} x {minimum_size}."
            )
        canonical = to_canonical(volume)
        mask = foreground_mask(canonical.array)
        is_given = intensity is not None
        intensity = intensity or IntensityMap.robust(canonical.array, mask)
        right, anterior, superior = canonical.spacing_mm
        array = intensity.forward(canonical.array)
        spacing_kji_mm = (superior, anterior, right)
        return cls(volume, array, mask, spacing_kji_mm, canonical.restore, intensity, is_given)

    @cached_property
    def is_cut_out(self) -> bool:
        """Whether one exact value was written around the patient, as brain extraction does."""
        outside = self.array[~self.mask]
        return bool(outside.size) and bool(outside.min() == outside.max())

    def record(self) -> dict[str, Any]:
        """What the history keeps of it."""
        return {
            "name": self.volume.name,
            "sha256": array_sha256(self.volume.array),
            "intensity": self.intensity.as_dict(),
            "intensity_from": "given" if self.intensity_is_given else "volume",
        }
