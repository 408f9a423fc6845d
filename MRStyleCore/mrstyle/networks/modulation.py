"""How a style enters the decoder: modulations chosen by name, one interface.

A modulation is built as ``Modulation(channels, hidden)`` and called as ``modulation(x, style)`` with features x of shape
(batch, channels, H, W) and a style descriptor of shape (batch or 1, hidden, m, m); m is 1 for descriptors that hold no
layout and 3 otherwise (``descriptor_size``).
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import PackageError
from .blocks import InstanceNorm


def _pooled(style: Tensor) -> Tensor:
    return style.mean(dim=(2, 3), keepdim=True)


class AdaIN(nn.Module):
    """Adaptive instance normalization: gamma(style) * norm(x) + beta(style). Huang & Belongie, ICCV 2017."""

    descriptor_size: ClassVar[int] = 1

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.affine = nn.Conv2d(hidden, 2 * channels, 1)
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(_pooled(style)).chunk(2, dim=1)
        return torch.addcmul(beta, self.norm(x), gamma)


class FiLM(nn.Module):
    """Feature-wise linear modulation: gamma(style) * x + beta(style), no normalization. Perez et al., AAAI 2018."""

    descriptor_size: ClassVar[int] = 1

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.affine = nn.Conv2d(hidden, 2 * channels, 1)
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(_pooled(style)).chunk(2, dim=1)
        return torch.addcmul(beta, x, gamma)


class SPADE(nn.Module):
    """Spatially adaptive normalization: gamma and beta are maps, here of the stretched descriptor. Park et al., CVPR 2019."""

    descriptor_size: ClassVar[int] = 3

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.affine = nn.Conv2d(hidden, 2 * channels, 3, padding=1, padding_mode="replicate")
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        # The convolution is done on the small descriptor: stretching first would cost as much as the decoder.
        maps = F.interpolate(self.affine(style).float(), size=x.shape[-2:], mode="bilinear").to(x.dtype)
        gamma, beta = maps.chunk(2, dim=1)
        return torch.addcmul(beta, self.norm(x), gamma)


class AdaConv(nn.Module):
    """Adaptive convolution: normalized x is convolved by kernels predicted from the style.

    A depthwise 3x3 kernel is predicted by a convolution on the descriptor, a grouped pointwise kernel and a bias from
    its mean. Chandran et al., CVPR 2021. Listed as patented (US 12,340,440 B2, CA 3137297 C): a package that uses it
    says so in its card, and SPADE is the free alternative.
    """

    descriptor_size: ClassVar[int] = 3
    groups: ClassVar[int] = 16

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        # Two input channels a group at the least: a pointwise kernel of one would only rescale.
        self.pointwise_groups = min(self.groups, channels // 2)
        self.depthwise = nn.Conv2d(hidden, channels, 3, padding=1, padding_mode="replicate")
        self.pointwise = nn.Conv2d(hidden, channels * (channels // self.pointwise_groups), 1)
        self.bias = nn.Conv2d(hidden, channels, 1)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        style = style.expand(batch, -1, -1, -1)
        pooled = _pooled(style)
        depthwise = self.depthwise(style).reshape(batch * channels, 1, 3, 3)
        pointwise = self.pointwise(pooled).reshape(batch * channels, channels // self.pointwise_groups, 1, 1)
        # The samples of a batch become groups of one convolution, each with its own predicted kernels.
        y = F.pad(self.norm(x), (1, 1, 1, 1), mode="reflect").reshape(
            1, batch * channels, height + 2, width + 2
        )
        y = F.conv2d(y, depthwise, groups=batch * channels)
        y = F.conv2d(y, pointwise, groups=batch * self.pointwise_groups)
        return self.conv(y.reshape(x.shape) + self.bias(pooled))


Modulation = AdaIN | FiLM | SPADE | AdaConv

MODULATIONS: dict[str, type[AdaIN] | type[FiLM] | type[SPADE] | type[AdaConv]] = {
    "adain": AdaIN,
    "film": FiLM,
    "spade": SPADE,
    "adaconv": AdaConv,
}


def modulation_class(name: str) -> type[AdaIN] | type[FiLM] | type[SPADE] | type[AdaConv]:
    """The modulation of that name.

    Raises:
        PackageError: there is none.
    """
    if name not in MODULATIONS:
        raise PackageError(f"Unknown modulation {name!r}; choose one of {', '.join(MODULATIONS)}.")
    return MODULATIONS[name]
