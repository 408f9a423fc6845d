"""A volume as slices for a 2D network, with neighbors as context, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PLANES = ("axial", "coronal", "sagittal")
"""The names of slices along the canonical axes 0, 1 and 2."""

_ANISOTROPIC = 1.5


@dataclass(frozen=True)
class SliceStack:
    """Slices of a volume in canonical orientation, cut to the patient, at a pixel size that the network knows.

    Attributes:
        images: float32 (slices, H, W) in model units, air about 0.
        axis: the canonical axis (0 axial, 1 coronal, 2 sagittal) that the slices are stacked along.
        box: where the slices come from in the canonical array with ``axis`` moved to the front.
        fine: the cut slices at their own pixel size, (slices, h, w).
    """

    images: Tensor
    fine: Tensor
    axis: int
    box: tuple[slice, slice, slice]

    def with_context(self, indices: range, context: int) -> Tensor:
        """(len(indices), 2 context + 1, H, W): each slice with its neighbors; ends are repeated."""
        offsets = torch.arange(-context, context + 1)
        positions = torch.tensor(list(indices)).unsqueeze(1) + offsets
        return self.images[positions.clamp(0, len(self.images) - 1)]


def slice_axes(
    content_kji_mm: tuple[float, float, float], style_kji_mm: tuple[float, float, float]
) -> tuple[int, ...]:
    """The axes to cut slices along: all three, or where a volume has thick slices, theirs alone, the content's first."""
    for spacing_kji_mm in (content_kji_mm, style_kji_mm):
        thickest = int(np.argmax(spacing_kji_mm))
        if spacing_kji_mm[thickest] > _ANISOTROPIC * min(spacing_kji_mm):
            return (thickest,)
    return (0, 1, 2)


def cut(
    array: np.ndarray,
    mask: np.ndarray,
    spacing_kji_mm: tuple[float, float, float],
    axis: int,
    pixel_range_mm: tuple[float, float],
    margin_mm: float = 8.0,
) -> SliceStack:
    """Slices along ``axis`` of a canonical array (model units) that hold the patient, ``mask``.

    Pixels smaller or larger than ``pixel_range_mm`` are brought to the nearer end of it, because a network sees structures at
    the scale it was trained on.
    """
    array, mask = np.moveaxis(array, axis, 0), np.moveaxis(mask, axis, 0)
    pixel_mm = [spacing for index, spacing in enumerate(spacing_kji_mm) if index != axis]
    margins = [0, *(round(margin_mm / spacing) for spacing in pixel_mm)]
    box = []
    for dimension, margin in enumerate(margins):
        inside = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {dimension})))
        box.append(
            slice(max(0, int(inside[0]) - margin), min(mask.shape[dimension], int(inside[-1]) + 1 + margin))
        )
    fine = torch.from_numpy(np.ascontiguousarray(array[tuple(box)], np.float32))
    size = [
        max(1, round(length * spacing / float(np.clip(spacing, *pixel_range_mm))))
        for length, spacing in zip(fine.shape[1:], pixel_mm, strict=True)
    ]
    return SliceStack(resized(fine, size), fine, axis, (box[0], box[1], box[2]))


def resized(images: Tensor, size: list[int]) -> Tensor:
    """(n, H, W) resampled in plane: linear, with anti-aliasing where pixels get larger."""
    if list(images.shape[1:]) == size:
        return images
    return F.interpolate(images.unsqueeze(1), size=size, mode="bilinear", antialias=True).squeeze(1)


def paste(stack: SliceStack, outputs: Tensor, shape: tuple[int, int, int]) -> np.ndarray:
    """Outputs (slices, H, W) of a stack's images as a canonical array of ``shape``; 0 outside of the patient."""
    volume = np.zeros(shape, np.float32)
    np.moveaxis(volume, stack.axis, 0)[stack.box] = with_detail(stack, outputs).numpy()
    return volume


def with_detail(stack: SliceStack, outputs: Tensor, radius: int = 2, floor: float = 1e-4) -> Tensor:
    """Outputs at the pixel size of the volume, with its detail where the network saw larger pixels.

    A guided upsampling (He & Sun, Fast Guided Filter, arXiv 1505.00996): around each pixel the output is a linear
    function of the input; its coefficients are found at the network's pixel size and applied to the fine input.
    """
    size = list(stack.fine.shape[1:])
    if list(outputs.shape[1:]) == size:
        return outputs
    if size[0] * size[1] <= outputs.shape[1] * outputs.shape[2]:
        return resized(outputs, size)

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x.unsqueeze(1), 2 * radius + 1, 1, radius, count_include_pad=False).squeeze(1)

    guide = stack.images
    mean_guide, mean_output = mean(guide), mean(outputs)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * outputs) - mean_guide * mean_output) / (variance + floor)
    offset = mean_output - slope * mean_guide
    return resized(mean(slope), size) * stack.fine + resized(mean(offset), size)
