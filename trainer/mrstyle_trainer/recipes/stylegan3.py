"""Adversarial training of ``stylegan3`` on single frames with and without contrast agent, together and unlabeled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle.methods.spatiotemporal import ENHANCEMENTS

from ..comparators import StyleGAN3, build
from ..config import TrainingConfig
from ..critics import FrameCritic
from ..dce_samples import SimulatedSeries
from ..losses import believed, gradient_penalty
from ..optimization import AdamSettings
from ..score import psnr_db
from .network import loss_weights
from .recipe import Losses
from .unpaired import patch_of, unpaired_frames

_WEIGHTS = {"adversarial": 1.0, "critic": 1.0, "penalty": 1.0}
# As in the recipe of starganv2: that the penalty may be rare is from Karras et al. (CVPR 2020).
_PENALTY_EVERY = 16
_MAPPING_RATE = 0.01
_CRITIC_RATE = 0.1  # its weights are small ones, those of the generator have unit variance
_CRITIC_MAX_WIDTH = 256
_VALIDATION_STEPS = 40


class StyleGAN3Recipe:
    """Non-saturating loss, and R1 of the critic every 16th step; latents and slices depend on the seed and the step.

    Validation projects with few steps, and of volumes the middle slice alone: its PSNR says how the training goes, not how
    good the comparator is.
    """

    main = "network"
    samples = SimulatedSeries
    target_kind = "enhancement"
    one_device = True
    score_name = "PSNR"
    score_unit = "dB"

    def __init__(self, config: TrainingConfig) -> None:
        self.network: StyleGAN3 = build(config.recipe, config.network)
        self.weights = loss_weights(_WEIGHTS, config)
        self.seed = config.seed
        wanted = tuple(length * self.network.reduction for length in self.network.size)
        if patch_of(config) != wanted:
            raise InputError(
                f"data.patch is {list(patch_of(config))}; this network draws frames of {list(wanted)} pixels, so make it that."
            )
        if config.loop.compile:
            raise InputError(
                "What is compiled cannot be differentiated twice, as stylegan3 asks for; set loop.compile to false."
            )
        self.critic = FrameCritic(self.network.size, self.network.critic_width, _CRITIC_MAX_WIDTH)
        self.networks: dict[str, nn.Module] = {self.main: self.network, "critic": self.critic}
        self.optimizers = {
            self.main: AdamSettings(rates={"mapping.": _MAPPING_RATE}, betas=(0.0, 0.99)),
            "critic": AdamSettings(rate=_CRITIC_RATE, betas=(0.0, 0.99)),
        }

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        step = int(self.critic.steps)
        self.critic.steps += 1
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        real = self.network.reduced(torch.cat(list(unpaired_frames(batch, generator).values())))
        latents = torch.randn(len(real), self.network.latent_dim, generator=generator).to(real.device)
        drawn = networks[self.main](latents)
        scores = networks["critic"](drawn)
        yield self.main, {"adversarial": (self.weights["adversarial"], believed(scores, True))}

        mistaken = believed(networks["critic"](real), True)
        mistaken = mistaken + believed(networks["critic"](drawn.detach()), False)
        losses = {"critic": (self.weights["critic"], mistaken)}
        if step % _PENALTY_EVERY == 0:
            asking = real.clone().requires_grad_()
            penalty = gradient_penalty(self.critic(asking), asking)
            losses["penalty"] = (self.weights["penalty"] * _PENALTY_EVERY, penalty)
        yield "critic", losses

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """The middle frames in both enhancements, as channels (B, 2, H, W); of volumes, their middle slice."""
        method = cast(StyleGAN3, network)
        content = batch["content"]
        frames = [content[:, content.shape[1] // 2], *batch["style"].unbind(1)]
        images = method.reduced(torch.cat([_middle(frame) for frame in frames]).unsqueeze(1))
        code, *styles = method.projected(images, method.typical(), _VALIDATION_STEPS).chunk(3)
        outputs = torch.cat([method.mixed(code, style) for style in styles], dim=1)
        return F.interpolate(outputs, size=content.shape[-2:], mode="bilinear")

    def score(self, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """PSNR to the truth, data range 1."""
        truth = torch.stack(
            [_middle(batch["target"][:, number]) for number in range(len(ENHANCEMENTS))], dim=1
        )
        return psnr_db(output, truth)


def _middle(frames: Tensor) -> Tensor:
    """Frames (B, H, W), or the middle slices of (B, D, H, W)."""
    return frames if frames.dim() == 3 else frames[:, frames.shape[1] // 2]
