"""Residual classifier of images (He et al., "Deep residual learning for image recognition", CVPR 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

_EXPANSION = 4


class ResNet(nn.Module):
    """Logits (B, classes) of images (B, 1, H, W) of any size.

    Width 64 and blocks (3, 4, 6, 3), bottlenecks, is ResNet-50; the stride is in the 3x3 convolution (version 1.5).
    """

    def __init__(self, classes: int, width: int, blocks: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        layers: list[nn.Module] = []
        inputs = width
        for level, count in enumerate(blocks):
            inner = width * 2**level
            for number in range(count):
                stride = 2 if level and not number else 1
                block = _Block(inputs, inner, stride, bottleneck)
                layers.append(block)
                inputs = block.outputs
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(image)).mean(dim=(2, 3)))


class _Block(nn.Module):
    """relu(x + f(x)), f of two 3x3 convolutions, or of 1x1, 3x3 and 1x1, each with batch norm."""

    def __init__(self, inputs: int, inner: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        self.outputs = _EXPANSION * inner if bottleneck else inner
        plan = (
            [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, self.outputs, 1, 1)]
            if bottleneck
            else [(inputs, inner, 3, stride), (inner, inner, 3, 1)]
        )
        layers: list[nn.Module] = []
        for before, after, kernel, step in plan:
            layers += [_plain(before, after, kernel, step), nn.BatchNorm2d(after), nn.ReLU()]
        self.residual = nn.Sequential(*layers[:-1])
        changes = stride > 1 or inputs != self.outputs
        self.shortcut = (
            nn.Sequential(_plain(inputs, self.outputs, 1, stride), nn.BatchNorm2d(self.outputs))
            if changes
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.residual(x))


def _plain(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
