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
    ``target_kind`` what its targets are, None where it takes none or several.

    A recipe may also have, and the loop and the export look for them:

    - ``optimizers: dict[str, AdamSettings]``, by the names of the networks that want others than usual;
    - ``score(output, batch) -> Tensor (B,)``, greater is better, with ``score_name`` and ``score_unit`` ("1" where it has
      none): what validation measures in place of the PSNR. The output need not be an image then;
    - ``task``, that of the model card, where it is not "style";
    - ``card_fields(samples) -> dict``: entries of the card that it knows or measures better, on the held-out samples, with
      the weights as they are stored. With an entry bf16_psnr_db, the usual limit of that does not count.
    """

    networks: dict[str, nn.Module]
    main: str

    @property
    def target_kind(self) -> str | None: ...

    @property
    def samples(self) -> Simulated: ...

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
