"""Loss functions as free functions. Images are (B, 1, H, W), scaled so that 1 is the 99.5th percentile of the head."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def absolute(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return F.l1_loss(output, target)


def structural(output: Tensor, target: Tensor, window: int = 7) -> Tensor:
    """1 - SSIM with a uniform window and data range 1 (Wang et al., IEEE TIP 13:600, 2004)."""
    maps = torch.cat([output, target, output * output, target * target, output * target], dim=1)
    mean_x, mean_y, xx, yy, xy = F.avg_pool2d(maps, window, 1).unbind(1)
    c1, c2 = 0.01**2, 0.03**2
    covariance = xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return 1 - (luminance * structure).mean()


def anchored(style: Tensor, anchors: Tensor) -> Tensor:
    """Mean absolute difference of a style's first entries from known tissue intensities.

    ``style`` is (B, S, m, m), ``anchors`` (B, n) with n <= S and NaN where a head lacks the tissue. Without this
    hint a network takes long to find out that a style matters at all.
    """
    entries = style.float().mean(dim=(2, 3))[:, : anchors.shape[1]]
    known = torch.isfinite(anchors)
    difference = (entries - anchors.nan_to_num()).abs() * known
    return difference.sum() / known.sum().clamp_min(1)


def recognized(maps: Tensor, groups: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of anatomy maps (B, K, H, W) with known tissue groups (B, H, W), weighted by group.

    Group g > 0 is map g - 1, group 0 is air, which is what the maps leave over; negative groups do not count.
    """
    air = 1 - maps.sum(dim=1, keepdim=True)
    logarithm = torch.cat([air, maps], dim=1).clamp_min(1e-4).log()
    weights = F.pad(weights, (0, logarithm.shape[1] - len(weights)))
    return F.nll_loss(logarithm, groups.clamp_min(-1), weights, ignore_index=-1)
