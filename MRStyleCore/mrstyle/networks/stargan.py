"""Building blocks of StarGAN v2 (Choi et al., StarGAN v2, CVPR 2020). All images are (batch, channel, row, column)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import convolution, doubled
from .instance_norm import InstanceNorm, scaled_norm

_SLOPE = 0.2
_HALF_POWER = 1 / math.sqrt(2)


class AffineNorm(nn.Module):
    """Instance norm with a learned scale and shift per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.weight = nn.Parameter(torch.ones(1, channels))
        self.bias = nn.Parameter(torch.zeros(1, channels))

    def forward(self, x: Tensor) -> Tensor:
        return scaled_norm(self.norm, x, self.weight, self.bias)


class StyledNorm(nn.Module):
    """Instance norm, its scale and shift linear in a style (B or 1, style_dim): AdaIN, Huang & Belongie, ICCV 2017."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.affine = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gain, shift = self.affine(style).float().chunk(2, dim=1)
        return scaled_norm(self.norm, x, 1 + gain, shift)


class DownBlock(nn.Module):
    """Residual block of two convolutions, each after its activation; ``shrink`` halves the image by averaging."""

    def __init__(self, inputs: int, outputs: int, *, normalize: bool, shrink: bool) -> None:
        super().__init__()
        self.shrink = shrink
        self.norm1 = AffineNorm(inputs) if normalize else nn.Identity()
        self.conv1 = convolution(inputs, inputs, 3, padding="zeros")
        self.norm2 = AffineNorm(inputs) if normalize else nn.Identity()
        self.conv2 = convolution(inputs, outputs, 3, padding="zeros")
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.leaky_relu(self.norm1(x), _SLOPE))
        # A 1x1 convolution and a mean commute, and the smaller image is the cheaper one.
        shortcut, y = (F.avg_pool2d(image, 2) if self.shrink else image for image in (x, y))
        y = self.conv2(F.leaky_relu(self.norm2(y), _SLOPE))
        return (self.shortcut(shortcut) + y) * _HALF_POWER


class StyledBlock(nn.Module):
    """Residual block whose norms take a style (B or 1, style_dim); ``grow`` doubles the image."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, grow: bool, adds: bool) -> None:
        super().__init__()
        self.grow, self.adds = grow, adds
        self.norm1 = StyledNorm(inputs, style_dim)
        self.conv1 = convolution(inputs, outputs, 3, padding="zeros")
        self.norm2 = StyledNorm(outputs, style_dim)
        self.conv2 = convolution(outputs, outputs, 3, padding="zeros")
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        y = F.leaky_relu(self.norm1(x, style), _SLOPE)
        y = self.conv1(doubled(y) if self.grow else y)
        y = self.conv2(F.leaky_relu(self.norm2(y, style), _SLOPE))
        if not self.adds:
            return y
        shortcut = self.shortcut(x)
        return ((doubled(shortcut) if self.grow else shortcut) + y) * _HALF_POWER


class Trunk(nn.Module):
    """Images (B, inputs, size, size) to features (B, C): what style encoder and critic have in common."""

    def __init__(self, inputs: int, size: int, width: int, max_width: int) -> None:
        super().__init__()
        levels = int(math.log2(size)) - 2
        channels = [min(width * 2**level, max_width) for level in range(levels + 1)]
        self.outputs = channels[-1]
        self.stem = convolution(inputs, width, 3, padding="zeros")
        self.blocks = nn.Sequential(
            *(DownBlock(before, after, normalize=False, shrink=True) for before, after in pairwise(channels))
        )
        self.last = nn.Conv2d(channels[-1], channels[-1], 4)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.blocks(self.stem(x)), _SLOPE)
        return F.leaky_relu(self.last(y), _SLOPE).flatten(1)


def high_pass(x: Tensor) -> Tensor:
    """What differs from its eight neighbors."""
    kernel = torch.full((3, 3), -1.0)
    kernel[1, 1] = 8.0
    weight = kernel.to(x).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, weight, padding=1, groups=x.shape[1])


def initialized(network: nn.Module) -> None:
    """Kaiming's weights, and no biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
