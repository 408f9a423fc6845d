"""Building blocks of 3D networks. All images are (batch, channel, slice, row, column)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.1


class ResidualBlock3D(nn.Module):
    """x + conv(leaky_relu(conv(x))); at first x, which keeps the scale of features without norms (Zhang et al., ICLR 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.leaky_relu(self.conv1(x), LEAK))


class FiLM3D(nn.Module):
    """gamma(style) * x + beta(style) for styles (batch or 1, hidden). Perez et al., AAAI 2018."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.affine = nn.Linear(hidden, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.05)
        nn.init.zeros_(self.affine.bias)
        nn.init.ones_(self.affine.bias[:channels])

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(style)[:, :, None, None, None].chunk(2, dim=1)
        return torch.addcmul(beta.to(x.dtype), x, gamma.to(x.dtype))


def doubled3d(x: Tensor) -> Tensor:
    """(B, C, D, H, W) to (B, C, 2D, 2H, 2W) by repeating voxels, not by ``F.interpolate`` (see ``blocks.doubled``)."""
    batch, channels, depth, height, width = x.shape
    x = x[:, :, :, None, :, None, :, None].expand(-1, -1, -1, 2, -1, 2, -1, 2)
    return x.reshape(batch, channels, 2 * depth, 2 * height, 2 * width)
