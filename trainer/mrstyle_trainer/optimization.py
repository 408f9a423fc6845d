"""How the networks of a recipe are optimized: Adam, with the settings that a recipe gives for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from .config import TrainingConfig


@dataclass(frozen=True)
class AdamSettings:
    """Of one network; a recipe lists them in ``optimizers``, by the names of its networks, where it wants others.

    Attributes:
        rate: learning rate, in units of ``loop.learning_rate``.
        rates: of some of the network's parts, by how the names of their parameters begin, in the same units.
        betas: decay of Adam's averages of the gradient and of its square.
        weight_decay: added to the gradient, as Adam's authors had it.
    """

    rate: float = 1.0
    rates: Mapping[str, float] = field(default_factory=dict)
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0


def adam(network: nn.Module, settings: AdamSettings, rate: float) -> tuple[torch.optim.Adam, list[float]]:
    """The optimizer of a network, and for each of its parameter groups the factor by which ``rate`` counts."""
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        part = max((start for start in settings.rates if name.startswith(start)), key=len, default="")
        parts.setdefault(part, []).append(parameter)
    factors = [settings.rates.get(part, settings.rate) for part in parts]
    groups = [
        {"params": parameters, "lr": rate * factor}
        for parameters, factor in zip(parts.values(), factors, strict=True)
    ]
    return torch.optim.Adam(groups, betas=settings.betas, weight_decay=settings.weight_decay), factors


def learning_rate(step: int, config: TrainingConfig, seconds: float = 0.0) -> float:
    """Linear warm-up, then as the schedule says: a cosine down to zero, or always the same.

    The cosine ends at the last step, or when as many ``seconds`` have been trained as there are, if that comes first.
    """
    loop = config.loop
    if step < loop.warmup_steps:
        return loop.learning_rate * (step + 1) / loop.warmup_steps
    if loop.schedule == "constant":
        return loop.learning_rate
    done = (step - loop.warmup_steps) / max(1, loop.steps - loop.warmup_steps)
    if loop.minutes is not None:
        done = max(done, seconds / (60 * loop.minutes))
    return loop.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def channels_last(network: nn.Module) -> None:
    """Order the weights of convolutions as they are computed fastest, in two dimensions and in three."""
    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in network.parameters():
        if parameter.dim() in orders:
            parameter.data = parameter.data.contiguous(memory_format=orders[parameter.dim()])
