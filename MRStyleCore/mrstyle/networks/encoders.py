"""Content encoder (where things are) and style encoder (how they look), after MUNIT (Huang et al., ECCV 2018)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Padding, ResidualBlock, convolution
from .instance_norm import InstanceNorm

_POOLS: dict[int, Callable[..., Tensor]] = {2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def widths(width: int, downsamplings: int, max_width: int) -> list[int]:
    """Channels at full size and after each halving of the image: doubled each time up to ``max_width``."""
    return [min(width * 2**level, max_width) for level in range(downsamplings + 1)]


class ContentEncoder(nn.Module):
    """Stem, strided convolutions, residual blocks, all instance-normalized: contrast goes, structure stays.

    Input (B, inputs, H, W) with H and W divisible by 2**downsamplings; output a list of features from full size to the
    smallest, the last one after the residual blocks.
    """

    def __init__(
        self,
        inputs: int,
        channels: list[int],
        residual_blocks: int,
        stem_kernel: int,
        stem_norm: bool,
        padding: Padding,
        dim: int = 2,
    ) -> None:
        super().__init__()
        self.stem = convolution(inputs, channels[0], stem_kernel, padding=padding, dim=dim)
        self.downs = nn.ModuleList(
            convolution(before, after, 4, stride=2, padding=padding, dim=dim)
            for before, after in pairwise(channels)
        )
        norms: list[nn.Module] = [InstanceNorm() for _ in channels]
        if not stem_norm:
            norms[0] = nn.Identity()
        self.norms = nn.ModuleList(norms)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels[-1], lambda _: InstanceNorm(), padding, dim)
            for _ in range(residual_blocks)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for conv, norm in zip([self.stem, *self.downs], self.norms, strict=True):
            x = F.relu(norm(conv(x)))
            features.append(x)
        for block in self.blocks:
            x = block(x)
        features[-1] = x
        return features


class StyleEncoder(nn.Module):
    """Strided convolutions without norm (a norm would remove the style), pooled to ``size`` x ``size``, projected.

    Input (B, 1, H, W), scaled to about 0..1 with air near 0; output (B, style_dim, size, size). With
    ``foreground_pooling`` the mean is taken over the head alone, so that a wide field of view does not dilute the style.
    """

    foreground_level = 0.04

    def __init__(
        self,
        channels: list[int],
        style_dim: int,
        size: int,
        stem_kernel: int,
        padding: Padding,
        foreground_pooling: bool,
        dim: int = 2,
    ) -> None:
        super().__init__()
        self.size = size
        self.pool = _POOLS[dim]
        self.foreground_pooling = foreground_pooling
        self.stem = convolution(1, channels[0], stem_kernel, padding=padding, dim=dim)
        self.downs = nn.ModuleList(
            convolution(before, after, 4, stride=2, padding=padding, dim=dim)
            for before, after in pairwise(channels)
        )
        self.project = convolution(channels[-1], style_dim, 1, padding="zeros", dim=dim)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.stem(image))
        for down in self.downs:
            x = F.relu(down(x))
        x = x.float()
        if self.foreground_pooling:
            weight = self.pool((image > self.foreground_level).float(), x.shape[2:]) + 1e-4
            pooled = self.pool(x * weight, self.size) / self.pool(weight, self.size)
        else:
            pooled = self.pool(x, self.size)
        return self.project(pooled)
