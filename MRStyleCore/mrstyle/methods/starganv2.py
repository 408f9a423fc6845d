"""StarGAN v2 for slabs of slices: scans of any site made to look as those of another (Choi et al., StarGAN v2, CVPR 2020).

With ``StarGANv2Config(sites=...)`` as it is, these are the published networks for images of 256 pixels: of 4 sites, a
generator of 33.893 M parameters (43.467 M with its high-pass skips), a mapping network of 4.080 M and a style encoder of
20.983 M. The bundled models are narrower, smaller, and their generator draws what differs from the content (``residual``).

The three channels of an image are neighboring slices; all three are drawn, so that a training can compare how they differ,
and the middle one is kept. In training and inside of the networks, air is -1 and the 99.5th percentile of the head 1;
`encode`, `style` and `decode` speak the engine's units, in which air is 0.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks import convolution
from ..networks.stargan import AffineNorm, DownBlock, StyledBlock, Trunk, high_pass, initialized

SLAB = 3
"""Slices of a slab."""

_LATENTS = 256
_SKIP_PX = (32, 64, 128)
_TRIED_SLABS = 4


class StarGANv2Config(BaseModel):
    """Everything that fixes the shape of the networks; the defaults are the published ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[str, ...] = Field(min_length=2, description="the domains")
    size: int = Field(
        256, ge=32, le=512, description="pixels of the square images of the training; a power of 2"
    )
    width: int = Field(64, ge=4, le=512, description="channels of the generator at full size")
    max_width: int = Field(512, ge=4, le=1024)
    encoder_width: int = Field(64, ge=4, le=512, description="of style encoder and critic")
    style_dim: int = Field(64, ge=1, le=1024)
    latent_dim: int = Field(16, ge=1, le=512)
    mapping_width: int = Field(512, ge=4, le=1024)
    high_pass: bool = Field(
        False, description="the published variant with one more level, high-pass skips and no other shortcuts"
    )
    residual: bool = Field(False, description="draw what differs from the content; False as published")
    pixel_range_mm: tuple[float, float] = Field((0.7, 1.35), description="pixel sizes seen in training")

    @field_validator("size")
    @classmethod
    def _halves_down_to_four_pixels(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not a power of 2")
        return size


class Generator(nn.Module):
    """Images (B, 3, H, W), H and W multiples of ``divisor``, and style codes (B or 1, style_dim) to images."""

    def __init__(self, config: StarGANv2Config) -> None:
        super().__init__()
        levels = int(math.log2(config.size)) - 4 + config.high_pass
        channels = [min(config.width * 2**level, config.max_width) for level in range(levels + 1)]
        self.divisor = 2**levels
        self.residual = config.residual
        sizes = [config.size >> level for level in range(levels)]
        self.skips = [config.high_pass and size in _SKIP_PX for size in sizes]
        self.stem = convolution(SLAB, channels[0], 3, padding="zeros")
        pairs = list(pairwise(channels))
        self.downs = nn.ModuleList(DownBlock(*pair, normalize=True, shrink=True) for pair in pairs)
        deepest = channels[-1]
        self.middle = nn.Sequential(
            *(DownBlock(deepest, deepest, normalize=True, shrink=False) for _ in range(2))
        )
        adds = not config.high_pass
        self.styled = nn.ModuleList(
            StyledBlock(deepest, deepest, config.style_dim, grow=False, adds=adds) for _ in range(2)
        )
        self.ups = nn.ModuleList(
            StyledBlock(deep, shallow, config.style_dim, grow=True, adds=adds)
            for shallow, deep in reversed(pairs)
        )
        self.norm = AffineNorm(channels[0])
        self.head = nn.Conv2d(channels[0], SLAB, 1)

    def encode(self, x: Tensor) -> list[Tensor]:
        """What no style changes: the image, features for the high-pass skips, and the deepest features."""
        code, y = [x], self.stem(x)
        for down, skips in zip(self.downs, self.skips, strict=True):
            if skips:
                code.append(y)
            y = down(y)
        return [*code, self.middle(y)]

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """The images (B, 3, H, W), float32, of what `encode` returns, in styles (B or 1, style_dim)."""
        image, *skipped, y = code
        for block in self.styled:
            y = block(y, w)
        for up, skips in zip(self.ups, reversed(self.skips), strict=True):
            y = up(y, w)
            if skips:
                y = y + high_pass(skipped.pop())
        y = F.leaky_relu(self.norm(y), 0.2)
        with torch.autocast(y.device.type, enabled=False):
            output = self.head(y.float())
        return image + output if self.residual else output

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.decode(self.encode(x), w)


class MappingNetwork(nn.Module):
    """Latent codes (B, latent_dim), standard normal, to the style codes (B, sites, style_dim) of each site."""

    def __init__(self, config: StarGANv2Config) -> None:
        super().__init__()
        width = config.mapping_width
        self.shared = _perceptron([config.latent_dim, *[width] * 4], ends=False)
        self.heads = nn.ModuleList(
            _perceptron([*[width] * 4, config.style_dim], ends=True) for _ in config.sites
        )

    def forward(self, latent: Tensor) -> Tensor:
        hidden = self.shared(latent)
        return torch.stack([head(hidden) for head in self.heads], dim=1).float()


class StyleEncoder(nn.Module):
    """Images (B, 3, size, size) to their style codes (B, sites, style_dim), read as those of each site."""

    def __init__(self, config: StarGANv2Config) -> None:
        super().__init__()
        self.trunk = Trunk(SLAB, config.size, config.encoder_width, config.max_width)
        # One layer for all sites has the weights of one layer for each.
        self.heads = nn.Linear(self.trunk.outputs, len(config.sites) * config.style_dim)
        self.style_dim = config.style_dim

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.heads(features.float()).unflatten(1, (-1, self.style_dim))


class StarGANv2(nn.Module):
    """Method ``starganv2``: generator, style encoder and mapping network; the critic stays in the trainer.

    A style code stands for a whole volume. It is the mean over slabs of a reference, the mean over many latent codes of a
    site, which is that site's typical scan, or that of one latent code, a scan that the site might have made.
    """

    dim = 2
    context = style_context = SLAB // 2

    def __init__(self, config: StarGANv2Config) -> None:
        super().__init__()
        self.sites = config.sites
        self.size = config.size
        self.latent_dim = config.latent_dim
        self.pixel_range_mm = config.pixel_range_mm
        self.generator = Generator(config)
        self.divisor = self.generator.divisor
        self.style_encoder = StyleEncoder(config)
        self.mapping = MappingNetwork(config)
        initialized(self)
        if config.residual:
            nn.init.normal_(self.generator.head.weight, std=1e-3)  # at first, an image is what it was

    def encode(self, x: Tensor, source: Acquisition | None = None) -> list[Tensor]:
        """The code of slabs (B, 3, H, W), H and W divisible by ``divisor``, of whatever site."""
        return self.generator.encode(scaled(x))

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """The middle slices (B, 1, H, W) of slabs in a style (1 or B, style_dim)."""
        return unscaled(self.generator.decode(code, w)[:, self.context : self.context + 1])

    def style(self, target: Tensor, like: object = None) -> Tensor:
        """Style codes (n, style_dim) of slabs (n, 3, H, W) of one reference, whose site need not be told.

        Each slab has a code for each site. Those of the site count in whose style the generator gives the slabs back best,
        so that a scanner that is none of the sites gets the style that is closest.
        """
        images = scaled(centered(target, self.size))
        codes = self.style_encoder(images)
        tried = images[:: max(1, len(images) // _TRIED_SLABS)]
        code = self.generator.encode(tried)
        errors = [
            F.l1_loss(self.generator.decode(code, codes[:, site].mean(dim=0, keepdim=True)), tried).item()
            for site in range(len(self.sites))
        ]
        return codes[:, errors.index(min(errors))]

    def site_styles(self, site: int) -> Tensor:
        """Style codes (many, style_dim) of a site; their mean is its typical look."""
        return self.mapping(self._latents(0, _LATENTS))[:, site]

    def sampled_style(self, seed: int, site: int | None = None) -> Tensor:
        """A style code (1, style_dim) drawn at random, of a site that is drawn as well unless given."""
        if site is None:
            generator = torch.Generator().manual_seed(seed)
            site = int(torch.randint(len(self.sites), (), generator=generator))
        return self.mapping(self._latents(seed, 1))[:, site]

    def _latents(self, seed: int, count: int) -> Tensor:
        # Drawn on the CPU, so that every device gets the same.
        drawn = torch.randn(count, self.latent_dim, generator=torch.Generator().manual_seed(seed))
        return drawn.to(self.mapping.heads[0][0].weight.device)  # type: ignore[index]

    def forward(self, part: Literal["images", "codes", "mapped"], *inputs: Tensor) -> Tensor:
        """One of the networks, as a training step asks for it: images of slabs (B, 3, H, W) and codes (B, style_dim),
        codes (B, sites, style_dim) of slabs, or codes that latents (B, latent_dim) map to."""
        return {"images": self.generator, "codes": self.style_encoder, "mapped": self.mapping}[part](*inputs)


def scaled(x: Tensor) -> Tensor:
    """Model units, air 0, to those of the networks, air -1."""
    return 2 * x - 1


def unscaled(x: Tensor) -> Tensor:
    """The inverse of `scaled`."""
    return (x + 1) / 2


def centered(x: Tensor, size: int) -> Tensor:
    """The middle ``size`` x ``size`` pixels of images (B, C, H, W), with air around where they are smaller."""
    for dim in (2, 3):
        missing = max(0, size - x.shape[dim])
        pad = (missing // 2, missing - missing // 2)
        x = F.pad(x, (0, 0, *pad) if dim == 2 else pad)
        x = x.narrow(dim, (x.shape[dim] - size) // 2, size)
    return x


def _perceptron(sizes: list[int], *, ends: bool) -> nn.Sequential:
    """Linear layers with ReLU between them, and after the last one too unless the network ``ends`` there."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[: len(layers) - ends])


def _starganv2(config: dict[str, object]) -> StarGANv2:
    return StarGANv2(StarGANv2Config.model_validate(config))


METHODS = {"starganv2": _starganv2}
