"""Which site's scanner took an image: the judge of a harmonization, which should leave it with guessing.

Not a method that makes images: a package of it has the task ``site_classifier`` and no targets; ``mrstyle.qa.sites`` runs it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..networks.resnet import ResNet


class SiteClassifierConfig(BaseModel):
    """Everything that fixes the shape of the network; the defaults are ResNet-50."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[str, ...] = Field(min_length=2, description="that it tells apart")
    size: int = Field(192, ge=32, description="pixels of the square slices that it was trained on")
    width: int = Field(64, ge=4, le=256, description="channels at full size")
    blocks: tuple[int, ...] = Field((3, 4, 6, 3), min_length=1, max_length=5, description="at each size")
    bottleneck: bool = True


class SiteClassifier(nn.Module):
    """Logits (B, sites) of slices (B, 1, H, W) at the pixels that they were scanned with, air near 0 and the 99.5th
    percentile of the head at 1."""

    dim = 2

    def __init__(self, config: SiteClassifierConfig) -> None:
        super().__init__()
        self.sites, self.size = config.sites, config.size
        self.network = ResNet(len(config.sites), config.width, config.blocks, config.bottleneck)

    def forward(self, slices: Tensor) -> Tensor:
        return self.network(slices)


def build(config: dict[str, Any]) -> SiteClassifier:
    """The network of a configuration as a model card holds it."""
    return SiteClassifier(SiteClassifierConfig.model_validate(config))


METHODS = {"site_classifier": build}
