"""What a network says about every voxel, as channels of a volume: the mean over the directions of its slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..methods.method import SliceNetwork
from .plan import Plan
from .prepared import Prepared
from .report import Reporter
from .slices import cut, paste, slice_axes
from .tiles import run_images

_MIRRORED_AXES = (0, 1)  # axial and coronal slices show left and right
_GAIN_JITTER = 0.03


def read_channels(
    network: SliceNetwork,
    compute: Callable[[list[Tensor]], Tensor],
    sources: Sequence[Prepared],
    plan: Plan,
    report: Reporter,
    span: tuple[float, float],
    variation: tuple[float, bool] = (1.0, False),
) -> np.ndarray:
    """Channels (C, k, j, i), canonical, float32, that ``compute`` makes of the slices of ``sources``.

    Where no slices are thick, the mean of axial, coronal and sagittal slices, which flickers less than one direction.

    Args:
        network: in whose pixel range and context slices are cut.
        compute: slices of each source, a list of (B, 2 context + 1, H, W), to channels (B, C, H, W).
        sources: volumes on one grid; slices are cut around the patient of the first.
        plan: how to run it.
        report: is told the progress.
        span: of that progress, from and to.
        variation: gain of the sources and whether slices are mirrored, for samples.

    Raises:
        Cancelled: the user asked to stop.
    """
    first = sources[0]
    gain, mirror = variation
    network = network.to(plan.device).to(memory_format=torch.channels_last)
    axes = slice_axes(first.spacing_kji_mm, first.spacing_kji_mm)
    total: np.ndarray | None = None

    def of_each_source(images: Tensor) -> Tensor:
        return compute(list(images.chunk(len(sources), dim=1)))

    with torch.inference_mode(), plan.autocast():
        for turn, axis in enumerate(axes):
            stacks = [
                cut(source.array, first.mask, first.spacing_kji_mm, axis, network.pixel_range_mm)
                for source in sources
            ]
            count = len(stacks[0].images)
            flip = mirror and axis in _MIRRORED_AXES
            parts = []
            for start in range(0, count, plan.batch):
                indices = range(start, min(start + plan.batch, count))
                slices = [stack.with_context(indices, network.context) * gain for stack in stacks]
                images = torch.cat(slices, dim=1)
                images = images.flip(-1) if flip else images
                part = run_images(network, of_each_source, images, plan)
                parts.append(part.flip(-1) if flip else part)
                share = (turn + indices.stop / count) / len(axes)
                report.at("reading the tissue", span[0] + (span[1] - span[0]) * share)
            channels = torch.cat(parts)
            if total is None:
                total = np.zeros((channels.shape[1], *first.array.shape), np.float32)
            for channel, values in zip(total, channels.unbind(1), strict=True):
                channel += paste(stacks[0], values.contiguous(), first.array.shape) / len(axes)
    assert total is not None
    return total


def variations(samples: int, seed: int) -> list[tuple[float, bool]]:
    """The plain run, or for ``samples`` of 2 or more: a random gain each, every second one mirrored."""
    if samples == 1:
        return [(1.0, False)]
    generator = torch.Generator().manual_seed(seed)
    gains = 1.0 + _GAIN_JITTER * torch.randn(samples, generator=generator)
    return [(gain, index % 2 == 1) for index, gain in enumerate(gains.tolist())]
