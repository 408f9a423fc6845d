"""Supervised training of ``anatomy_basis`` on simulated pairs with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle.methods.anatomy_basis import AnatomyBasis

from ..config import TrainingConfig
from ..losses import absolute, recognized, structural
from ..pairs import SimulatedPairs
from ..simulate import GROUPS, LESION_GROUP
from .network import build_network, loss_weights
from .recipe import Losses

# Lesions are few pixels, and losing them is the worst that can happen.
_LESION_WEIGHT = 4.0
_WEIGHTS = {"absolute": 1.0, "structural": 0.2, "recognized": 0.3}


class AnatomyBasisRecipe:
    """L1 and SSIM to the truth, and maps that know their tissue.

    Each image of a pair is content once and reference once. The truth of the image alone teaches too slowly what is
    what; known tissues for some of the maps do it, and leave the others free for what a label map does not hold.
    """

    main = "network"
    samples = SimulatedPairs
    target_kind = "reference"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        self.network: AnatomyBasis = build_network("anatomy_basis", config)
        self.networks: dict[str, nn.Module] = {self.main: self.network}
        self.group_weights = torch.ones(len(GROUPS))
        self.group_weights[LESION_GROUP] = _LESION_WEIGHT
        if self.network.maps < len(GROUPS) - 1:
            raise InputError(f"network.maps is {self.network.maps}; give it at least {len(GROUPS) - 1}.")

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        images = torch.cat([batch["content"], batch["reference"]])
        maps = networks[self.main](images)
        output = self._exchange(self.network, maps, images)
        target = torch.cat([batch["target"], batch["swapped"]])
        values = {
            "absolute": absolute(output, target),
            "structural": structural(output, target),
            "recognized": recognized(
                maps, batch["groups"].transpose(0, 1).flatten(0, 1), self.group_weights.to(maps)
            ),
        }
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        images = torch.cat([batch["content"], batch["reference"]])
        return self._exchange(cast(AnatomyBasis, network), network(images), images)[: len(batch["content"])]

    @staticmethod
    def _exchange(network: AnatomyBasis, maps: Tensor, images: Tensor) -> Tensor:
        """The maps of each image with the style of its partner, half a batch away."""
        middle = images[:, images.shape[1] // 2].unsqueeze(1)
        equations = network.normal_equations(maps, middle)
        return network.decode(maps, equations.roll(len(images) // 2, dims=0))
