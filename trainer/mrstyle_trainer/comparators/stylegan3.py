"""StyleGAN3 of frames with and without contrast agent (Karras et al., NeurIPS 2021), its translation-equivariant form.

The network draws frames from noise and knows no content. To give a frame another enhancement, both the frame and the style
frame are projected: the styles of all layers, each its own (w+), are changed by gradient descent until the network draws that
frame. Then styles are mixed: the coarse layers, up to ``crossover``, get those of the content, the fine layers those of the
style frame. What the network cannot draw is lost, so anatomy is only roughly kept.

Frames of one series are alike: their mean is projected by ``projection_steps``, and each frame from there by a tenth of that.
What is smaller than in the paper is so by configuration alone. Frames are scaled to air 0 and the 99.5th percentile of the
patient about 1.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from .alias_free import AliasFreeLayer, FourierInput, ModulatedConv, bands

_PROJECTION_RATE = 0.05
_FRAME_SHARE = 10
_AT_ONCE = 16
_TYPICAL_OF = 1024
_CRITICAL = 2


class StyleGAN3Config(BaseModel):
    """Everything that fixes the shape of generator and critic; the defaults are the published sizes of one of 256 pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int] = Field((256, 256), description="rows and columns that are drawn, multiples of 16")
    reduction: int = Field(
        1, ge=1, le=4, description="pixels of a frame along each axis for one that is drawn"
    )
    layers: int = Field(14, ge=4, le=20, description="without the last one, which makes the image")
    width: int = Field(64, ge=4, le=512, description="channels at full size, doubled at each halving")
    max_width: int = Field(512, ge=4, le=1024)
    latent_dim: int = Field(512, ge=4, le=1024)
    mapping_layers: int = Field(2, ge=1, le=8)
    margin: int = Field(10, ge=2, le=32, description="pixels around what is drawn, at each size")
    crossover: int = Field(8, ge=1, le=20, description="layers whose style is that of the content")
    projection_steps: int = Field(300, ge=1)
    critic_width: int = Field(64, ge=4, le=512)

    @model_validator(mode="after")
    def _is_possible(self) -> StyleGAN3Config:
        if any(length % 16 or length < 32 for length in self.size):
            raise ValueError(f"size is {list(self.size)}; choose multiples of 16, 32 or more")
        if self.crossover >= self.layers:
            raise ValueError(f"crossover is {self.crossover}; choose less than layers, {self.layers}")
        return self


class StyleGAN3(nn.Module):
    """Images (N, 1, *size) of latents (N, latent_dim), or of the styles of each layer: frames, reduced to that size."""

    dim = 2
    divisor = 1

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.size, self.reduction = config.size, config.reduction
        self.critic_width, self.latent_dim = config.critic_width, config.latent_dim
        self.crossover, self.projection_steps = config.crossover, config.projection_steps
        self.styles = config.layers + 2
        dims = [config.latent_dim] * (config.mapping_layers + 1)
        self.mapping = nn.Sequential(
            *(nn.Sequential(nn.Linear(before, after), nn.LeakyReLU(0.2)) for before, after in pairwise(dims))
        )
        for part in self.mapping.modules():
            if isinstance(part, nn.Linear):
                nn.init.kaiming_normal_(part.weight, a=0.2)
                nn.init.zeros_(part.bias)
        steps = bands(config.size, config.layers, config.margin, _CRITICAL)
        full = max(config.size)
        channels = [min(round(config.width * full / 2 / step.cutoff), config.max_width) for step in steps]
        self.input = FourierInput(channels[0], config.latent_dim, steps[0])
        self.layers = nn.ModuleList(
            AliasFreeLayer(
                channels[max(index - 1, 0)],
                channels[index],
                config.latent_dim,
                steps[max(index - 1, 0)],
                steps[index],
            )
            for index in range(1, config.layers + 1)
        )
        self.last = ModulatedConv(channels[-1], 1, 1, config.latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.tensor(0.2))

    def mapped(self, latents: Tensor) -> Tensor:
        """Styles (N, styles, latent_dim) of latents, the same in all layers."""
        latents = latents * latents.square().mean(dim=1, keepdim=True).add(1e-8).rsqrt()
        with torch.autocast(latents.device.type, enabled=False):
            return self.mapping(latents.float()).unsqueeze(1).expand(-1, self.styles, -1)

    def drawn(self, styles: Tensor, shift: Tensor | None = None) -> Tensor:
        """Frames (N, 1, *size), float32, of styles (N, styles, latent_dim); ``shift`` (2,) moves them, see `FourierInput`."""
        x = self.input(styles[:, 0], shift).contiguous(memory_format=torch.channels_last)
        for index, layer in enumerate(self.layers):
            x = layer(x, styles[:, index + 1])
        with torch.autocast(x.device.type, enabled=False):
            return self.bias + 0.25 * self.last(x.float(), styles[:, -1])

    def forward(self, latents: Tensor) -> Tensor:
        return self.drawn(self.mapped(latents))

    def typical(self) -> Tensor:
        """The mean style (1, styles, latent_dim)."""
        latents = torch.randn(_TYPICAL_OF, self.latent_dim, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return self.mapped(latents.to(self.bias.device)).mean(dim=0, keepdim=True)

    def projected(self, images: Tensor, start: Tensor, steps: int) -> Tensor:
        """Styles (N, styles, latent_dim) of which the network draws images (N, 1, *size), from ``start`` (N or 1, ...).

        Adam on the mean absolute difference at full, half and quarter size, at a rate that falls as a cosine.
        """
        wanted = [images.float(), *(F.avg_pool2d(images.float(), factor) for factor in (2, 4))]
        with torch.enable_grad():
            styles = start.expand(len(images), -1, -1).detach().clone().requires_grad_()
            optimizer = torch.optim.Adam([styles], betas=(0.9, 0.99))
            for step in range(steps):
                optimizer.param_groups[0]["lr"] = (
                    _PROJECTION_RATE * (1 + math.cos(math.pi * step / steps)) / 2
                )
                output = self.drawn(styles)
                shown = [output, *(F.avg_pool2d(output, factor) for factor in (2, 4))]
                # A sum over items: each is projected as if it were alone.
                apart = [
                    (one - other).abs().mean(dim=(1, 2, 3)) for one, other in zip(shown, wanted, strict=True)
                ]
                (styles.grad,) = torch.autograd.grad(torch.stack(apart).sum(), [styles])
                optimizer.step()
        return styles.detach()

    def mixed(self, content: Tensor, style: Tensor) -> Tensor:
        """Frames of the content's styles up to the crossover and the other's from there; as `drawn`."""
        styles = content.clone()
        styles[:, self.crossover :] = style[:, self.crossover :]
        return self.drawn(styles)

    def reduced(self, frames: Tensor) -> Tensor:
        """Images (N, 1, *size) of frames (N, 1, H, W): cut, or with air around them, then with larger pixels."""
        rows, columns = (length * self.reduction for length in self.size)
        return F.avg_pool2d(_fitted(frames.float(), (rows, columns)), self.reduction)

    def of_series(self, frames: Tensor) -> Tensor:
        """Styles (N, styles, latent_dim) of the frames (N, 1, H, W) of one series."""
        images = self.reduced(frames)
        mean = self.projected(images.mean(dim=0, keepdim=True), self.typical(), self.projection_steps)
        if len(images) == 1:
            return mean
        steps = max(1, self.projection_steps // _FRAME_SHARE)
        return torch.cat([self.projected(part, mean, steps) for part in images.split(_AT_ONCE)])

    def encode(self, frames: Tensor, is_enhanced: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Styles of the frames (N, 1, H, W) of one series, whatever enhancement they show, and H and W."""
        return self.of_series(frames), (frames.shape[2], frames.shape[3])

    def draw(self, code: tuple[Tensor, tuple[int, int]], style: Tensor, enhancement: str) -> Tensor:
        """Frames (N, 1, H, W), float32, with the fine styles of frames of one series (N or 1, 1, h, w), which tell their
        enhancement themselves."""
        styles, size = code
        fine = self.of_series(style).expand(len(styles), -1, -1)
        parts = zip(styles.split(_AT_ONCE), fine.split(_AT_ONCE), strict=True)
        with torch.no_grad():
            images = torch.cat([self.mixed(content, style) for content, style in parts])
        if self.reduction > 1:
            images = F.interpolate(images, scale_factor=self.reduction, mode="bilinear")
        return _fitted(images, size)


def _fitted(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, 1, H, W) cut, or with air around it, to another size with the same middle."""
    before = [(new - old) // 2 for old, new in zip(images.shape[2:], size, strict=True)]
    after = [new - old - first for old, new, first in zip(images.shape[2:], size, before, strict=True)]
    return F.pad(images, (before[1], after[1], before[0], after[0]))
