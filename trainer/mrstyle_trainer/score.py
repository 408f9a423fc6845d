"""By what number validation judges a recipe: PSNR to the target, or what the recipe says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_LEAST_ERROR = 1e-8


@dataclass(frozen=True)
class Score:
    """Greater is better. ``of`` takes an output and its batch to one value an item, (B,)."""

    name: str
    unit: str
    of: Callable[[Tensor, dict[str, Tensor]], Tensor]

    def text(self, value: float) -> str:
        """A mean score in words: "31.20 dB", "Dice 0.953"."""
        return score_text(self.name, self.unit, value)


def score_text(name: str, unit: str, value: float) -> str:
    """As ``Score.text``."""
    return f"{name} {value:.3f}" if unit == "1" else f"{value:.2f} {unit}"


def score_of(recipe: Any) -> Score:
    """The recipe's own score (its ``score_name``, ``score_unit`` and ``score``), else the PSNR."""
    if hasattr(recipe, "score"):
        return Score(recipe.score_name, recipe.score_unit, recipe.score)
    return Score("PSNR", "dB", _psnr_to_target)


def psnr_db(image: Tensor, reference: Tensor) -> Tensor:
    """Of each item of (B, ...), data range 1."""
    return -10 * torch.log10((image - reference).square().flatten(1).mean(dim=1).clamp_min(_LEAST_ERROR))


def _psnr_to_target(output: Tensor, batch: dict[str, Tensor]) -> Tensor:
    return psnr_db(output, batch["target"])
