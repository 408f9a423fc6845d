"""Contrast-weighted SSIM: does the image keep its content away from contrast enhancement, and its style
within it?

After the spatio-temporal style transfer work for DCE-MRI of the project's system 0. It is not the
complex-wavelet SSIM that is also called CW-SSIM. All arrays are (k, j, i) or (j, i) on one grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .enhancement import ENHANCEMENT_THRESHOLD, distance_weights, mean_gain
from .image import similarity_mean, ssim, ssim_map

PAIR_SHARE = 0.1


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
    return mean_gain(series) * (255.0 / data_range) > threshold


def pair_threshold(before: np.ndarray, after: np.ndarray, *, data_range: float, mask: np.ndarray) -> float:
    """The threshold for `enhanced_in_pair` where two images differ in contrast, on intensities from 0 to 255.

    The published threshold of 20 is for a contrast agent, which leaves most tissue as it is. Another sequence
    changes nearly all: between T1, T2 and FLAIR of a brain, 70 to 90 % of the voxels differ by more than 20, no
    voxel is far from an enhanced one, and the weights say nothing. (Otsu's threshold still takes 30 to 70 %.)
    Here it is the threshold that the tenth of the mask that differs most exceeds, but never less than the
    published one, so that two images that differ little have no enhanced voxels.

    Raises:
        InputError: the mask is empty.
    """
    if not mask.any():
        raise InputError("The mask is empty, so there is nothing to measure; check it.")
    difference = np.abs(np.subtract(after[mask], before[mask], dtype=np.float32)) * (255.0 / data_range)
    return max(ENHANCEMENT_THRESHOLD, float(np.quantile(difference, 1 - PAIR_SHARE)))


def enhanced_in_pair(
    before: np.ndarray, after: np.ndarray, *, data_range: float, threshold: float = ENHANCEMENT_THRESHOLD
) -> np.ndarray:
    """Voxels whose contrast differs between two images of one patient: |after - before| above the threshold.

    The published definition is signed and needs a series. Between two volumes of any contrasts a tissue may
    brighten or darken, and a model may add or remove enhancement; the magnitude gives both directions the
    same voxels. Where the contrasts differ, take the threshold from `pair_threshold`.

    Returns:
        bool, the images' shape.
    """
    return np.abs(np.subtract(after, before, dtype=np.float32)) * (255.0 / data_range) > threshold


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
        mask: bool, the voxels that scores are averaged over, and the farthest of which has the weight 1; None: all
            whose window lies inside the image, and the farthest voxel of the image.

    Raises:
        InputError: the images differ in shape, are smaller than SSIM's window, or the mask is empty.
    """
    if enhanced.shape != generated.shape:
        raise InputError(
            f"The enhanced voxels have shape {enhanced.shape}, the image {generated.shape}; make them equal."
        )
    far, near = distance_weights(enhanced, spacing_mm=spacing_mm, mask=mask)
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
