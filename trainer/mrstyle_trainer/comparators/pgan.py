"""pGAN: a residual network from one contrast to one other (Dar et al., IEEE TMI 38:2375, 2019).

Two things differ from the paper. Its perceptual loss is left out, because it needs VGG weights that cannot be
assumed here. And images are doubled before a convolution where it has transposed convolutions, which leave
checkerboards; the parameters are as many.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from mrstyle.networks.blocks import ResidualBlock, UpBlock, convolution
from mrstyle.networks.instance_norm import InstanceNorm


class PGANConfig(BaseModel):
    """Everything that fixes the shape of generator and critic; the defaults are the published sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(0, ge=0, le=4, description="neighbor slices on each side that are seen along")
    width: int = Field(64, ge=4, le=512, description="channels at full size")
    residual_blocks: int = Field(9, ge=1, le=32)
    critic_width: int = Field(64, ge=4, le=512)


class ResidualEncoder(nn.Module):
    """7x7 stem and two halvings: (B, inputs, H, W) to (B, 4 width, H/4, W/4)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                convolution(inputs, width, 7),
                convolution(width, 2 * width, 3, stride=2, padding="zeros"),
                convolution(2 * width, 4 * width, 3, stride=2, padding="zeros"),
            ]
        )
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.relu(self.norm(conv(x)))
        return x


class ImageDecoder(nn.Module):
    """Two doublings and a 7x7 head: (B, 4 width, H/4, W/4) to float32 images (B, 1, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ups = nn.ModuleList(
            UpBlock(2 * outputs, outputs, 3, lambda _: InstanceNorm(), "zeros")
            for outputs in (2 * width, width)
        )
        self.head = convolution(width, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        for up in self.ups:
            x = up(x, None)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())


class PGAN(nn.Module):
    """Slices (B, 2 context + 1, H, W) of the source to middle slices (B, 1, H, W) of the target.

    H and W are divisible by ``divisor``. Intensities are scaled to the 99.5th percentile of the head, so the head
    is linear where the paper, which scales to [-1, 1], has tanh.
    """

    divisor = 4

    def __init__(self, config: PGANConfig) -> None:
        super().__init__()
        self.context = config.context
        self.critic_width = config.critic_width
        self.encoder = ResidualEncoder(2 * config.context + 1, config.width)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(4 * config.width, lambda _: InstanceNorm(), "reflect")
                for _ in range(config.residual_blocks)
            )
        )
        self.decoder = ImageDecoder(config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.blocks(self.encoder(x)))
