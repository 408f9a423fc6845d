"""Layers without aliasing (Karras et al., Alias-Free Generative Adversarial Networks, NeurIPS 2021): features move when what
they show moves, also by parts of a pixel.

Positions and frequencies are in units of the longer side of the image. Filters are windowed sincs, applied as one matrix an
axis, which a CPU computes faster than as many small convolutions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TAPS = 6  # of a filter, in samples of the coarser of its two grids
_SLOPE = 0.2
_POWER_DECAY = 0.99


@dataclass(frozen=True)
class Band:
    """Features as samples of what is continuous.

    Attributes:
        rate: samples along the longer side of the image.
        size: samples along rows' and columns' axes, with a margin around the image.
        cutoff: greatest frequency.
        half_width: of the transition of filters beyond it.
    """

    rate: float
    size: tuple[int, int]
    cutoff: float
    half_width: float


def bands(size: tuple[int, int], layers: int, margin: int, critical: int = 2) -> list[Band]:
    """What goes into the first layer, and what comes out of each (section 3.2 and figure 4 of the paper).

    Cutoffs and stopbands rise from layer to layer by one factor each, from 2 and 2**2.1 cycles to half of the full rate and
    2**0.3 times that, and stay there for the last ``critical`` layers, which are sampled no finer than they must be.
    """
    full = float(max(size))
    found = []
    for index in range(layers + 1):
        share = min(index / (layers - critical), 1.0)
        cutoff = 2.0 * (full / 4) ** share
        stop = 2**2.1 * (full / 2 * 2**0.3 / 2**2.1) ** share
        rate = full / 2 ** math.floor(math.log2(full / min(2 * stop, full)))
        inner = [math.ceil(length * rate / full) for length in size]
        wide = 0 if index > layers - critical else 2 * margin
        found.append(Band(rate, (inner[0] + wide, inner[1] + wide), cutoff, max(rate / 2, stop) - cutoff))
    return found


def resampling(
    count: int, rate: float, new_count: int, new_rate: float, cutoff: float, half_width: float
) -> Tensor:
    """Matrix (new_count, count) from samples to those of another grid with the same middle, through a low-pass filter.

    The filter is a sinc in Kaiser's window, whose shape follows from the length and the width of the transition. What lies
    outside counts as 0.
    """
    reach = _TAPS / 2 / min(rate, new_rate)
    extra = math.ceil(reach * rate) + 1
    taps = 2 * reach * max(rate, new_rate)
    width = 2 * half_width / (max(rate, new_rate) / 2)
    attenuation_db = 2.285 * (taps - 1) * math.pi * width + 7.95
    beta = float(np.where(attenuation_db > 50, 0.1102 * (attenuation_db - 8.7), 0.0))
    if 21 < attenuation_db <= 50:
        beta = 0.5842 * (attenuation_db - 21) ** 0.4 + 0.07886 * (attenuation_db - 21)
    old = (np.arange(-extra, count + extra) - (count - 1) / 2) / rate
    new = (np.arange(new_count) - (new_count - 1) / 2) / new_rate
    apart = new[:, None] - old[None]
    inside = np.abs(apart) < reach
    window = np.i0(beta * np.sqrt(np.maximum(1 - (apart / reach) ** 2, 0)))
    weights = np.where(inside, np.sinc(2 * cutoff * apart) * window, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return torch.from_numpy(weights[:, extra : extra + count].astype(np.float32))


class FilteredActivation(nn.Module):
    """Leaky ReLU at twice the finer rate, where the frequencies that it adds can be filtered off; from band to band."""

    up_rows: Tensor
    up_columns: Tensor
    down_rows: Tensor
    down_columns: Tensor

    def __init__(self, before: Band, after: Band) -> None:
        super().__init__()
        rate = 2 * max(before.rate, after.rate)
        for axis, name in enumerate(("rows", "columns")):
            between = math.ceil(max(b.size[axis] / b.rate for b in (before, after)) * rate)
            up = resampling(before.size[axis], before.rate, between, rate, before.cutoff, before.half_width)
            down = resampling(between, rate, after.size[axis], after.rate, after.cutoff, after.half_width)
            self.register_buffer(f"up_{name}", up, persistent=False)
            # What the activation takes from the variance comes back here.
            gain = math.sqrt(2) if name == "rows" else 1.0
            self.register_buffer(f"down_{name}", gain * down, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        # In the order (N, H, C, W) both axes are those of large matrix products, without a copy at the fine rate.
        x = x.permute(0, 2, 1, 3).contiguous()
        x = _along_rows(x @ self.up_columns.T.to(x.dtype), self.up_rows)
        x = _along_rows(F.leaky_relu(x, _SLOPE), self.down_rows) @ self.down_columns.T.to(x.dtype)
        return x.permute(0, 2, 1, 3).contiguous(memory_format=torch.channels_last)


def _along_rows(x: Tensor, matrix: Tensor) -> Tensor:
    """(N, H, C, W) through a matrix (H', H) along H."""
    y: Tensor = matrix.to(x.dtype) @ x.flatten(2)
    return y.unflatten(2, x.shape[2:])


class StyleAffine(nn.Module):
    """Numbers (N, outputs) that are linear in styles (N, latent_dim).

    Its weights have unit variance, as those of convolutions, so that one learning rate fits both (Karras et al., ICLR 2018).
    """

    def __init__(self, latent_dim: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, latent_dim))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, style: Tensor) -> Tensor:
        return F.linear(style.float(), self.weight * self.weight.shape[1] ** -0.5, self.bias)


class ModulatedConv(nn.Module):
    """A convolution whose inputs are weighted by a style; outputs keep unit variance (Karras et al., CVPR 2020).

    Features (N, inputs, H, W) and styles (N, latent_dim). Weighting inputs and outputs is the same as weighting the kernels of
    each item, and one convolution does for the whole batch. Without ``demodulate``, outputs are as large as the style says.
    """

    power: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, latent_dim: int, demodulate: bool) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.affine = StyleAffine(latent_dim, inputs)
        nn.init.ones_(self.affine.bias)
        self.register_buffer("power", torch.ones(()))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        if self.training:
            self.power.lerp_(x.detach().float().square().mean(), 1 - _POWER_DECAY)
        with torch.autocast(x.device.type, enabled=False):
            gains = self.affine(style)
            if self.demodulate:
                scales = (self.weight.square().sum(dim=(2, 3)) @ gains.square().T + 1e-8).rsqrt().T
            else:
                scales = torch.full((1, 1), self.weight[0].numel() ** -0.5, device=x.device)
            gains = gains * (self.power + 1e-8).rsqrt()
        y = F.conv2d(x * gains[:, :, None, None].to(x.dtype), self.weight, padding=self.weight.shape[-1] // 2)
        return y * scales[:, :, None, None].to(y.dtype)


class AliasFreeLayer(nn.Module):
    """A modulated convolution, then a filtered activation; from band to band."""

    def __init__(self, inputs: int, outputs: int, latent_dim: int, before: Band, after: Band) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, latent_dim, demodulate=True)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.activation = FilteredActivation(before, after)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        y = self.conv(x, style)
        return self.activation(y + self.bias.to(y.dtype))


class FourierInput(nn.Module):
    """Waves of frequencies up to the cutoff, turned and moved as the style says, mixed: (N, channels, *band.size).

    At first all styles leave them where they are.
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, channels: int, latent_dim: int, band: Band) -> None:
        super().__init__()
        self.band = band
        generator = torch.Generator().manual_seed(0)
        radius, angle, phase = torch.rand(3, channels, generator=generator)
        radius, angle = band.cutoff * radius.sqrt(), 2 * math.pi * angle
        frequencies = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("phases", phase)
        self.mix = nn.Parameter(torch.randn(channels, channels))
        self.affine = StyleAffine(latent_dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data[0] = 1.0

    def forward(self, style: Tensor, shift: Tensor | None = None) -> Tensor:
        """``shift`` (2,) moves what is drawn down and to the right, in units of the longer side."""
        with torch.autocast(style.device.type, enabled=False):
            turn_move = self.affine(style)
            turn = turn_move[:, :2] / turn_move[:, :2].norm(dim=1, keepdim=True).clamp_min(1e-6)
            cosine, sine = turn.unbind(1)
            rotation = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
            frequencies = self.frequencies @ rotation
            rows, columns = (
                (torch.arange(count, device=style.device) - (count - 1) / 2) / self.band.rate
                for count in self.band.size
            )
            moved = turn_move[:, 2:] if shift is None else turn_move[:, 2:] + shift
            phases = self.phases - (frequencies * moved[:, None]).sum(dim=2)
            angles = (
                frequencies[:, :, 0, None, None] * rows[:, None]
                + frequencies[:, :, 1, None, None] * columns
                + phases[:, :, None, None]
            )
            waves = torch.sin(2 * math.pi * angles)
            mix = self.mix / math.sqrt(len(self.mix))
            return math.sqrt(2) * torch.einsum("oc,nchw->nohw", mix, waves)
