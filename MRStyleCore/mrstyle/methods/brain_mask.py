"""The method ``brain_mask``: where the brain is, in head MR of any contrast, with or without skull, at 2 mm.

Trained on contrasts simulated at random, after Hoopes et al., SynthStrip: skull-stripping for any brain image, NeuroImage
260:119474 (2022), with a smaller network. Not a style method: `segmentation.brain_mask` runs it.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor

from ..networks.unet3d import UNet3d

VOXEL_MM = 2.0


class BrainMaskConfig(BaseModel):
    """The network of a brain mask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=6)] = Field(
        (16, 32, 64, 64), description="of each level; the first is at 4 mm"
    )


class BrainMask(UNet3d):
    """(B, 1, D, H, W) as `normalized` leaves them to logits of brain, same shape."""

    dim = 3
    context = 0

    def __init__(self, config: BrainMaskConfig) -> None:
        super().__init__(1, 1, config.channels)


def normalized(volume: Tensor) -> Tensor:
    """Any intensities (D, H, W) to about 0 (darkest) to 1 (99.5th percentile of what is brighter than the mean)."""
    volume = volume - torch.clamp(volume.min(), max=0.0)
    bright = volume[volume > volume.mean()][::3]
    level = torch.quantile(bright, 0.995) if len(bright) else volume.new_tensor(1.0)
    return (volume / level.clamp_min(1e-6)).clamp(max=1.3)


METHODS = {"brain_mask": lambda config: BrainMask(BrainMaskConfig.model_validate(config))}
