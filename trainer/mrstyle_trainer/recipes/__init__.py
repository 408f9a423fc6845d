"""A recipe says what one training step of a method is; the loop does the rest."""

from __future__ import annotations

from mrstyle.errors import InputError

from ..config import TrainingConfig
from .content_style import ContentStyleRecipe
from .recipe import Losses, Recipe

__all__ = ["Losses", "Recipe", "build_recipe"]

RECIPES = {"content_style": ContentStyleRecipe}


def build_recipe(config: TrainingConfig) -> Recipe:
    """The recipe that a configuration names.

    Raises:
        InputError: there is none of that name, or its network or losses are configured wrongly.
    """
    if config.recipe not in RECIPES:
        raise InputError(f"Unknown recipe {config.recipe!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[config.recipe](config)
