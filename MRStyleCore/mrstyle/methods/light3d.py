"""Method ``light3d``: one light 3D network that makes the scans of any site look like those of another.

Two steps. A small network sees the whole head at 4 mm and says where its white matter is; a smooth gain, fitted to the
intensities there, brings white matter to one level everywhere. That takes out the shading of the coil, and no later step needs
to know how bright the rest of the head is. Another network then says for every place by which curve, and with how much of its
detail, the leveled image x is drawn,

    image = x + sum over k of c_k(x, styles) b_k(x),

where b_k are the image, the image blurred, and by how much the blurred image exceeds five levels. The coefficients c are those
of a U-Net at half the resolution, interpolated: contrast, sharpness and noise can change, but an edge that is not in x has
nothing to be drawn with. A U-Net that drew voxels itself learned next to nothing in the same time.

The U-Net works on blocks of 2 x 2 x 2 voxels as channels, which is four times as fast on a CPU as convolutions of few channels
at full size. It is modulated by two styles, vectors that a small encoder reads from scans: that of the source and that of the
target, for which a table has a row for each site that the network was trained for.

Our own. That one 3D generator serves all source sites follows IGUANe (Roca et al., Medical Image Analysis 99:103388, 2025),
that coefficients are predicted coarsely and applied finely follows HDRnet (Gharbi et al., ACM TOG 36:118, 2017). There are no
norms: what a block becomes does not depend on what else is in it, so that blocks and whole volumes agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks3d import LEAK, FiLM3D, ResidualBlock3D, doubled3d
from ..networks.unet3d import UNet3d, folded
from ..physics.sites import WHITE_MATTER_LEVEL, shading_terms

COARSE_MM = 4.0
# Far from white matter, the gain must not grow without end; where there is none, it is near 1.
_STIFFNESS = 1e-4
_DARKEST = 0.01
# White matter is at 0.6, gray matter between 0.3 and 0.5, fat above 1.
_KNEES = (0.2, 0.4, 0.6, 0.9, 1.4)
_IMAGES = 3 + len(_KNEES)
# Coefficients are small: at first, a step of Adam changes all inputs of a coefficient in the same direction.
_COEFFICIENT = 0.1


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
    style_dim: int = Field(32, ge=2, le=512, description="of each of both styles")
    reference_channels: tuple[int, ...] = Field(
        (32, 64, 64), min_length=2, max_length=6, description="of the network that reads references"
    )
    level_channels: tuple[int, ...] = Field(
        (16, 32, 64),
        min_length=2,
        max_length=5,
        description="of the network that sees the whole head at 4 mm",
    )
    voxel_range_mm: tuple[float, float] = Field((0.85, 1.25), description="voxel sizes seen in training")


class ReferenceEncoder(nn.Module):
    """Blocks (B, 1, D, H, W) of a site's scans to style vectors (B, style_dim), by means over tissue voxels."""

    def __init__(self, channels: Sequence[int], style_dim: int) -> None:
        super().__init__()
        sizes = [8, *channels]
        self.convs = nn.ModuleList(
            nn.Conv3d(before, after, 3, 1 if level == 0 else 2, 1)
            for level, (before, after) in enumerate(pairwise(sizes))
        )
        self.head = nn.Sequential(nn.Linear(2 * channels[-1], 64), nn.SiLU(), nn.Linear(64, style_dim))

    def forward(self, x: Tensor) -> Tensor:
        tissue = (x > 0.05).to(x.dtype)
        x = folded(x)
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
        self.stem = nn.Conv3d(8, channels[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Conv3d(before, after, 2, stride=2) for before, after in pairwise(channels)
        )
        self.blocks = nn.ModuleList(ResidualBlock3D(size) for size in channels[1:])
        pairs = list(pairwise(reversed(channels)))
        self.reduces = nn.ModuleList(nn.Conv3d(deep, shallow, 1) for deep, shallow in pairs)
        self.ups = nn.ModuleList(nn.Conv3d(2 * size, size, 3, padding=1) for _, size in pairs)
        self.films = nn.ModuleList(FiLM3D(size, 2 * config.style_dim) for size in reversed(channels))
        self.coefficients = nn.Conv3d(channels[0], 1 + _IMAGES, 3, padding=1)
        # At first, an image is what it was.
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)  # type: ignore[arg-type]

    def levels(self, coarse: Tensor) -> Levels:
        """Where white matter is in whole heads, and the gain that brings it to 0.6 everywhere.

        ``coarse`` are heads (B, 1, D, H, W) at ``COARSE_MM``, air 0 and the 99.5th percentile 1, of any size.
        """
        size = coarse.shape[2:]
        padding = [pad for length in reversed(size) for pad in (0, -length % self.level.divisor)]
        white = self.level(F.pad(coarse, padding))[:, :, : size[0], : size[1], : size[2]]
        with torch.autocast(coarse.device.type, enabled=False):
            level = smooth_level(coarse.float(), torch.sigmoid(white))
        return Levels(white, math.log(WHITE_MATTER_LEVEL) - level)

    def log_gain(self, coarse: Tensor) -> Tensor:
        """The logarithm of the gain of `levels`, (B, 1, D, H, W)."""
        return self.levels(coarse).log_gain

    def encode(self, x: Tensor, source: Acquisition | None = None) -> list[Tensor]:
        """The blocks and their features, level by level."""
        features = [x, F.leaky_relu(self.stem(folded(x)), LEAK)]
        for down, block in zip(self.downs, self.blocks, strict=True):
            features.append(block(F.leaky_relu(down(features[-1]), LEAK)))
        return features

    def style(self, target: Tensor, like: list[Tensor] | None = None) -> Tensor:
        """Blocks (B, 1, D, H, W) of scans of a site to styles (B, style_dim)."""
        return self.reference(target)

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """Features, and styles (B or 1, 2 style_dim) of source and target, to blocks (B, 1, D, H, W), float32."""
        image, *features = code
        y = F.leaky_relu(self.films[0](features.pop(), w), LEAK)
        for up, reduce, film in zip(self.ups, self.reduces, self.films[1:], strict=True):
            y = up(torch.cat([doubled3d(reduce(y)), features.pop()], dim=1))
            y = F.leaky_relu(film(y, w), LEAK)
        return drawn(image.float(), _COEFFICIENT * self.coefficients(y).float())

    def forward(
        self, x: Tensor, reference: Tensor, site: Tensor, is_read: Tensor, coarse: Tensor | None = None
    ) -> Outputs:
        """What a training step needs at once.

        Args:
            x: blocks (B, 1, D, H, W).
            reference: blocks of scans of the target sites, of the same shape.
            site: (B,), rows of the table; negative for sites that are not in it.
            is_read: (B,), bool, where the style is read from the reference; else it is that of the table.
            coarse: whole heads, see `levels`.
        """
        source, target = self.style(torch.cat([x, reference])).chunk(2)
        known = self.table[site.clamp_min(0)]
        wanted = torch.where(is_read.unsqueeze(1), target, known)
        image = self.decode(self.encode(x), torch.cat([source, wanted], dim=1))
        levels = None if coarse is None else self.levels(coarse)
        return Outputs(image, source, target, known.detach(), levels)


class Levels(NamedTuple):
    """Of whole heads: logits of white matter and logarithms of gains, float32 (B, 1, D, H, W)."""

    white: Tensor
    log_gain: Tensor


class Outputs(NamedTuple):
    """Of a training step.

    Attributes:
        image: blocks (B, 1, D, H, W).
        source: styles (B, style_dim), as read from the content.
        target: likewise from the reference.
        known: those of the table, which learn from images alone.
        levels: of whole heads, where there were any.
    """

    image: Tensor
    source: Tensor
    target: Tensor
    known: Tensor
    levels: Levels | None


def smooth_level(image: Tensor, weight: Tensor) -> Tensor:
    """The logarithm of the level of the weighted voxels, everywhere (B, 1, D, H, W): a polynomial of degree 3 in the position
    about their center, by weighted least squares.

    Args:
        image: whole heads (B, 1, D, H, W) at ``COARSE_MM``.
        weight: of each voxel, of the same shape.
    """
    lines = [
        COARSE_MM * torch.arange(length, dtype=image.dtype, device=image.device) for length in image.shape[2:]
    ]
    points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij")).flatten(1)
    values = image.flatten(1).clamp_min(_DARKEST).log()
    shares = weight.flatten(1) / weight.flatten(1).sum(dim=1, keepdim=True).clamp_min(1.0)
    centers_mm = shares @ points_mm.T
    levels = []
    for value, share, center_mm in zip(values, shares, centers_mm, strict=True):
        terms = torch.stack(shading_terms(points_mm - center_mm[:, None]))
        terms = torch.cat([torch.ones_like(terms[:1]), terms])
        normal = (terms * share) @ terms.T + _STIFFNESS * torch.eye(len(terms), device=terms.device)
        levels.append(torch.linalg.solve(normal, (terms * share) @ value) @ terms)
    return torch.stack(levels).view_as(image)


def drawn(image: Tensor, coefficients: Tensor) -> Tensor:
    """The image (B, 1, D, H, W), drawn with coefficients (B, 9, D/2, H/2, W/2): a constant, one for the image, and so on."""
    blurred = _averaged(image)
    images = [image, blurred, _averaged(blurred), *((blurred - knee).clamp_min(0) for knee in _KNEES)]
    result = image
    # One after the other: of a whole head, all at once would be gigabytes.
    for index, each in enumerate([None, *images]):
        fine = F.interpolate(coefficients[:, index : index + 1], scale_factor=2, mode="trilinear")
        result = result + (fine if each is None else fine * each)
    return result


def _averaged(x: Tensor) -> Tensor:
    """Means over 3 x 3 x 3 voxels."""
    return F.avg_pool3d(x, 3, 1, 1, count_include_pad=False)


def _light3d(config: dict[str, object]) -> Light3D:
    return Light3D(Light3DConfig.model_validate(config))


METHODS = {"light3d": _light3d}
