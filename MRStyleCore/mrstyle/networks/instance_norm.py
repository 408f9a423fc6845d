"""Instance norm, with or without a scale and shift, that trains fast on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_SMALL = 1024
"""Pixels below which PyTorch's norm takes fifteen times as long in channels_last order as in the other (CPU, 2.13)."""

Statistics = Callable[[Tensor], "tuple[Tensor, Tensor]"]


class InstanceNorm(nn.Module):
    """Zero mean and unit variance per image and channel, without learned scale or shift.

    ``statistics`` is normally None. While an image is translated in windows, the engine sets it to a function that
    returns the mean and the variance of the whole image, because those of one window differ from window to window
    (see ``engine.statistics``).
    """

    eps = 1e-5

    def __init__(self) -> None:
        super().__init__()
        self.statistics: Statistics | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.statistics is None:
            if torch.compiler.is_compiling():
                return F.group_norm(x, x.shape[1], eps=self.eps)
            return _Norm.apply(x, None, None, self.eps)
        mean, variance = self.statistics(x)
        scale = torch.rsqrt(variance + self.eps)
        return ((x.float() - mean) * scale).to(x.dtype)


def scaled_norm(norm: InstanceNorm, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Images (B, C, H, W), normalized, times ``scale`` plus ``shift``, (B or 1, C)."""
    if norm.statistics is None:
        return _Norm.apply(x, scale, shift, norm.eps)
    return torch.addcmul(shift[:, :, None, None].to(x.dtype), norm(x), scale[:, :, None, None].to(x.dtype))


class _Norm(torch.autograd.Function):
    """Images (B, C, ...), normalized, then times ``scale`` plus ``shift``, (B or 1, C), where they are given.

    PyTorch's own gradient of a norm with a group a channel takes ten times as long in channels_last order (CPU, 2.13).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
        batch, channels = x.shape[:2]
        count = x[0, 0].numel()
        if count < _SMALL:
            x = x.contiguous()
        # The same numbers as F.instance_norm, at up to 12 times its speed on CPUs (channels_last, bfloat16).
        plain, _, inverse_sd = torch.native_group_norm(x, None, None, batch, channels, count, channels, eps)
        ctx.save_for_backward(plain, scale, inverse_sd)
        if scale is None or shift is None:
            return plain
        ctx.shift_batch = len(shift)
        return _mixed(shift, (scale, plain))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        plain, scale, inverse_sd = ctx.saved_tensors
        pixels = tuple(range(2, plain.ndim))
        of_shift = gradient.sum(pixels, dtype=torch.float32)
        of_scale = (gradient * plain).sum(pixels, dtype=torch.float32)
        factor, count = inverse_sd if scale is None else scale * inverse_sd, plain[0, 0].numel()
        of_x = _mixed(-factor * of_shift / count, (-factor * of_scale / count, plain), (factor, gradient))
        if scale is None:
            return of_x, None, None, None
        return of_x, _as_given(of_scale, len(scale)), _as_given(of_shift, ctx.shift_batch), None


def _mixed(shift: Tensor, *terms: tuple[Tensor, Tensor]) -> Tensor:
    """``shift`` and the sum of images times their factors; all but images are (B or 1, C).

    Whole rows at once: loops over no more than the channels of a pixel take five times as long.
    """
    batch, channels, *size = terms[0][1].shape

    def row(values: Tensor, image: Tensor) -> Tensor:
        return values.to(image.dtype).repeat(1, size[-1]).unsqueeze(1)

    total = row(shift, terms[0][1])
    for factor, image in terms:
        rows = image.movedim(1, -1).reshape(batch, -1, size[-1] * channels)
        total = torch.addcmul(total, rows, row(factor, image))
    return total.reshape(batch, *size, channels).movedim(-1, 1)


def _as_given(gradient: Tensor, batch: int) -> Tensor:
    return gradient if len(gradient) == batch else gradient.sum(dim=0, keepdim=True)
