"""Critics of adversarial training: only the trainer has them, no model carries one."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.networks.blocks import InstanceNorm, convolution


class PatchCritic(nn.Module):
    """PatchGAN: one score for each overlapping patch of 70x70 pixels (Isola et al., CVPR 2017).

    Input (B, inputs, H, W) with H and W at least 32, output float32 scores (B, 1, H/8 - 2, W/8 - 2). At the published
    width of 64 and one input channel it has 2.763 M parameters.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        channels = [inputs, width, 2 * width, 4 * width, 8 * width]
        strides = (2, 2, 2, 1)
        self.convs = nn.ModuleList(
            convolution(before, after, 4, stride=stride, padding="zeros")
            for (before, after), stride in zip(pairwise(channels), strides, strict=True)
        )
        # A normalized image has lost its brightness, so the first layer comes without.
        self.norms = nn.ModuleList([nn.Identity(), *(InstanceNorm() for _ in strides[1:])])
        self.head = convolution(channels[-1], 1, 4, padding="zeros")

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())
