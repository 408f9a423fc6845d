"""How a style enters the decoder: modulations chosen by name, one interface.

A modulation is built as ``Modulation(channels, hidden, dim)`` and called as ``modulation(x, style)`` with features x of
shape (batch, channels, H, W) and a style descriptor of shape (batch or 1, hidden, m, m); m is 1 for descriptors that hold no
layout and 3 otherwise (``descriptor_size``). With ``dim`` 3, both have slices before their rows.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import PackageError
from .blocks import CONVOLUTIONS, convolution
from .instance_norm import InstanceNorm


def _pooled(style: Tensor) -> Tensor:
    return style.mean(dim=tuple(range(2, style.ndim)), keepdim=True)


def _pointwise(inputs: int, outputs: int, dim: int) -> nn.Conv2d | nn.Conv3d:
    return convolution(inputs, outputs, 1, padding="zeros", dim=dim)


def _edged(style: Tensor) -> Tensor:
    """A descriptor with its edges repeated: torch 2.13 fails to compile the gradient of its own replicating padding."""
    for axis in range(2, style.ndim):
        style = torch.cat([style.narrow(axis, 0, 1), style, style.narrow(axis, -1, 1)], dim=axis)
    return style


class AdaIN(nn.Module):
    """Adaptive instance normalization: gamma(style) * norm(x) + beta(style). Huang & Belongie, ICCV 2017."""

    descriptor_size: ClassVar[int] = 1

    def __init__(self, channels: int, hidden: int, dim: int = 2) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.affine = _pointwise(hidden, 2 * channels, dim)
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(_pooled(style)).chunk(2, dim=1)
        return torch.addcmul(beta, self.norm(x), gamma)


class FiLM(nn.Module):
    """Feature-wise linear modulation: gamma(style) * x + beta(style), no normalization. Perez et al., AAAI 2018."""

    descriptor_size: ClassVar[int] = 1

    def __init__(self, channels: int, hidden: int, dim: int = 2) -> None:
        super().__init__()
        self.affine = _pointwise(hidden, 2 * channels, dim)
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(_pooled(style)).chunk(2, dim=1)
        return torch.addcmul(beta, x, gamma)


class SPADE(nn.Module):
    """Spatially adaptive normalization: gamma and beta are maps, here of the stretched descriptor. Park et al., CVPR 2019."""

    descriptor_size: ClassVar[int] = 3

    def __init__(self, channels: int, hidden: int, dim: int = 2) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        self.affine = CONVOLUTIONS[dim](hidden, 2 * channels, 3)
        self.mode = {2: "bilinear", 3: "trilinear"}[dim]
        nn.init.constant_(self.affine.bias[:channels], 1.0)  # type: ignore[index]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        # The convolution is done on the small descriptor: stretching first would cost as much as the decoder.
        maps = F.interpolate(self.affine(_edged(style)).float(), size=x.shape[2:], mode=self.mode).to(x.dtype)
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

    def __init__(self, channels: int, hidden: int, dim: int = 2) -> None:
        super().__init__()
        self.norm = InstanceNorm()
        # Two input channels a group at the least: a pointwise kernel of one would only rescale.
        self.pointwise_groups = min(self.groups, channels // 2)
        self.depthwise = CONVOLUTIONS[dim](hidden, channels, 3)
        self.pointwise = _pointwise(hidden, channels * (channels // self.pointwise_groups), dim)
        self.bias = _pointwise(hidden, channels, dim)
        self.conv = convolution(channels, channels, 3, dim=dim)
        self.convolve = {2: F.conv2d, 3: F.conv3d}[dim]

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        pooled = _pooled(style)
        kernels = self._kernels(style, pooled)
        ones = [1] * (x.ndim - 2)
        y = F.pad(self.norm(x), ones + ones, mode="reflect")
        # One image after the other: as groups of one convolution, a CPU takes several times as long.
        if len(kernels) == 1:
            y = self.convolve(y, kernels[0])
        else:
            y = torch.cat(
                [self.convolve(image[None], kernel) for image, kernel in zip(y, kernels, strict=True)]
            )
        return self.conv(y + self.bias(pooled))

    def _kernels(self, style: Tensor, pooled: Tensor) -> Tensor:
        """Depthwise and pointwise kernel as one (batch, channels out, channels in, 3, 3), zero between groups."""
        groups, batch = self.pointwise_groups, len(style)
        depthwise = self.depthwise(_edged(style))
        pointwise = self.pointwise(pooled).reshape(batch, groups, -1, depthwise.shape[1] // groups)
        own = torch.eye(groups, dtype=pointwise.dtype, device=pointwise.device)
        mixing = torch.einsum("bgoi,gh->bgohi", pointwise, own).reshape(batch, *[depthwise.shape[1]] * 2)
        return mixing[(..., *[None] * (style.ndim - 2))] * depthwise[:, None]


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
