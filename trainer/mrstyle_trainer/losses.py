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
    """How far the first entries of style descriptors (B, S, m, m) are from known tissue intensities (B, n), L1.

    Without this hint a network takes long to find out that a style matters at all.
    """
    entries = style.float().mean(dim=(2, 3))[:, : anchors.shape[1]]
    known = torch.isfinite(anchors)
    return (entries - anchors.nan_to_num())[known].abs().mean()
