"""Training of ``munit`` and ``cyclegan`` on single frames with and without contrast agent that nobody has paired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle.methods.spatiotemporal import ENHANCEMENTS

from ..comparators import MUNIT, CycleGAN, build
from ..config import DCEPhantomData, TrainingConfig
from ..critics import Critics, ImagePool, MultiScaleCritic, PatchCritic
from ..dce_samples import SimulatedSeries
from ..losses import least_squares
from ..optimization import AdamSettings
from .network import loss_weights
from .recipe import Losses

# As published. Of the identity, CycleGAN's authors have half of the cycle's weight, and half of the critic's loss.
_WEIGHTS = {
    "munit": {"image": 10.0, "style": 1.0, "content": 1.0, "cycle": 10.0, "adversarial": 1.0, "critic": 1.0},
    "cyclegan": {"cycle": 10.0, "identity": 5.0, "adversarial": 1.0, "critic": 0.5},
}
_BETAS = (0.5, 0.999)
_DECAY = {"munit": 1e-4, "cyclegan": 0.0}
_LEAST_SIZE = 64  # of a patch, of which a critic sees quarters
SLICES = 4
"""Slices of a volume that a step looks at."""


class UnpairedRecipe:
    """Least-squares critics, one for each domain, and what each network is to get back; the truth of a sample is left alone.

    What is by chance, styles and slices, depends on the seed and the step, so that a training that was stopped goes on as it
    would have.
    """

    main = "network"
    samples = SimulatedSeries
    target_kind = "enhancement"
    one_device = True

    def __init__(self, config: TrainingConfig) -> None:
        network: MUNIT | CycleGAN = build(config.recipe, config.network)
        self.weights = loss_weights(_WEIGHTS[config.recipe], config)
        self.network, self.seed = network, config.seed
        size = patch_of(config)
        if size[0] % network.divisor or size[1] % network.divisor or min(size) < _LEAST_SIZE:
            raise InputError(
                f"data.patch is {list(size)}; choose multiples of {network.divisor}, {_LEAST_SIZE} or more."
            )
        width = network.critic_width
        critics: dict[str, nn.Module] = {
            name: MultiScaleCritic(width) if isinstance(network, MUNIT) else PatchCritic(1, width)
            for name in ENHANCEMENTS
        }
        self.critics = Critics(critics, network.pool, size)
        self.networks: dict[str, nn.Module] = {self.main: network, "critics": self.critics}
        adam = AdamSettings(betas=_BETAS, weight_decay=_DECAY[config.recipe])
        self.optimizers = dict.fromkeys(self.networks, adam)

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + int(self.critics.steps))
        self.critics.steps += 1
        frames = unpaired_frames(batch, generator)
        latents = torch.randn(2, len(frames["baseline"]), self.network.style_dim, generator=generator)
        drawn, values = networks[self.main](frames, latents.to(frames["baseline"].device))
        self.critics.requires_grad_(False)
        values["adversarial"] = _least_squares(networks["critics"](drawn), 1.0)
        self.critics.requires_grad_(True)
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

        shown = {name: each.detach() for name, each in drawn.items()}
        for name, pool in self.critics.pools.items():
            shown[name] = cast(ImagePool, pool).exchanged(shown[name], generator)
        mistaken = _least_squares(networks["critics"](frames), 1.0)
        mistaken = mistaken + _least_squares(networks["critics"](shown), 0.0)
        yield "critics", {"critic": (self.weights["critic"], mistaken)}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """The middle frames in both enhancements, as channels (B, 2, ...)."""
        content = batch["content"]
        frames, count = slices_of(content[:, content.shape[1] // 2])
        is_enhanced = batch["enhanced"].bool().repeat_interleave(count)
        method = cast(MUNIT | CycleGAN, network)
        code = method.encode(frames, is_enhanced)
        outputs = []
        for number, name in enumerate(ENHANCEMENTS):
            style, _ = slices_of(batch["style"][:, number])
            outputs.append(method.draw(code, style, name).reshape(content[:, 0].shape))
        return torch.stack(outputs, dim=1).float()


def patch_of(config: TrainingConfig) -> tuple[int, int]:
    """Rows and columns of the frames of a configuration.

    Raises:
        InputError: its data are no series.
    """
    if not isinstance(config.data, DCEPhantomData):
        raise InputError(
            f"The recipe {config.recipe} learns from series alone; give it data of kind dce_phantoms."
        )
    return config.data.patch


def slices_of(images: Tensor) -> tuple[Tensor, int]:
    """Slices (N, 1, H, W) of frames (B, H, W) or (B, D, H, W), and how many a frame has."""
    count = 1 if images.dim() == 3 else images.shape[1]
    return images.reshape(-1, 1, *images.shape[-2:]), count


def unpaired_frames(batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Frames (N, 1, H, W) before and after the bolus, of different people where there are several; of volumes, some slices."""
    frames = {}
    for number, name in enumerate(ENHANCEMENTS):
        images = batch["style"][:, number].roll(number, dims=0)
        if images.dim() == 4:
            images = images[:, torch.randperm(images.shape[1], generator=generator)[:SLICES]]
        frames[name], _ = slices_of(images)
    return frames


def _least_squares(scores: dict[str, list[Tensor]], wanted: float) -> Tensor:
    """Sum over critics, mean over the scales of each."""
    means = [
        torch.stack([least_squares(each, wanted) for each in scales]).mean() for scales in scores.values()
    ]
    return torch.stack(means).sum()
