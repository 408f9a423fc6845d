"""Smooth random fields and filters of small image stacks (n, H, W), as simulation needs them: cheap and seeded."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def uniform(generator: Generator, low: float, high: float) -> float:
    """One number, uniform between ``low`` and ``high``."""
    return low + (high - low) * torch.rand((), generator=generator).item()


def smooth_field(generator: Generator, count: int, cells: float, size: int) -> Tensor:
    """``count`` fields (count, size, size) of about unit variance that vary over about ``size / cells`` pixels."""
    grid = max(2, round(cells))
    coarse = torch.randn(1, count, grid, grid, generator=generator)
    return 1.3 * F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[0]


def blur(images: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of (n, H, W) in plane, edges repeated."""
    if sigma_px < 0.2:
        return images
    radius = max(1, math.ceil(2.5 * sigma_px))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    x = F.pad(images.unsqueeze(1), (radius,) * 4, mode="replicate")
    x = F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return x.squeeze(1)


def lower_resolution(images: Tensor, factor_rows: float, factor_columns: float) -> Tensor:
    """Acquired with larger pixels and interpolated back: average down, then linear up."""
    rows = max(8, round(images.shape[1] / factor_rows))
    columns = max(8, round(images.shape[2] / factor_columns))
    small = F.interpolate(images.unsqueeze(1), size=(rows, columns), mode="area")
    return F.interpolate(small, size=images.shape[1:], mode="bilinear").squeeze(1)


def rician(generator: Generator, images: Tensor, sigma: float) -> Tensor:
    """Magnitude of ``images`` with Gaussian noise of standard deviation ``sigma`` in both channels."""
    real = images + sigma * torch.randn(images.shape, generator=generator)
    return torch.hypot(real, sigma * torch.randn(images.shape, generator=generator))


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Square dilation of boolean (n, H, W) in plane."""
    width = 2 * radius + 1
    rows = F.max_pool2d(mask.float().unsqueeze(1), (width, 1), 1, (radius, 0))
    return F.max_pool2d(rows, (1, width), 1, (0, radius)).squeeze(1) > 0
