"""Supervised training of ``content_style`` on simulated pairs with known truth."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle.methods.content_style import ContentStyleConfig

from ..config import TrainingConfig
from ..losses import absolute, anchored, structural
from ..pairs import ANCHORS, SimulatedPairs
from .network import build_network, loss_weights
from .recipe import Losses

_WEIGHTS = {"absolute": 1.0, "structural": 0.2, "anchored": 0.3}


class ContentStyleRecipe:
    """L1 and SSIM to the truth, head 1 in the sequence of head 2, and a style that holds known intensities."""

    main = "network"
    samples = SimulatedPairs
    target_kind = "reference"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        self.networks: dict[str, nn.Module] = {self.main: build_network("content_style", config)}
        style_dim = ContentStyleConfig.model_validate(config.network).style_dim
        if style_dim < len(ANCHORS):
            raise InputError(f"network.style_dim is {style_dim}; give it at least {len(ANCHORS)}.")

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        output, style = networks[self.main](batch["content"], _middle(batch["reference"]))
        output = output.float()
        values = {
            "absolute": absolute(output, batch["target"]),
            "structural": structural(output, batch["target"]),
            "anchored": anchored(style, batch["anchors"]),
        }
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        output, _ = network(batch["content"], _middle(batch["reference"]))
        return output.float()


def _middle(slices: Tensor) -> Tensor:
    """(B, n, H, W) to the middle one, (B, 1, H, W)."""
    index = slices.shape[1] // 2
    return slices[:, index : index + 1]
