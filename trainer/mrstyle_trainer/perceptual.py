"""Feature and Gram losses on a frozen backbone (Johnson et al., ECCV 2016; Gatys et al., CVPR 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .losses import squared

FEATURE_STAGE = 1  # of four: relu2_2


class Perception:
    """What a backbone sees of images (B, 1, H, W) or volumes (B, 1, D, H, W): a list of activations, float32.

    It sees in bfloat16 where the training computes in it. No gradient reaches the backbone, all of it reaches the images.
    """

    def __init__(self, backbone: nn.Module, bfloat16: bool) -> None:
        self.backbone, self.bfloat16 = backbone, bfloat16

    def __call__(self, images: Tensor) -> list[Tensor]:
        device = images.device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            return [each.float() for each in self.backbone.to(device)(images.float())]


def feature_distance(output: list[Tensor], content: list[Tensor]) -> Tensor:
    """Mean squared difference of activations in the second stage."""
    return squared(output[FEATURE_STAGE], content[FEATURE_STAGE])


def gram_distance(output: list[Tensor], style: list[Tensor]) -> Tensor:
    """Squared Frobenius distance of Gram matrices, summed over all stages, mean over the batch."""
    distances = [
        (gram(mine) - gram(theirs)).square().sum(dim=(1, 2)).mean()
        for mine, theirs in zip(output, style, strict=True)
    ]
    return torch.stack(distances).sum()


def gram(activations: Tensor) -> Tensor:
    """Products of the channels of (B, C, ...), (B, C, C): summed over the places, over the number of places and channels."""
    flat = activations.float().flatten(2)
    with torch.autocast(flat.device.type, enabled=False):
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
