"""CycleGAN between frames without and with contrast agent (Zhu et al., ICCV 2017), learned from unpaired frames.

Two residual networks of nine blocks, those of pGAN, 11.366 M parameters each as published. There is no style: a frame has one
answer, whatever frame is given as the style.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from mrstyle.methods.spatiotemporal import ENHANCEMENTS

from ..losses import absolute
from .munit import another
from .pgan import PGAN, PGANConfig


class CycleGANConfig(BaseModel):
    """Everything that fixes the shape of generators and critics; the defaults are the published sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(64, ge=4, le=512, description="channels at full size")
    residual_blocks: int = Field(9, ge=1, le=32)
    critic_width: int = Field(64, ge=4, le=512)


class CycleGAN(nn.Module):
    """Frames (N, 1, H, W), H and W multiples of ``divisor``, to those of the other domain.

    ``pool`` is how many drawn frames of earlier steps each critic also sees.
    """

    dim = 2
    divisor = PGAN.divisor
    style_dim = 0
    pool = 50

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        self.critic_width = config.critic_width
        shape = PGANConfig(
            context=0,
            width=config.width,
            residual_blocks=config.residual_blocks,
            critic_width=config.critic_width,
        )
        self.generators = nn.ModuleDict({name: PGAN(shape) for name in ENHANCEMENTS})

    def forward(
        self, frames: dict[str, Tensor], latents: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Frames of the other domain, and the losses that need no critic. There is no style, and no latent for one.

        ``frames`` of each domain are (N, 1, H, W).
        """
        drawn = {name: self.generators[name](frames[another(name)]) for name in ENHANCEMENTS}
        back = [
            absolute(self.generators[another(name)](drawn[name]), frames[another(name)]) for name in drawn
        ]
        same = [absolute(self.generators[name](frames[name]), frames[name]) for name in drawn]
        return drawn, {"cycle": torch.stack(back).sum(), "identity": torch.stack(same).sum()}

    def encode(self, frames: Tensor, is_enhanced: Tensor) -> Tensor:
        """The frames (N, 1, H, W) themselves."""
        return frames

    def draw(self, code: Tensor, style: Tensor, enhancement: str) -> Tensor:
        """Frames (N, 1, H, W), float32, with that enhancement. Those that have it already are drawn anew, as all others."""
        return self.generators[enhancement](code)
