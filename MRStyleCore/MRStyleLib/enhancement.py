"""What enhances in a series at a threshold that the user moves: mask, distance map and curves, computed in the application."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import slicer

PUBLISHED_THRESHOLD = 20 / 255
"""Of the enhancement, whose unit is the 99.5th percentile of the first frame."""


def enhanced_mask(enhancement_node, threshold: float) -> np.ndarray:
    """Voxels whose enhancement is above the threshold, bool (k, j, i)."""
    return slicer.util.arrayFromVolume(enhancement_node) > threshold


def update_weights(weight_node, enhanced: np.ndarray) -> None:
    """Fill a volume anew with the weights of CW-SSIM: 0.1 where it enhances, 1 farthest from there."""
    # It loads SimpleITK, which takes its time.
    from mrstyle.metrics.enhancement import distance_weights

    weights, _inverted = distance_weights(enhanced, spacing_mm=weight_node.GetSpacing())
    slicer.util.updateVolumeFromArray(weight_node, weights)


def mean_curve(sequence, mask: np.ndarray) -> Generator[None, None, np.ndarray]:
    """Mean signal of a mask in each frame of a sequence, one frame for each `next`."""
    means = np.empty(sequence.GetNumberOfDataNodes())
    for number in range(len(means)):
        means[number] = slicer.util.arrayFromVolume(sequence.GetNthDataNode(number))[mask].mean(
            dtype=np.float64
        )
        yield
    return means
