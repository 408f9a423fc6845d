"""A recipe says what one training step of a method is; the loop does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mrstyle.errors import InputError
from torch import Tensor, nn

from ..config import TrainingConfig
from .content_style import ContentStyleRecipe

Losses = dict[str, "tuple[float, Tensor]"]


class Recipe(Protocol):
    """Networks by name, each with an optimizer of its own, and the phases of a step."""

    networks: dict[str, nn.Module]
    main: str

    def phases(self, networks: dict[str, nn.Module], batch: dict[str, Tensor]) -> Iterator[tuple[str, Losses]]:
        """Yield (name of the network to step, {loss: (weight, value)}) for each phase of one step."""
        ...

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Output of the main network, compared to ``batch["target"]`` in validation."""
        ...


RECIPES = {"content_style": ContentStyleRecipe}


def build_recipe(config: TrainingConfig) -> Recipe:
    """The recipe that a configuration names.

    Raises:
        InputError: there is none of that name, or it has no loss of a name that the configuration weights.
    """
    if config.recipe not in RECIPES:
        raise InputError(f"Unknown recipe {config.recipe!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[config.recipe](config)
