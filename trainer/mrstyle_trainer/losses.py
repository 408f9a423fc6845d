"""Loss functions as free functions. Images are (B, 1, H, W), scaled so that 1 is the 99.5th percentile of the head."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .simulate import LESION_GROUP

# Lesions are few pixels, and losing them is the worst that can happen.
_LESION_WEIGHT = 4.0


def absolute(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return F.l1_loss(output, target)


def steep(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the differences between neighboring voxels of blocks (B, 1, D, H, W), along all axes."""
    along = [(output.diff(dim=axis) - target.diff(dim=axis)).abs().mean() for axis in (2, 3, 4)]
    return torch.stack(along).sum()


def squared(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return F.mse_loss(output, target)


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """Mean squared difference of a critic's scores from 1 for real or 0 for drawn (Mao et al., ICCV 2017)."""
    return (scores - wanted).square().mean()


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


def weighted_absolute(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference with a weight for each pixel, which broadcasts to the images."""
    return ((output - target).abs() * weight).mean() / weight.mean()


def lesion_weight(batch: dict[str, Tensor]) -> Tensor:
    """Weight (B, 1, 1, H, W) of the pixels of a batch of contrasts, more in lesions; 1 where nobody has drawn them."""
    if "groups" not in batch:
        return torch.ones_like(batch["kept"])[:, None, None]
    return torch.where(batch["groups"] == LESION_GROUP, _LESION_WEIGHT, 1.0)[:, None, None]


def laplace(maps: Tensor, truth: Tensor, log_spread: Tensor, inside: Tensor) -> Tensor:
    """Negative log-likelihood of the truth under Laplace distributions around the maps, mean over ``inside`` (1 or 0).

    What is minimized is also a fair measure of uncertainty: a network cannot claim a small spread and be far off.
    """
    likelihood = (maps - truth).abs() * (-log_spread).exp() + log_spread
    inside = inside.expand_as(likelihood)
    return (likelihood * inside).sum() / inside.sum().clamp_min(1)


def alike(common: Tensor) -> Tensor:
    """Minus the structural part of SSIM between the features of all pairs of contrasts (Xiong et al. 2024, equation 4).

    ``common`` is (heads, contrasts, C, H, W); the structural part is the correlation over the pixels of a channel, so the
    loss is between -1, alike, and 1.
    """
    x = common.float().flatten(3)
    x = x - x.mean(dim=3, keepdim=True)
    x = x / (x.norm(dim=3, keepdim=True) + 1e-6)
    contrasts = x.shape[1]
    correlation = torch.einsum("bicp,bjcp->bijc", x, x)
    others = 1 - torch.eye(contrasts, device=x.device)
    return -(correlation.mean(dim=3) * others).sum() / (others.sum() * len(x))


def fitted(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Images (..., H, W) times the gain of each that brings it closest to its target by least squares, and these gains."""
    product = (output * target).sum(dim=(-2, -1), keepdim=True)
    gain = (product / output.square().sum(dim=(-2, -1), keepdim=True).clamp_min(1e-4)).clamp(0.1, 10)
    return output * gain, gain


def believed(scores: Tensor, real: bool) -> Tensor:
    """Binary cross-entropy of a critic's scores (B,) with what they should say (Goodfellow et al., NeurIPS 2014).

    A generator that minimizes it with ``real`` has the non-saturating loss.
    """
    return F.softplus(-scores if real else scores).mean()


def gradient_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """R1: half of the squared gradient of a critic's scores (B,) of real images, which ask for gradients, mean over images
    (Mescheder et al., ICML 2018)."""
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(dim=1).mean()


def incoherence(output: Tensor, content: Tensor) -> Tensor:
    """How neighboring slices of the output (B, D, H, W) differ otherwise than those of the content, but for a gain.

    Mean of |(y[k+1] - y[k]) - a (x[k+1] - x[k])|, with the slope a of y on x within each slab, by least squares and without
    gradient: an output that maps intensities linearly has none of it. Our form of the temporal coherence of the source; that
    differences of frames are compared is from Wang et al. (arXiv 2102.05822).
    """
    y, x = (slab.detach().flatten(1).float() for slab in (output, content))
    x = x - x.mean(dim=1, keepdim=True)
    slope = (x * y).sum(dim=1) / x.square().sum(dim=1).clamp_min(1e-6)
    steps = output.diff(dim=1) - slope[:, None, None, None] * content.diff(dim=1)
    return steps.abs().mean()
