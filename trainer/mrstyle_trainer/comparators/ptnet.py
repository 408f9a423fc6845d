"""PTNet: a pyramid of transformers without convolutions (Zhang et al., IEEE TMI 41:2925, 2022), its 2D form.

Images become tokens by soft splits: each token is a small window of pixels that overlaps with the next one's. At the
large sizes attention is the performer's, whose cost grows with the pixels and not with their square. The
pyramid is U-shaped: each size going down is joined to the same size coming up.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from mrstyle.networks.blocks import doubled

from .transformer import transformer_layers


class PTNetConfig(BaseModel):
    """Everything that fixes the shape of the network; the defaults are the published sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(0, ge=0, le=4, description="neighbor slices on each side that are seen along")
    width: int = Field(32, ge=4, le=256, description="channels at full size; doubled by each halving")
    hidden: int = Field(512, ge=8, le=2048, multiple_of=4, description="channels of the bottleneck")
    layers: int = Field(12, ge=1, le=48)
    heads: int = Field(4, ge=1, le=32)

    @model_validator(mode="after")
    def _is_possible(self) -> PTNetConfig:
        if self.hidden % self.heads:
            raise ValueError(f"hidden is {self.hidden}; make it a multiple of heads, {self.heads}")
        return self


def linear_attention(queries: Tensor, keys: Tensor, values: Tensor, directions: Tensor) -> Tensor:
    """Softmax attention of one head, approximated: (B, T, C) to (B, T, C), at a cost that grows with T alone.

    Positive random features (Choromanski et al., ICLR 2021) with ``directions`` (features, C): the mean of
    exp(d q - q^2 / 2) exp(d k - k^2 / 2) over directions d is exp(q k), so keys and values are summed up once for all
    queries.
    """

    def exponents(x: Tensor) -> Tensor:
        x = x * x.shape[-1] ** -0.25
        return x @ directions.T - 0.5 * x.square().sum(dim=-1, keepdim=True)

    # The largest exponents cancel between the sum and its weight, and without them nothing overflows.
    queries, keys = exponents(queries), exponents(keys)
    queries = torch.exp(queries - queries.detach().amax(dim=2, keepdim=True))
    keys = torch.exp(keys - keys.detach().amax(dim=(1, 2), keepdim=True))
    weight = queries @ keys.sum(dim=1).unsqueeze(-1)
    return queries @ (keys.transpose(1, 2) @ values) / (weight + 1e-6)


class Performer(nn.Module):
    """One head of linear attention and a small perceptron: tokens (B, T, inputs) to (B, T, width)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(inputs)
        self.queries_keys_values = nn.Linear(inputs, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        orthogonal = torch.linalg.qr(torch.randn(width, width)).Q[: width // 2]
        self.directions: Tensor
        self.register_buffer("directions", math.sqrt(width) * orthogonal)

    def forward(self, x: Tensor) -> Tensor:
        # Norms of float32: uncompiled, their gradients are summed in the precision given, over as many tokens as pixels.
        queries, keys, values = self.queries_keys_values(self.norm1(x.float())).chunk(3, dim=-1)
        with torch.autocast(x.device.type, enabled=False):  # exponentials and long sums want float32
            attended = linear_attention(queries.float(), keys.float(), values.float(), self.directions)
        x = values + self.project(attended.to(values.dtype))
        return x + self.perceptron(self.norm2(x.float()))


class SoftSplit(nn.Module):
    """Overlapping windows as tokens, through a performer: (B, C, H, W) to (B, width, H/stride, W/stride)."""

    def __init__(self, inputs: int, width: int, window: int, stride: int) -> None:
        super().__init__()
        self.window, self.stride = window, stride
        self.performer = Performer(inputs * window**2, width)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2] // self.stride, x.shape[3] // self.stride
        x = F.pad(x, (self.window // 2,) * 4)
        # Shifted views and not F.unfold, whose compiled form is slower than all else together.
        rows = [x[:, :, first : first + self.stride * height : self.stride] for first in range(self.window)]
        shifts = [
            row[..., first : first + self.stride * width : self.stride]
            for row in rows
            for first in range(self.window)
        ]
        tokens = torch.cat(shifts, dim=1).flatten(2).transpose(1, 2)
        return self.performer(tokens).transpose(1, 2).reshape(len(x), -1, height, width)


class PTNet(nn.Module):
    """Slices (B, 2 context + 1, H, W) of the source to middle slices (B, 1, H, W) of the target.

    H and W are divisible by ``divisor``. Intensities are scaled to the 99.5th percentile of the head.
    """

    divisor = 4

    def __init__(self, config: PTNetConfig) -> None:
        super().__init__()
        self.context = config.context
        full, half, quarter = config.width, 2 * config.width, 4 * config.width
        self.downs = nn.ModuleList(
            [
                SoftSplit(2 * config.context + 1, full, 7, 1),
                SoftSplit(full, half, 3, 2),
                SoftSplit(half, quarter, 3, 2),
            ]
        )
        self.embed = nn.Linear(quarter, config.hidden)
        self.layers = transformer_layers(config.hidden, config.layers, config.heads, 2 * config.hidden)
        self.release = nn.Linear(config.hidden, quarter)
        self.ups = nn.ModuleList([SoftSplit(quarter + half, half, 3, 1), SoftSplit(half + full, full, 3, 1)])
        self.head = nn.Conv2d(full, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = []
        for down in self.downs:
            x = down(x)
            features.append(x)
        tokens = self.embed(x.flatten(2).transpose(1, 2))
        tokens = self.release(self.layers(tokens + positions(x, tokens.shape[-1])))
        x = x + tokens.transpose(1, 2).reshape(x.shape)
        for up, skip in zip(self.ups, features[-2::-1], strict=True):
            x = up(torch.cat([doubled(x), skip], dim=1))
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())


def positions(image: Tensor, channels: int) -> Tensor:
    """Sines and cosines of the row and the column of each pixel of (B, C, H, W), (H * W, channels)."""
    rates = 10_000 ** -torch.linspace(0, 1, channels // 4, device=image.device)
    rows, columns = (torch.arange(size, device=image.device)[:, None] * rates for size in image.shape[2:])
    rows, columns = (torch.cat([angle.sin(), angle.cos()], dim=1) for angle in (rows, columns))
    height, width = image.shape[2:]
    grid = [rows[:, None].expand(-1, width, -1), columns.expand(height, -1, -1)]
    return torch.cat(grid, dim=-1).flatten(0, 1).to(image.dtype)
