"""A recipe says what one training step of a method is; the loop does the rest."""

from __future__ import annotations

from collections.abc import Callable

from mrstyle.errors import InputError

from ..config import TrainingConfig
from .anatomy_basis import AnatomyBasisRecipe
from .brain_mask import BrainMaskRecipe
from .content_style import ContentStyleRecipe
from .crl import CRLRecipe
from .light3d import Light3DRecipe
from .paired import PairedRecipe
from .recipe import Losses, Recipe
from .relaxometry import RelaxometryRecipe
from .site_classifier import SiteClassifierRecipe
from .spatiotemporal import SpatioTemporalRecipe
from .starganv2 import StarGANv2Recipe
from .stylegan3 import StyleGAN3Recipe
from .tissue_features import TissueFeaturesRecipe
from .unpaired import UnpairedRecipe

__all__ = ["Losses", "Recipe", "build_recipe"]

RECIPES: dict[str, Callable[[TrainingConfig], Recipe]] = {
    "anatomy_basis": AnatomyBasisRecipe,
    "brain_mask": BrainMaskRecipe,
    "content_style": ContentStyleRecipe,
    "crl": CRLRecipe,
    "cyclegan": UnpairedRecipe,
    "light3d": Light3DRecipe,
    "munit": UnpairedRecipe,
    "pgan": PairedRecipe,
    "ptnet": PairedRecipe,
    "relaxometry": RelaxometryRecipe,
    "resvit": PairedRecipe,
    "site_classifier": SiteClassifierRecipe,
    "spatiotemporal": SpatioTemporalRecipe,
    "starganv2": StarGANv2Recipe,
    "stylegan3": StyleGAN3Recipe,
    "tissue_features": TissueFeaturesRecipe,
}


def build_recipe(config: TrainingConfig) -> Recipe:
    """The recipe that a configuration names.

    Raises:
        InputError: there is none of that name, or its network or losses are configured wrongly.
    """
    if config.recipe not in RECIPES:
        raise InputError(f"Unknown recipe {config.recipe!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[config.recipe](config)
