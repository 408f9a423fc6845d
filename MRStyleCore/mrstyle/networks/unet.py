"""A U-Net that is told something about its image: the condition modulates every level (FiLM on normalized features)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import ResidualBlock, UpBlock, convolution
from .modulation import AdaIN, FiLM


class ConditionedUNet(nn.Module):
    """Images (B, inputs, H, W), H and W multiples of ``2**(len(channels) - 1)``, and conditions (B, D) to (B, outputs, H, W).

    The first and the last level are modulated but not normalized: they carry absolute intensities, of which relaxation
    rates are a function. The output is float32, because bfloat16 has 8 bits of precision and maps want more.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        channels: list[int],
        condition: int,
        hidden: int,
        residual_blocks: int,
    ) -> None:
        super().__init__()
        self.mapper = nn.Sequential(
            nn.Linear(condition, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.stem = convolution(inputs, channels[0], 3, padding="zeros")
        self.downs = nn.ModuleList(
            convolution(before, after, 4, stride=2, padding="zeros") for before, after in pairwise(channels)
        )

        def normalized(size: int) -> nn.Module:
            return AdaIN(size, hidden)

        def plain(size: int) -> nn.Module:
            return FiLM(size, hidden)

        self.norms = nn.ModuleList([plain(channels[0]), *map(normalized, channels[1:])])
        self.blocks = nn.ModuleList(
            ResidualBlock(channels[-1], normalized, "zeros") for _ in range(residual_blocks)
        )
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        kinds = [*[normalized] * (len(pairs) - 1), plain]
        self.ups = nn.ModuleList(
            UpBlock(deep, shallow, 3, kind, "zeros", skip=shallow)
            for (deep, shallow), kind in zip(pairs, kinds, strict=True)
        )
        self.head = convolution(channels[0], outputs, 1)

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        hidden = self.mapper(condition)[:, :, None, None]
        x, features = images, []
        for conv, norm in zip([self.stem, *self.downs], self.norms, strict=True):
            x = F.relu(norm(conv(x), hidden))
            features.append(x)
        x = features.pop()
        for block in self.blocks:
            x = block(x, hidden)
        for up in self.ups:
            x = up(x, features.pop(), hidden)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())
