"""Supervised training of a comparator: one network from one sequence to one other, on simulated contrasts."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mrstyle.errors import InputError

from ..comparators import PGAN, PTNet, ResViT, build
from ..config import TrainingConfig
from ..contrasts import SimulatedContrasts
from ..critics import PatchCritic
from ..losses import absolute, least_squares, squared
from .network import loss_weights
from .recipe import Losses

# As published, 100 to 1, but with the sum of the order that the loop's clipping of gradients expects.
_ADVERSARIAL_WEIGHTS = {"absolute": 1.0, "adversarial": 0.01, "critic": 1.0}
_PLAIN_WEIGHTS = {"squared": 1.0}


class PairedRecipe:
    """``pgan``, ``resvit``: L1 and a least-squares critic that also sees the source. ``ptnet``: mean squared error.

    ``simulation.sequences`` names the source and the target.
    """

    main = "network"
    samples = SimulatedContrasts
    target_kind = "acquisition"

    def __init__(self, config: TrainingConfig) -> None:
        network = _fitting(config)
        self.networks: dict[str, nn.Module] = {self.main: network}
        if isinstance(network, PTNet):
            self.weights = loss_weights(_PLAIN_WEIGHTS, config)
        else:
            self.weights = loss_weights(_ADVERSARIAL_WEIGHTS, config)
            self.networks["critic"] = PatchCritic(2, network.critic_width)

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        source, target = batch["scans"][:, 0], batch["target"]
        output = networks[self.main](source)
        if "critic" not in networks:
            yield self.main, self._weighted(squared=squared(output, target))
            return
        middle = source[:, [source.shape[1] // 2]]
        drawn = torch.cat([middle, output], dim=1)
        yield (
            self.main,
            self._weighted(
                absolute=absolute(output, target),
                adversarial=least_squares(networks["critic"](drawn), 1.0),
            ),
        )
        real = torch.cat([middle, target], dim=1)
        real_scores, drawn_scores = networks["critic"](torch.cat([real, drawn.detach()])).chunk(2)
        mistaken = (least_squares(real_scores, 1.0) + least_squares(drawn_scores, 0.0)) / 2
        yield "critic", self._weighted(critic=mistaken)

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return network(batch["scans"][:, 0])

    def _weighted(self, **values: Tensor) -> Losses:
        return {name: (self.weights[name], value) for name, value in values.items()}


def _fitting(config: TrainingConfig) -> PGAN | ResViT | PTNet:
    """The network of a configuration, if that fits the simulated slices.

    Raises:
        InputError: it does not, or the network's configuration is wrong.
    """
    network: PGAN | ResViT | PTNet = build(config.recipe, config.network)
    simulation = config.simulation
    if config.data.kind == "aligned":
        raise InputError(f"{config.recipe} learns from simulations alone; give it data of kind label_maps.")
    if len(simulation.sequences) != 2:
        raise InputError(
            f"{config.recipe} learns one synthesis, but simulation.sequences lists {len(simulation.sequences)} "
            "sequences; list the source and the target."
        )
    if network.context != simulation.context:
        raise InputError(
            f"network.context is {network.context} and simulation.context {simulation.context}; make them equal."
        )
    if simulation.size % network.divisor:
        raise InputError(
            f"simulation.size is {simulation.size}; choose a multiple of {network.divisor}, by which "
            f"{config.recipe} divides its slices."
        )
    return network
