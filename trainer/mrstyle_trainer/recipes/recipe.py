"""What a recipe is: the networks of a method and one step of their training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor, nn

from ..data import Simulated

Losses = dict[str, tuple[float, Tensor]]


class Recipe(Protocol):
    """Networks by name, each with an optimizer of its own, and the phases of a step.

    ``main`` names the network that is averaged, validated and exported; ``samples`` is what it is trained on,
    ``target_kind`` what its targets are.
    """

    networks: dict[str, nn.Module]
    main: str
    target_kind: str

    @property
    def samples(self) -> type[Simulated]: ...

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        """Yield (name of the network to step, {loss: (weight, value)}) for each phase of one step.

        ``networks`` are those of the recipe as the loop runs them: compiled, on several devices.
        """
        ...

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Output of the main network, compared to ``batch["target"]`` in validation."""
        ...
