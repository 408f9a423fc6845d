"""Run a network over images: whole, or in windows where memory is short."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..methods.method import SliceNetwork
from .plan import Plan
from .statistics import shared
from .windows import Window, padded, windows

_HALO_PX = 64


def run_images(
    network: SliceNetwork, compute: Callable[[Tensor], Tensor], images: Tensor, plan: Plan
) -> Tensor:
    """``compute``, by ``network``, of images (B, C, H, W): (B, outputs, H, W), float32 on the CPU."""
    images, (height, width) = padded(images, network.divisor)
    if plan.window_px is None:
        output = compute(on_device(images, plan)).float().cpu()
    else:
        output = _in_windows(network, compute, images, plan, plan.window_px)
    return output[..., :height, :width]


def _in_windows(
    network: SliceNetwork, compute: Callable[[Tensor], Tensor], images: Tensor, plan: Plan, size: int
) -> Tensor:
    places = list(windows(images.shape[-2], images.shape[-1], size, _HALO_PX))
    with shared(network) as statistics:

        def run(window: Window) -> Tensor:
            return compute(on_device(images[..., window.source[0], window.source[1]], plan))

        statistics.collect(run, places)
        output: Tensor | None = None
        for window in places:
            statistics.enter(window)
            inner = run(window)[..., window.inner[0], window.inner[1]].float().cpu()
            if output is None:
                output = torch.empty(*inner.shape[:2], *images.shape[-2:])
            output[..., window.place[0], window.place[1]] = inner
    assert output is not None  # an image has at least one window
    return output


def on_device(images: Tensor, plan: Plan) -> Tensor:
    """Images where and how the network wants them."""
    return images.to(plan.device).contiguous(memory_format=torch.channels_last)
