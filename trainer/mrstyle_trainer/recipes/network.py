"""What all recipes check of a configuration before they train by it."""

from __future__ import annotations

from typing import Any

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build

from ..config import TrainingConfig


def build_network(method: str, config: TrainingConfig) -> Any:
    """The network of a configuration, made for the slices that it is trained on (or it misreads a user's).

    Raises:
        InputError: the method does not accept ``config.network``, or that does not fit ``config.simulation``.
    """
    try:
        network: Any = build(method, config.network)
    except PackageError as error:
        raise InputError(f"The network of the training configuration cannot be built: {error}") from error
    simulation = config.simulation
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
    return network


def loss_weights(defaults: dict[str, float], config: TrainingConfig) -> dict[str, float]:
    """The weights of a recipe's losses, with those that the configuration changes.

    Raises:
        InputError: the configuration weights a loss that the recipe does not have.
    """
    if unknown := sorted(config.losses.keys() - defaults.keys()):
        raise InputError(f"Unknown loss {', '.join(unknown)}; this recipe has {', '.join(defaults)}.")
    return defaults | config.losses
