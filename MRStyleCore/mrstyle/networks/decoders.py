"""Style decoder: content features and a style descriptor to an image, after MUNIT (Huang et al., ECCV 2018)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .blocks import LayerNorm, Padding, ResidualBlock, UpBlock, convolution
from .modulation import modulation_class


class StyleDecoder(nn.Module):
    """Modulated residual blocks, then doublings up to full size.

    ``skips`` feeds the encoder's features of each size into the doublings, which keeps fine anatomy, and modulates those
    too; without them (MUNIT) everything passes through the smallest size, and the doublings are layer-normalized.
    """

    def __init__(
        self,
        channels: list[int],
        style_dim: int,
        style_hidden: int,
        residual_blocks: int,
        modulation: str,
        up_kernel: int,
        head_kernel: int,
        skips: bool,
        tanh: bool,
        padding: Padding,
        dim: int = 2,
    ) -> None:
        super().__init__()
        self.skips = skips
        self.tanh = tanh
        self.mapper = nn.Sequential(
            convolution(style_dim, style_hidden, 1, padding="zeros", dim=dim),
            nn.ReLU(),
            convolution(style_hidden, style_hidden, 1, padding="zeros", dim=dim),
            nn.ReLU(),
        )
        kind = modulation_class(modulation)

        def modulated(size: int) -> nn.Module:
            return kind(size, style_hidden, dim)

        up_norm: Callable[[int], nn.Module] = modulated if skips else LayerNorm
        self.blocks = nn.ModuleList(
            ResidualBlock(channels[-1], modulated, padding, dim) for _ in range(residual_blocks)
        )
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.ups = nn.ModuleList(
            UpBlock(deep, shallow, up_kernel, up_norm, padding, skip=shallow if skips else 0, dim=dim)
            for deep, shallow in pairs
        )
        self.head = convolution(channels[0], 1, head_kernel, padding=padding, dim=dim)

    def forward(self, features: list[Tensor], style: Tensor) -> Tensor:
        hidden = self.mapper(style)
        x = features[-1]
        for block in self.blocks:
            x = block(x, hidden)
        for level, up in enumerate(self.ups):
            x = up(x, features[-2 - level], hidden) if self.skips else up(x, None)
        # The last layer in float32: bfloat16 has 8 bits of precision, an image wants more.
        with torch.autocast(x.device.type, enabled=False):
            x = self.head(x.float())
        return torch.tanh(x) if self.tanh else x
