"""Supervised training of ``content_style`` on simulated pairs with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import Tensor, nn

from mrstyle import methods
from mrstyle.errors import InputError, PackageError
from mrstyle.methods.content_style import ContentStyle

from ..config import TrainingConfig
from ..losses import absolute, structural
from ..simulate import SimulationConfig
from .recipe import Losses

_WEIGHTS = {"absolute": 1.0, "structural": 0.2}


class ContentStyleRecipe:
    """L1 and SSIM to the truth: head 1 in the sequence that the reference of head 2 shows."""

    main = "network"

    def __init__(self, config: TrainingConfig) -> None:
        if unknown := sorted(config.losses.keys() - _WEIGHTS):
            raise InputError(f"Unknown loss {', '.join(unknown)}; this recipe has {', '.join(_WEIGHTS)}.")
        network = _network(config)
        _check_fits(network, config.simulation)
        self.networks: dict[str, nn.Module] = {self.main: network}
        self.weights = _WEIGHTS | config.losses

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        output = self.predict(networks[self.main], batch)
        values = {
            "absolute": absolute(output, batch["target"]),
            "structural": structural(output, batch["target"]),
        }
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return network(batch["content"], batch["reference"]).float()


def _network(config: TrainingConfig) -> ContentStyle:
    try:
        return cast(ContentStyle, methods.build("content_style", config.network))
    except PackageError as error:
        raise InputError(f"The network of the training configuration cannot be built: {error}") from error


def _check_fits(network: ContentStyle, simulation: SimulationConfig) -> None:
    """The network must be made for the slices that it is trained on, or it misreads those of a user."""
    if network.context != simulation.context:
        raise InputError(
            f"network.context is {network.context} and simulation.context {simulation.context}; make them equal."
        )
    if network.pixel_range_mm != simulation.pixel_mm:
        raise InputError(
            f"network.pixel_range_mm is {network.pixel_range_mm} and simulation.pixel_mm "
            f"{simulation.pixel_mm}; make them equal."
        )
    if simulation.size % network.divisor:
        raise InputError(
            f"simulation.size is {simulation.size}; choose a multiple of {network.divisor}, by which this "
            "network divides its slices."
        )
