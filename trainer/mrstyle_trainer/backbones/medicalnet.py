"""The trunk of MedicalNet's ResNet-18 for volumes (Chen et al., Med3D, arXiv 1904.00625)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_STAGES = ((64, 1, 1), (128, 2, 1), (256, 1, 2), (512, 1, 4))  # channels, stride, dilation
_MEAN, _SPREAD = 0.4, 0.25  # of a body, about: it was trained on volumes of mean 0 and standard deviation 1


class MedicalNet(nn.Module):
    """Volumes (B, 1, D, H, W) to the activations at the end of the four stages of residual blocks.

    The shortcuts have no weights: where a block changes the size, it takes every other voxel and adds empty channels. The
    last two stages widen their kernels in place of halving. 32.99 M parameters; the file has those of a head besides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        before = 64
        for number, (channels, stride, dilation) in enumerate(_STAGES, 1):
            blocks = [_Block(before, channels, stride, dilation), _Block(channels, channels, 1, dilation)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            before = channels

    def forward(self, volume: Tensor) -> list[Tensor]:
        x = (volume - _MEAN) / _SPREAD
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        activations = []
        for number in range(1, 1 + len(_STAGES)):
            x = self.get_submodule(f"layer{number}")(x)
            activations.append(x)
        return activations


class _Block(nn.Module):
    """relu(shortcut(x) + f(x)), f of two 3x3x3 convolutions, each with batch norm."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        thinned = x[:, :, :: self.stride, :: self.stride, :: self.stride]
        return F.relu(F.pad(thinned, (0, 0, 0, 0, 0, 0, 0, self.added)) + y)


def medicalnet_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of MedicalNet's own file that `MedicalNet` has, without the head that segments."""
    named = {name.removeprefix("module."): value for name, value in tensors.items()}
    return {name: value for name, value in named.items() if not name.startswith("conv_seg.")}
