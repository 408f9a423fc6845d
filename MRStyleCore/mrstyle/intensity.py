"""Where the patient is in an image, and how its intensities are scaled for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from .errors import InputError

_COARSE_VOXELS = 96
_BORDER_SHARE = 0.25
_EDGE_SIGNAL = 0.06
_SIGNAL_TO_AIR = 5.0
_CLOSED_SHARE = 0.02


@dataclass(frozen=True)
class IntensityMap:
    """Affine map between the intensities of a file and those of a model: y = (x - offset) / scale.

    Attributes:
        offset: file intensity that becomes 0.
        scale: file intensities per model unit, positive.
    """

    offset: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.offset, self.scale]).all() and self.scale > 0):
            raise InputError(
                f"An intensity map needs a finite offset and positive scale, not {self.offset}, {self.scale}."
            )

    def forward(self, array: np.ndarray) -> np.ndarray:
        """File intensities to model units, float32."""
        return ((np.asarray(array, dtype=np.float64) - self.offset) / self.scale).astype(np.float32)

    def inverse(self, array: np.ndarray) -> np.ndarray:
        """Model units to file intensities, float32."""
        return (np.asarray(array, dtype=np.float64) * self.scale + self.offset).astype(np.float32)

    def as_dict(self) -> dict[str, float]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> IntensityMap:
        """The inverse of `as_dict`."""
        return cls(float(data["offset"]), float(data["scale"]))

    @classmethod
    def robust(
        cls, array: np.ndarray, mask: np.ndarray | None = None, percentile: float = 99.5
    ) -> IntensityMap:
        """The map that takes the background to 0 and a high percentile of the foreground to 1.

        Magnitude images keep their 0: their background is dark and no tissue is clearly negative
        (interpolation leaves a few voxels just below 0). In others, such as z-scored ones, the percentile
        ``100 - percentile`` of the foreground becomes 0: there, the background says nothing about the signal.

        Args:
            array: intensities, any shape.
            mask: foreground; `foreground_mask` when None.
            percentile: of the foreground, above 50 and at most 100.

        Raises:
            InputError: the foreground is empty or has one value only.
        """
        mask = foreground_mask(array) if mask is None else np.asarray(mask, dtype=bool)
        values = array[mask]
        if values.size == 0:
            raise InputError(
                "The foreground is empty, so intensities cannot be scaled; check the volume or mask."
            )
        low, high = (float(value) for value in np.percentile(values, (100 - percentile, percentile)))
        outside = array[~mask]
        background = float(np.median(outside)) if outside.size else 0.0
        is_magnitude = low >= -0.05 * high and abs(background) <= 0.1 * high
        offset = 0.0 if is_magnitude else low
        if not high > offset:
            raise InputError(
                "The foreground has one value only, so intensities cannot be scaled; check the volume."
            )
        return cls(offset, high - offset)


def foreground_mask(array: np.ndarray) -> np.ndarray:
    """Patient against air, in MR images of any contrast.

    Where one exact value was written around the patient (brain-extracted or masked images), the foreground is
    what differs from it. Elsewhere Otsu's threshold (IEEE Trans SMC 9:62, 1979) on the logarithm of the local
    mean separates air from signal; where they differ too little, there is no air. The largest connected part,
    with its holes filled, is the patient.

    Args:
        array: intensities (k, j, i), finite.

    Returns:
        bool (k, j, i), never empty; all True where there is no air, as in a crop of a body.
    """
    background = _written_background(array)
    if background is not None:
        return ndimage.binary_fill_holes(_largest(array != background))
    factors = [max(1, round(size / _COARSE_VOXELS)) for size in array.shape]
    coarse = _block_mean(array, factors)
    coarse -= min(float(np.percentile(coarse, 1)), 0.0)
    mask = _solid(_above_air(coarse))
    for axis, (factor, size) in enumerate(zip(factors, array.shape, strict=True)):
        mask = mask.take(np.minimum(np.arange(size) // factor, mask.shape[axis] - 1), axis=axis)
    return mask


def _written_background(array: np.ndarray) -> float | None:
    """The one value that masking wrote around the patient, if there is one.

    Air can be exactly 0 too, in corners that the scanner does not reconstruct or in rounded noise. There, the
    voxels next to it are noise; around a masked patient, they are tissue.
    """
    faces = [array.take(index, axis).ravel() for axis in range(3) for index in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    background = values[counts.argmax()]
    if counts.max() < _BORDER_SHARE * counts.sum():
        return None
    is_background = array == background
    edge = ndimage.binary_dilation(is_background) & ~is_background
    if not edge.any():
        return None
    signal = np.abs(array[~is_background] - background)
    edge_signal = np.median(np.abs(array[edge] - background))
    return float(background) if edge_signal > _EDGE_SIGNAL * np.percentile(signal, 90) else None


def _above_air(signal: np.ndarray) -> np.ndarray:
    """Otsu's threshold on the logarithm, where air is as wide a class as signal; all True without air."""
    # Without a floor, corners of exact zeros would be a class of their own.
    floor = max(0.01 * float(np.percentile(signal, 99)), float(np.finfo(np.float32).tiny))
    logarithm = np.log(np.maximum(signal, floor))
    if logarithm.min() == logarithm.max():
        return np.ones(signal.shape, dtype=bool)
    above = logarithm > threshold_otsu(logarithm)
    ratio = np.exp(logarithm[above].mean() - logarithm[~above].mean())
    return above if ratio >= _SIGNAL_TO_AIR else np.ones_like(above)


def _block_mean(array: np.ndarray, factors: list[int]) -> np.ndarray:
    """Mean of blocks of ``factors`` voxels; voxels that fill no block are left out."""
    whole = [size // factor for size, factor in zip(array.shape, factors, strict=True)]
    array = array[tuple(slice(count * factor) for count, factor in zip(whole, factors, strict=True))]
    (k, a), (j, b), (i, c) = zip(whole, factors, strict=True)
    return array.reshape(k, a, j, b, i, c).mean(axis=(1, 3, 5))


def _solid(mask: np.ndarray) -> np.ndarray:
    """The largest connected part, dark layers such as the skull bridged, holes of each plane filled."""
    size = [2 * round(_CLOSED_SHARE * voxels) + 1 for voxels in mask.shape]
    grown = ndimage.maximum_filter(mask, size, mode="constant", cval=0)
    mask = _largest(ndimage.minimum_filter(grown, size, mode="constant", cval=1))
    for axis in range(3):
        plane = ndimage.generate_binary_structure(3, 1)
        plane[tuple(slice(None, None, 2) if other == axis else slice(None) for other in range(3))] = False
        mask = ndimage.binary_fill_holes(mask, plane)
    return mask


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()
