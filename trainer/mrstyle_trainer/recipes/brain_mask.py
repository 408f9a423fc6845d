"""Supervised training of ``brain_mask`` on heads of simulated contrast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build

from ..brain_samples import BrainMaskSamples
from ..config import TrainingConfig
from .network import loss_weights
from .recipe import Losses

_WEIGHTS = {"cross_entropy": 1.0, "overlap": 1.0}


class BrainMaskRecipe:
    """Cross-entropy and soft Dice; validated by the Dice coefficient of the mask."""

    main = "network"
    samples = BrainMaskSamples
    target_kind = None
    task = "brain_mask"
    score_name = "Dice coefficient"
    score_unit = "1"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        try:
            network: Any = build("brain_mask", config.network)
        except PackageError as error:
            raise InputError(f"The network of the training configuration cannot be built: {error}") from error
        if config.simulation.size % network.divisor:
            raise InputError(
                f"simulation.size is {config.simulation.size}; choose a multiple of {network.divisor}, by which this "
                "network divides its volumes."
            )
        self.networks: dict[str, nn.Module] = {self.main: network}

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        logits, target = networks[self.main](batch["content"]).float(), batch["target"]
        values = {
            "cross_entropy": F.binary_cross_entropy_with_logits(logits, target),
            "overlap": (1 - dice(logits.sigmoid(), target)).mean(),
        }
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return network(batch["content"]).float().sigmoid()

    def score(self, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Dice coefficient (B,) of the masks, 0 to 1."""
        return dice((output > 0.5).float(), batch["target"])


def dice(mask: Tensor, truth: Tensor) -> Tensor:
    """Dice coefficient (B,) of masks or probabilities (B, 1, D, H, W); 1 where both are empty."""
    mask, truth = mask.flatten(1), truth.flatten(1)
    return (2 * (mask * truth).sum(1) + 1) / (mask.sum(1) + truth.sum(1) + 1)
