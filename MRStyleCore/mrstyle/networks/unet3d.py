"""A small 3D U-Net that works on blocks of 2 x 2 x 2 voxels: on CPUs, full-size convolutions of few channels are slow."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks3d import doubled3d


def folded(x: Tensor) -> Tensor:
    """(B, C, 2D, 2H, 2W) to (B, 8 C, D, H, W): each block of 8 voxels becomes channels."""
    batch, channels, depth, height, width = x.shape
    x = x.reshape(batch, channels, depth // 2, 2, height // 2, 2, width // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, 8 * channels, depth // 2, height // 2, width // 2)


def unfolded(x: Tensor) -> Tensor:
    """The inverse of `folded`: (B, 8 C, D, H, W) to (B, C, 2D, 2H, 2W)."""
    batch, channels, depth, height, width = x.shape
    x = x.reshape(batch, channels // 8, 2, 2, 2, depth, height, width)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels // 8, 2 * depth, 2 * height, 2 * width)


class ConvBlock3d(nn.Module):
    """Convolution (3 x 3 x 3, zeros around), normalization over the volume, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, padding=1)
        self.norm = nn.GroupNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        # The gradient of this norm takes 30 times as long in the channels_last order.
        return F.leaky_relu(self.norm(self.conv(x).contiguous()), 0.1)


class UNet3d(nn.Module):
    """Volumes (B, inputs, D, H, W), each size a multiple of ``divisor``, to float32 (B, outputs, D, H, W).

    ``channels`` are those of each level, of which the first has half the resolution of the volume.
    """

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.divisor = 2 ** len(channels)
        self.stem = ConvBlock3d(8 * inputs, channels[0])
        self.downs = nn.ModuleList(
            nn.Sequential(ConvBlock3d(before, after, 2), ConvBlock3d(after, after))
            for before, after in pairwise(channels)
        )
        pairs = list(pairwise(channels[::-1]))
        self.reduces = nn.ModuleList(nn.Conv3d(deep, shallow, 1) for deep, shallow in pairs)
        self.ups = nn.ModuleList(
            nn.Sequential(ConvBlock3d(2 * shallow, shallow), ConvBlock3d(shallow, shallow))
            for _, shallow in pairs
        )
        self.head = nn.Conv3d(channels[0], 8 * outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(folded(x))
        features = [x]
        for down in self.downs:
            features.append(down(features[-1]))
        x = features.pop()
        for reduce, up in zip(self.reduces, self.ups, strict=True):
            x = doubled3d(reduce(x))
            x = up(torch.cat([x, features.pop()], dim=1))
        return unfolded(self.head(x).float())
