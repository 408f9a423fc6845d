"""Supervised training of ``content_style`` on simulated pairs with known truth."""

from __future__ import annotations

from collections.abc import Iterator

from mrstyle import methods
from mrstyle.errors import InputError
from torch import Tensor, nn

from ..config import TrainingConfig
from ..losses import absolute, structural


class ContentStyleRecipe:
    """L1 and SSIM to the truth: head 1 in the sequence that the reference of head 2 shows."""

    main = "network"
    weights = {"absolute": 1.0, "structural": 0.2}  # noqa: RUF012

    def __init__(self, config: TrainingConfig) -> None:
        if unknown := set(config.losses) - set(self.weights):
            raise InputError(f"Unknown loss {', '.join(sorted(unknown))}; this recipe has {', '.join(self.weights)}.")
        self.networks: dict[str, nn.Module] = {"network": methods.build("content_style", config.network)}
        self.losses = self.weights | config.losses

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, dict[str, tuple[float, Tensor]]]]:
        output = self.predict(networks["network"], batch)
        target = batch["target"]
        yield (
            "network",
            {
                "absolute": (self.losses["absolute"], absolute(output, target)),
                "structural": (self.losses["structural"], structural(output, target)),
            },
        )

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return network(batch["content"], batch["reference"]).float()
