"""Building blocks of 3D networks. All images are (batch, channel, slice, row, column)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.1


class RunningNorm(nn.Module):
    """Batch renormalization (Ioffe, NeurIPS 2017): features by the mean and variance of many past batches, per channel.

    What a voxel becomes does not depend on what else is in its block, in training neither, and absolute intensities stay: at
    inference it is one affine map a channel. Gradients flow through the statistics of the batch, which keeps training stable.
    """

    mean: Tensor
    variance: Tensor
    eps = 1e-4
    momentum = 0.05
    greatest_correction = 5.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.mean, self.variance, eps=self.eps)
        # With this momentum, what is handed over as running statistics becomes those of the batch.
        mean, variance = torch.zeros_like(self.mean), torch.ones_like(self.variance)
        y = F.batch_norm(x, mean, variance, training=True, momentum=1.0, eps=self.eps)
        deviation = (self.variance + self.eps).sqrt()
        limit = self.greatest_correction
        scale = ((variance + self.eps).sqrt() / deviation).clamp(1 / limit, limit)
        shift = ((mean - self.mean) / deviation).clamp(-limit, limit)
        self.mean.lerp_(mean, self.momentum)
        self.variance.lerp_(variance, self.momentum)
        view = (1, -1, 1, 1, 1)
        return torch.addcmul(shift.view(view).to(y.dtype), y, scale.view(view).to(y.dtype))


class ResidualBlock3D(nn.Module):
    """x + norm(conv(leaky_relu(norm(conv(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = RunningNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm2 = RunningNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(F.leaky_relu(self.norm1(self.conv1(x)), LEAK)))


class FiLM3D(nn.Module):
    """gamma(style) * x + beta(style) for styles (batch or 1, hidden). Perez et al., AAAI 2018."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.affine = nn.Linear(hidden, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.05)
        nn.init.zeros_(self.affine.bias)
        nn.init.ones_(self.affine.bias[:channels])

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.affine(style)[:, :, None, None, None].chunk(2, dim=1)
        return torch.addcmul(beta.to(x.dtype), x, gamma.to(x.dtype))


def doubled3d(x: Tensor) -> Tensor:
    """(B, C, D, H, W) to (B, C, 2D, 2H, 2W) by repeating voxels, as a view (see ``blocks.doubled``)."""
    batch, channels, depth, height, width = x.shape
    x = x[:, :, :, None, :, None, :, None].expand(-1, -1, -1, 2, -1, 2, -1, 2)
    return x.reshape(batch, channels, 2 * depth, 2 * height, 2 * width)
