"""Building blocks of the content/style networks. Images are (batch, channel, row, column).

With ``dim`` 3 they are (batch, channel, slice, row, column), and only rows and columns are ever halved or doubled: volumes
for which that is meant have few and thick slices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
_THROUGH = 3  # slices that a kernel sees
Padding = Literal["reflect", "zeros"]


class LayerNorm(nn.Module):
    """One mean and standard deviation over all channels and pixels, then a scale and shift per channel (MUNIT)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight, self.bias)


def convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: Padding = "reflect", dim: int = 2
) -> nn.Conv2d | nn.Conv3d:
    """A convolution that keeps the size (or divides it by ``stride``), padded by reflection or zeros."""
    margin = (kernel - 1) // 2
    if dim == 2:
        return nn.Conv2d(inputs, outputs, kernel, stride, margin, padding_mode=padding)
    through = _THROUGH if kernel > 1 else 1
    return nn.Conv3d(
        inputs,
        outputs,
        (through, kernel, kernel),
        (1, stride, stride),
        (through // 2, margin, margin),
        padding_mode=padding,
    )


class ResidualBlock(nn.Module):
    """x + conv(relu(norm(conv(x)))), each convolution followed by its norm; the norms may take a style."""

    def __init__(
        self, channels: int, norm: Callable[[int], nn.Module], padding: Padding, dim: int = 2
    ) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels, 3, padding=padding, dim=dim)
        self.norm1 = norm(channels)
        self.conv2 = convolution(channels, channels, 3, padding=padding, dim=dim)
        self.norm2 = norm(channels)

    def forward(self, x: Tensor, *style: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x), *style))
        return x + self.norm2(self.conv2(y), *style)


def doubled(x: Tensor) -> Tensor:
    """Images (B, C, ..., H, W) to (B, C, ..., 2H, 2W) by repeating pixels.

    Not by ``F.interpolate``: torch 2.13 compiles that one's backward to zeros (CPU, bfloat16, channels_last).
    """
    return _repeated(x) if torch.compiler.is_compiling() else _Doubled.apply(x)


def _repeated(x: Tensor) -> Tensor:
    """In channels_last order, in which a CPU computes faster by a third."""
    x = x.movedim(1, -1)
    batch, *slices, height, width, channels = x.shape
    x = x[..., None, :, None, :].expand(batch, *slices, height, 2, width, 2, channels)
    return x.reshape(batch, *slices, 2 * height, 2 * width, channels).movedim(-1, 1)


class _Doubled(torch.autograd.Function):
    """The gradient of repeating adds four pixels; as a sum over axes of two it would take many times as long (CPU)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _repeated(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.movedim(1, -1)
        *others, height, width, channels = gradient.shape
        rows = gradient.reshape(*others, height // 2, 2, width * channels)
        pairs = (rows[..., 0, :] + rows[..., 1, :]).reshape(*others, height // 2, width // 2, 2, channels)
        return (pairs[..., 0, :] + pairs[..., 1, :]).movedim(-1, 1)


class UpBlock(nn.Module):
    """Nearest-neighbor doubling, convolution, norm, ReLU; with ``skip`` channels, the encoder's features join in.

    A 1x1 convolution first brings the deep features down to as many channels as the skip has, at the small size
    where it costs little.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        norm: Callable[[int], nn.Module],
        padding: Padding,
        skip: int = 0,
        dim: int = 2,
    ) -> None:
        super().__init__()
        self.reduce = convolution(inputs, skip, 1, padding="zeros", dim=dim) if skip else nn.Identity()
        self.conv = convolution(2 * skip or inputs, outputs, kernel, padding=padding, dim=dim)
        self.norm = norm(outputs)

    def forward(self, x: Tensor, skip: Tensor | None, *style: Tensor) -> Tensor:
        x = doubled(self.reduce(x))
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        return F.relu(self.norm(self.conv(x), *style))
