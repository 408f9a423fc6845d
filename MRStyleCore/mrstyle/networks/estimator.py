"""What kind of sequence an image is of, by its look."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import LayerNorm, convolution

_FOREGROUND_LEVEL = 0.04


class SequenceEstimator(nn.Module):
    """Logits (B, kinds) of a slice (B, 1, H, W) with air near 0 and the 99.5th percentile at 1.

    Pooled over the patient alone, so that neither the field of view nor where things are matters much.
    """

    def __init__(self, kinds: int, channels: tuple[int, ...] = (24, 48, 96, 96)) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                convolution(inputs, outputs, 3, stride=2, padding="zeros"), LayerNorm(outputs), nn.ReLU()
            )
            for inputs, outputs in pairwise((1, *channels))
        )
        self.head = nn.Linear(2 * channels[-1], kinds)

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for layer in self.layers:
            x = layer(x)
        x = x.float()
        weight = F.adaptive_avg_pool2d((image > _FOREGROUND_LEVEL).float(), (x.shape[2], x.shape[3])) + 1e-4
        total = weight.sum(dim=(2, 3))
        mean = (x * weight).sum(dim=(2, 3)) / total
        spread = ((x - mean[:, :, None, None]).square() * weight).sum(dim=(2, 3)) / total
        with torch.autocast(image.device.type, enabled=False):
            return self.head(torch.cat([mean, (spread + 1e-6).sqrt()], dim=1))
