"""ResViT: pGAN's network with vision transformers in its bottleneck (Dalmaz et al., IEEE TMI 41:2598, 2022).

The paper first trains without the transformers and starts these from ImageNet weights. Both are left out: everything
here starts at random and trains at once. Norms are per instance, and images are doubled before a convolution where
the paper has transposed convolutions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from mrstyle.networks.blocks import ResidualBlock, UpBlock, convolution
from mrstyle.networks.instance_norm import InstanceNorm

from .pgan import ImageDecoder, ResidualEncoder
from .transformer import transformer_layers


class ResViTConfig(BaseModel):
    """Everything that fixes the shape of generator and critic; the defaults are the published sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(0, ge=0, le=4, description="neighbor slices on each side that are seen along")
    width: int = Field(64, ge=4, le=512, description="channels at full size")
    blocks: int = Field(9, ge=1, le=32, description="aggregated residual transformer blocks")
    transformer_blocks: tuple[int, ...] = Field(
        (1, 6), description="blocks that use the transformer; the others only convolve"
    )
    hidden: int = Field(768, ge=8, le=2048, description="channels of the transformer")
    layers: int = Field(12, ge=1, le=48)
    heads: int = Field(12, ge=1, le=32)
    size: int = Field(256, ge=32, multiple_of=16, description="pixels of the slices that are trained on")
    critic_width: int = Field(64, ge=4, le=512)

    @model_validator(mode="after")
    def _is_possible(self) -> ResViTConfig:
        if self.hidden % self.heads:
            raise ValueError(f"hidden is {self.hidden}; make it a multiple of heads, {self.heads}")
        if not set(self.transformer_blocks) <= set(range(1, self.blocks + 1)):
            raise ValueError(f"transformer_blocks are numbered from 1 to {self.blocks}")
        return self


class Transformer(nn.Module):
    """Learned positions, then the layers of a vision transformer: (B, hidden, h, w) to the same shape."""

    def __init__(self, hidden: int, layers: int, heads: int, grid: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(1, hidden, grid, grid))
        self.layers = transformer_layers(hidden, layers, heads, 4 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        positions: Tensor = self.positions
        if positions.shape[2:] != x.shape[2:]:
            positions = F.interpolate(positions, size=x.shape[2:], mode="bilinear")
        tokens = (x + positions).flatten(2).transpose(1, 2)
        return self.layers(tokens).transpose(1, 2).reshape(x.shape)


class ChannelCompression(nn.Module):
    """Halve the channels by two parallel branches, one that sees pixels and one that sees neighborhoods."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.point = nn.Conv2d(2 * channels, channels, 1)
        self.conv1 = convolution(2 * channels, channels, 3, padding="zeros")
        self.conv2 = convolution(channels, channels, 3, padding="zeros")
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        neighborhood = self.norm(self.conv2(F.relu(self.norm(self.conv1(x)))))
        return F.relu(self.norm(self.point(x)) + neighborhood)


class Context(nn.Module):
    """What a transformer adds to convolved features: two halvings, the transformer, two doublings, compression.

    The transformer comes with the call, because all blocks share one.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.downs = nn.ModuleList(
            convolution(inputs, 2 * inputs, 3, stride=2, padding="zeros")
            for inputs in (channels, 2 * channels)
        )
        self.norm = InstanceNorm()
        self.embed = nn.Conv2d(4 * channels, hidden, 1)
        self.ups = nn.ModuleList(
            UpBlock(inputs, outputs, 3, lambda _: InstanceNorm(), "zeros")
            for inputs, outputs in ((hidden, 2 * channels), (2 * channels, channels))
        )
        self.compress = ChannelCompression(channels)

    def forward(self, x: Tensor, transformer: nn.Module) -> Tensor:
        y = x
        for down in self.downs:
            y = F.relu(self.norm(down(y)))
        y = transformer(self.embed(y))
        for up in self.ups:
            y = up(y, None)
        return self.compress(torch.cat([x, y], dim=1))


class ResViT(nn.Module):
    """Slices (B, 2 context + 1, H, W) of the source to middle slices (B, 1, H, W) of the target.

    H and W are divisible by ``divisor``. Intensities are scaled to the 99.5th percentile of the head.
    """

    divisor = 16

    def __init__(self, config: ResViTConfig) -> None:
        super().__init__()
        self.context = config.context
        self.critic_width = config.critic_width
        channels = 4 * config.width
        self.encoder = ResidualEncoder(2 * config.context + 1, config.width)
        self.transformer = Transformer(
            config.hidden, config.layers, config.heads, config.size // self.divisor
        )
        self.contexts = nn.ModuleDict(
            {str(number): Context(channels, config.hidden) for number in config.transformer_blocks}
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, lambda _: InstanceNorm(), "reflect") for _ in range(config.blocks)
        )
        self.decoder = ImageDecoder(config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)
        for number, block in enumerate(self.blocks, 1):
            if str(number) in self.contexts:
                x = self.contexts[str(number)](x, self.transformer)
            x = block(x)
        return self.decoder(x)
