"""Contrast-weighted SSIM: does the image keep its content away from contrast enhancement, and its style
within it?

After the spatio-temporal style transfer work for DCE-MRI of the project's system 0. It is not the
complex-wavelet SSIM that is also called CW-SSIM. All arrays are (k, j, i) or (j, i) on one grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

from ..errors import InputError
from .image import similarity_mean, ssim, ssim_map

ENHANCEMENT_THRESHOLD = 20.0
_LOWEST_WEIGHT, _HIGHEST_WEIGHT = 0.1, 1.0


@dataclass(frozen=True, eq=False)
class WeightedSimilarity:
    """How alike an image and its content, or style, are.

    Attributes:
        score: the published score, mean SSIM of the two images after both were multiplied by the weights. In
            regions of low weight the constants of SSIM then dominate and pull it to 1.
        average: the weighted mean of ``map``, free of that bias.
        map: float32 SSIM map of the two images themselves, in [-1, 1].
        weights: float32, in [0.1, 1].
    """

    score: float
    average: float
    map: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class ContrastWeightedSSIM:
    """Content and style scores, and what they were computed with.

    Attributes:
        content: generated against content image, weighted d: up far from enhancement.
        style: generated against style image, weighted 1.1 - d: up in enhancement; None without a style image.
        data_range: of all images.
    """

    content: WeightedSimilarity
    style: WeightedSimilarity | None
    data_range: float


def enhanced_in_series(
    series: np.ndarray, *, data_range: float, threshold: float = ENHANCEMENT_THRESHOLD
) -> np.ndarray:
    """Voxels that a contrast agent brightens: time mean of I_t - I_0 above the threshold, as published.

    Args:
        series: (t, ...) with the frame before contrast first and at least one more.
        data_range: of the series; the threshold is meant for intensities from 0 to 255.

    Returns:
        bool, the shape of one frame.

    Raises:
        InputError: there is only one frame.
    """
    if len(series) < 2:
        raise InputError(
            "Enhancement needs a series of at least two frames; give the one before contrast first."
        )
    gain = series[1:].mean(axis=0, dtype=np.float32) - series[0]
    return gain * (255.0 / data_range) > threshold


def enhanced_in_pair(
    before: np.ndarray, after: np.ndarray, *, data_range: float, threshold: float = ENHANCEMENT_THRESHOLD
) -> np.ndarray:
    """Voxels whose contrast differs between two images of one patient: |after - before| above the threshold.

    The published definition is signed and needs a series. Between two volumes of any contrasts a tissue may
    brighten or darken, and a model may add or remove enhancement; the magnitude gives both directions the
    same voxels.

    Returns:
        bool, the images' shape.
    """
    return np.abs(np.subtract(after, before, dtype=np.float32)) * (255.0 / data_range) > threshold


def distance_weights(enhanced: np.ndarray, *, spacing_mm: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the content, and their inversion, those of the style.

    Args:
        enhanced: bool.
        spacing_mm: along the array's axes from last to first, (i, j, k), as ``Volume.spacing_mm``.

    Returns:
        d, the distance in mm to the nearest enhanced voxel scaled from 0.1 there to 1 at the farthest voxel,
        and 1.1 - d, both float32. Where no voxel, or every one, is enhanced, there is no distance and both
        are 1.
    """
    if enhanced.all() or not enhanced.any():
        return np.ones(enhanced.shape, dtype=np.float32), np.ones(enhanced.shape, dtype=np.float32)
    image = sitk.GetImageFromArray(enhanced.astype(np.uint8))
    image.SetSpacing([float(spacing) for spacing in spacing_mm])
    # Maurer's distance transform equals scipy's distance_transform_edt and is ten times faster.
    signed = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    distance = np.maximum(sitk.GetArrayFromImage(signed), 0)
    distance *= (_HIGHEST_WEIGHT - _LOWEST_WEIGHT) / float(distance.max())
    distance += _LOWEST_WEIGHT
    return distance, (_LOWEST_WEIGHT + _HIGHEST_WEIGHT) - distance


def contrast_weighted_ssim(
    generated: np.ndarray,
    content: np.ndarray,
    style: np.ndarray | None,
    *,
    enhanced: np.ndarray,
    spacing_mm: tuple[float, ...],
    data_range: float,
    mask: np.ndarray | None,
) -> ContrastWeightedSSIM:
    """Score a generated image against the one that gave its content and the one that gave its style.

    Args:
        generated, content, style: images on one grid, scaled to one ``data_range``.
        enhanced: from `enhanced_in_series` where there is a series, else `enhanced_in_pair`.
        spacing_mm: (i, j, k).
        data_range: difference of the greatest and smallest possible intensity.
        mask: bool, the voxels that scores are averaged over; None: all whose window lies inside the image.

    Raises:
        InputError: the images differ in shape, are smaller than SSIM's window, or the mask is empty.
    """
    if enhanced.shape != generated.shape:
        raise InputError(
            f"The enhanced voxels have shape {enhanced.shape}, the image {generated.shape}; make them equal."
        )
    far, near = distance_weights(enhanced, spacing_mm=spacing_mm)
    of_content = _weighted_similarity(generated, content, far, data_range, mask)
    of_style = None if style is None else _weighted_similarity(generated, style, near, data_range, mask)
    return ContrastWeightedSSIM(of_content, of_style, data_range)


def _weighted_similarity(
    generated: np.ndarray, other: np.ndarray, weights: np.ndarray, data_range: float, mask: np.ndarray | None
) -> WeightedSimilarity:
    score = ssim(generated * weights, other * weights, data_range=data_range, mask=mask)
    similarity = ssim_map(generated, other, data_range=data_range)
    average = similarity_mean(similarity * weights, mask) / similarity_mean(weights, mask)
    return WeightedSimilarity(score, average, similarity, weights)
