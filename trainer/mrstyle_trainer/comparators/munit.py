"""MUNIT between frames without and with contrast agent (Huang et al., ECCV 2018), learned from unpaired frames.

Each of the two domains has a content encoder, a style encoder and a decoder with adaptive instance norm: the network of
`mrstyle.methods.content_style`, 15.007 M parameters a domain as published. Intensities are scaled to the 99.5th percentile of
the unenhanced patient and vessels are brighter than that, so the head is linear where the paper, which scales to [-1, 1], has
tanh.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from mrstyle.methods.content_style import ContentStyle, ContentStyleConfig
from mrstyle.methods.spatiotemporal import ENHANCEMENTS

from ..losses import absolute


class MUNITConfig(BaseModel):
    """Everything that fixes the shape of generator and critics; the defaults are the published sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(
        64, ge=4, le=512, description="channels at full size; four times as many at a quarter of it"
    )
    residual_blocks: int = Field(4, ge=1, le=16, description="in each encoder, and again in each decoder")
    style_dim: int = Field(8, ge=1, le=256)
    style_hidden: int = Field(256, ge=4, le=1024)
    critic_width: int = Field(64, ge=4, le=512)


class MUNIT(nn.Module):
    """Frames (N, 1, H, W), H and W multiples of ``divisor``, to those of the other domain in some style."""

    dim = 2
    divisor = 16
    pool = 0

    def __init__(self, config: MUNITConfig) -> None:
        super().__init__()
        self.style_dim = config.style_dim
        self.critic_width = config.critic_width
        changes = {
            "width": config.width,
            "max_width": 4 * config.width,
            "residual_blocks": config.residual_blocks,
            "style_width": config.width,
            "style_max_width": 4 * config.width,
            "style_dim": config.style_dim,
            "style_hidden": config.style_hidden,
            "tanh": False,
        }
        shape = ContentStyleConfig.model_validate(ContentStyleConfig.munit().model_dump() | changes)
        self.domains = nn.ModuleDict({name: ContentStyle(shape) for name in ENHANCEMENTS})

    def domain(self, enhancement: str) -> ContentStyle:
        """The encoders and the decoder of frames with that enhancement."""
        return cast(ContentStyle, self.domains[enhancement])

    def forward(
        self, frames: dict[str, Tensor], latents: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Frames of the other domain in styles ``latents`` (2, N, style_dim), and the losses that need no critic.

        ``frames`` of each domain are (N, 1, H, W).
        """
        codes = {name: self.domain(name).encode(images)[-1] for name, images in frames.items()}
        styles = {name: self.domain(name).style(images) for name, images in frames.items()}
        drawn: dict[str, Tensor] = {}
        losses: dict[str, list[Tensor]] = {"image": [], "style": [], "content": [], "cycle": []}
        for name, latent in zip(ENHANCEMENTS, latents, strict=True):
            domain, other = self.domain(name), another(name)
            wanted = latent[:, :, None, None]
            drawn[name] = domain.decode([codes[other]], wanted)
            code = domain.encode(drawn[name])[-1]
            losses["image"].append(absolute(domain.decode([codes[name]], styles[name]), frames[name]))
            losses["style"].append(absolute(domain.style(drawn[name]), wanted))
            losses["content"].append(absolute(code, codes[other]))
            losses["cycle"].append(absolute(self.domain(other).decode([code], styles[other]), frames[other]))
        return drawn, {name: torch.stack(values).sum() for name, values in losses.items()}

    def encode(self, frames: Tensor, is_enhanced: Tensor) -> Tensor:
        """The content of frames (N, 1, H, W), each by the encoder of its own domain."""
        codes = {name: self.domain(name).encode(frames)[-1] for name in ENHANCEMENTS}
        return torch.where(is_enhanced[:, None, None, None], codes["enhanced"], codes["baseline"])

    def draw(self, code: Tensor, style: Tensor, enhancement: str) -> Tensor:
        """Frames (N, 1, H, W), float32, of a content in the style of frames (N or 1, 1, h, w) with that enhancement."""
        domain = self.domain(enhancement)
        return domain.decode([code], domain.style(style)).float()


def another(enhancement: str) -> str:
    """The other one of the two."""
    return next(name for name in ENHANCEMENTS if name != enhancement)
