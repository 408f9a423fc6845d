"""Method ``light3d``: one light 3D network that makes the scans of any site look like those of another.

Two steps. A small network sees the whole head at 4 mm and says by what smooth gain usual white matter gets one level
everywhere: that takes out the shading of the coil, and no later step needs to know how bright the rest of the head is. A U-Net
over blocks of voxels then draws the other look,

    image = x exp(g) + r(x exp(g), style)

It works on blocks of 2 x 2 x 2 voxels as channels, which is four times as fast on a CPU as convolutions of few channels at
full size. Its encoder reads a scan of whatever site, its decoder is modulated by a style: a vector, a row of a table for each
site that the network was trained for, or read from scans of a site by a small encoder.

Our own. That one 3D generator with a residual serves all source sites follows IGUANe (Roca et al., Medical Image Analysis
99:103388, 2025); the style vectors and the gain are ours. The U-Net's norms use statistics of the training: what a block
becomes does not depend on what else is in it, so that blocks and whole volumes agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks3d import LEAK, FiLM3D, ResidualBlock3D, RunningNorm, doubled3d
from ..networks.unet3d import UNet3d, folded, unfolded

COARSE_MM = 4.0
_GREATEST_LOG_GAIN = 3.0


class Light3DConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[str, ...] = Field((), description="names of the rows of the table of styles")
    channels: tuple[int, ...] = Field(
        (32, 64, 128, 256),
        min_length=2,
        max_length=5,
        description="of each level, of which the first has half the resolution of the image",
    )
    style_dim: int = Field(32, ge=2, le=512)
    reference_channels: tuple[int, ...] = Field(
        (16, 32, 64, 64), min_length=2, max_length=6, description="of the network that reads references"
    )
    level_channels: tuple[int, ...] = Field(
        (16, 32, 64),
        min_length=2,
        max_length=5,
        description="of the network that sees the whole head at 4 mm",
    )
    voxel_range_mm: tuple[float, float] = Field((0.85, 1.25), description="voxel sizes seen in training")


class ReferenceEncoder(nn.Module):
    """Blocks (B, 1, D, H, W) of a site's scans to style vectors (B, style_dim), the mean over tissue voxels."""

    def __init__(self, channels: Sequence[int], style_dim: int) -> None:
        super().__init__()
        sizes = [1, *channels]
        self.convs = nn.ModuleList(
            nn.Conv3d(before, after, 3, 1 if level == 0 else 2, 1)
            for level, (before, after) in enumerate(pairwise(sizes))
        )
        self.head = nn.Sequential(nn.Linear(2 * channels[-1], 64), nn.SiLU(), nn.Linear(64, style_dim))

    def forward(self, x: Tensor) -> Tensor:
        tissue = (x > 0.05).to(x.dtype)
        for conv in self.convs:
            x = F.silu(conv(x))
        weight = F.adaptive_avg_pool3d(tissue, (x.shape[2], x.shape[3], x.shape[4])).float()
        weight = weight / weight.sum(dim=(2, 3, 4), keepdim=True).clamp_min(1e-6)
        mean = (x.float() * weight).sum(dim=(2, 3, 4))
        spread = ((x.float() - mean[..., None, None, None]).square() * weight).sum(dim=(2, 3, 4))
        with torch.autocast(x.device.type, enabled=False):
            return self.head(torch.cat([mean, (spread + 1e-6).sqrt()], dim=1))


class Light3D(nn.Module):
    """Blocks (B, 1, D, H, W), each size a multiple of ``divisor``, air 0 and usual white matter at 0.6, to such blocks."""

    dim = 3
    context = 0

    def __init__(self, config: Light3DConfig) -> None:
        super().__init__()
        channels = config.channels
        self.sites = config.sites
        self.style_dim = config.style_dim
        self.divisor = 2 ** len(channels)
        self.voxel_range_mm = config.voxel_range_mm
        self.table = nn.Parameter(0.5 * torch.randn(len(config.sites), config.style_dim))
        self.level = UNet3d(1, 1, config.level_channels)
        self.reference = ReferenceEncoder(config.reference_channels, config.style_dim)
        self.stem = nn.Sequential(
            nn.Conv3d(8, channels[0], 3, padding=1), RunningNorm(channels[0]), nn.LeakyReLU(LEAK)
        )
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv3d(before, after, 2, stride=2), RunningNorm(after), nn.LeakyReLU(LEAK))
            for before, after in pairwise(channels)
        )
        self.blocks = nn.ModuleList(ResidualBlock3D(size) for size in channels[1:])
        self.reduces = nn.ModuleList(
            nn.Conv3d(deep, shallow, 1) for shallow, deep in reversed(list(pairwise(channels)))
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv3d(2 * size, size, 3, padding=1), RunningNorm(size))
            for size in reversed(channels[:-1])
        )
        self.films = nn.ModuleList(FiLM3D(size, config.style_dim) for size in reversed(channels))
        self.residual = nn.Conv3d(channels[0], 8, 3, padding=1)
        # At first, an image is what it was: noise instead teaches the last level to fall silent for good.
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)  # type: ignore[arg-type]

    def log_gain(self, coarse: Tensor) -> Tensor:
        """The logarithm of the gain that brings usual white matter to 0.6 everywhere, smooth.

        ``coarse`` are whole heads (B, 1, D, H, W) at ``COARSE_MM``, air 0 and the 99.5th percentile 1, of any size.
        """
        size = coarse.shape[2:]
        padding = [pad for length in reversed(size) for pad in (0, -length % self.level.divisor)]
        gain = self.level(F.pad(coarse, padding)).clamp(-_GREATEST_LOG_GAIN, _GREATEST_LOG_GAIN)
        gain = F.avg_pool3d(gain, 5, 1, 2, count_include_pad=False)
        return gain[:, :, : size[0], : size[1], : size[2]]

    def encode(self, x: Tensor, source: Acquisition | None = None) -> list[Tensor]:
        """The blocks and their features, level by level. The source does not matter: one network serves all."""
        features = [x, self.stem(folded(x))]
        for down, block in zip(self.downs, self.blocks, strict=True):
            features.append(block(down(features[-1])))
        return features

    def style(self, target: Tensor, like: list[Tensor] | None = None) -> Tensor:
        """Blocks (B, 1, D, H, W) of scans of a site to styles (B, style_dim)."""
        return self.reference(target)

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """Features and styles (B or 1, style_dim) to blocks (B, 1, D, H, W), float32."""
        image, *features = code
        y = F.leaky_relu(self.films[0](features.pop(), w), LEAK)
        for up, reduce, film in zip(self.ups, self.reduces, self.films[1:], strict=True):
            y = film(up(torch.cat([doubled3d(reduce(y)), features.pop()], dim=1)), w)
            y = F.leaky_relu(y, LEAK)
        return image.float() + unfolded(self.residual(y).float())

    def forward(
        self, x: Tensor, reference: Tensor, site: Tensor, is_read: Tensor, coarse: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """What a training step needs at once.

        Args:
            x: blocks (B, 1, D, H, W).
            reference: blocks of scans of the target sites, of the same shape.
            site: (B,), rows of the table; negative for sites that are not in it.
            is_read: (B,), bool, where the style is read from the reference; else it is that of the table.
            coarse: whole heads, see `log_gain`.

        Returns:
            The images (B, 1, D, H, W), the styles as read, those of the table (B, style_dim), which learn from images alone,
            and the logarithms of gains.
        """
        read, known = self.style(reference), self.table[site.clamp_min(0)]
        image = self.decode(self.encode(x), torch.where(is_read.unsqueeze(1), read, known))
        return image, read, known.detach(), None if coarse is None else self.log_gain(coarse)


def _light3d(config: dict[str, object]) -> Light3D:
    return Light3D(Light3DConfig.model_validate(config))


METHODS = {"light3d": _light3d}
