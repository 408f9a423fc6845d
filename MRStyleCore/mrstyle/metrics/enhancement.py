"""Where a contrast agent brightens a series, and how far each voxel is from there; panels use it, too: without torch."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

from ..errors import InputError

ENHANCEMENT_THRESHOLD = 20.0
"""As published, for intensities from 0 to 255."""
LOWEST_WEIGHT, HIGHEST_WEIGHT = 0.1, 1.0


def mean_gain(series: np.ndarray) -> np.ndarray:
    """Time mean of I_t - I_0 (...) of a series (t, ...), the frame before contrast first; what a contrast agent brightens.

    Raises:
        InputError: there is only one frame.
    """
    if len(series) < 2:
        raise InputError(
            "Enhancement needs a series of at least two frames; give the one before contrast first."
        )
    gain: np.ndarray = series[1:].mean(axis=0, dtype=np.float32) - series[0]
    return gain


def distance_weights(
    enhanced: np.ndarray, *, spacing_mm: tuple[float, ...], mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the content, and their inversion, those of the style.

    Args:
        enhanced: bool.
        spacing_mm: along the array's axes from last to first, (i, j, k), as ``Volume.spacing_mm``.
        mask: bool, where the farthest voxel is looked for; None, as published: in the whole image. There it lies
            in the air of a corner, and no voxel of a head gets a weight above 0.2.

    Returns:
        d, the distance in mm to the nearest enhanced voxel scaled from 0.1 there to 1 at the farthest voxel
        and beyond, and 1.1 - d, both float32. Where no voxel, or every one, is enhanced, there is no distance
        and both are 1.
    """
    everywhere = enhanced.all() if mask is None else enhanced[mask].all()
    if everywhere or not enhanced.any():
        return np.ones(enhanced.shape, dtype=np.float32), np.ones(enhanced.shape, dtype=np.float32)
    image = sitk.GetImageFromArray(enhanced.astype(np.uint8))
    image.SetSpacing([float(spacing) for spacing in spacing_mm])
    # Maurer's distance transform equals scipy's distance_transform_edt and is ten times faster.
    signed = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    distance = np.maximum(sitk.GetArrayFromImage(signed), 0)
    farthest = float(distance.max() if mask is None else distance[mask].max())
    np.minimum(distance, farthest, out=distance)
    distance *= (HIGHEST_WEIGHT - LOWEST_WEIGHT) / farthest
    distance += LOWEST_WEIGHT
    return distance, (LOWEST_WEIGHT + HIGHEST_WEIGHT) - distance
