"""Run a spatio-temporal method over a series, window by window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .plan import Plan
from .slices import cut, paste
from .windows import padded


class SeriesMethod(Protocol):
    """A method that sees windows of ``window`` frames, each (N, 1, H, W), or (N, 1, D, H, W) with ``dim`` 3."""

    dim: int
    window: int
    divisor: int
    pixel_range_mm: tuple[float, float]

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """As of ``torch.nn.Module``."""
        ...

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of single frames."""
        ...

    def joined(self, codes: Tensor) -> Tensor:
        """The deepest features of a window (B, T, C, ...) to those of its middle frame."""
        ...

    def style(self, target: Tensor) -> Tensor:
        """Descriptors of frames."""
        ...

    def decode(self, code: list[Tensor], w: tuple[Tensor, str]) -> Tensor:
        """Frames of codes in a style, by the decoder of an enhancement."""
        ...


def slice_axis(shape: tuple[int, ...], spacing_kji_mm: tuple[float, float, float]) -> int:
    """The canonical axis that slices are stacked along: where there is one, or where they are thickest."""
    return shape.index(1) if 1 in shape else int(np.argmax(spacing_kji_mm))


def translate_series(
    network: SeriesMethod,
    frames: np.ndarray,
    mask: np.ndarray,
    spacing_kji_mm: tuple[float, float, float],
    style: tuple[np.ndarray, np.ndarray, tuple[float, float, float]],
    enhancement: str,
    plan: Plan,
    tell: Callable[[float], None],
) -> np.ndarray:
    """All frames in the style of one frame, (T, k, j, i), canonical, model units.

    Each window is centered on its frame; at the ends, the series is mirrored. Slices along the thickest axis go through a 2D
    network one by one, through a 3D one together. Outside of the patient no output is brighter than its frame.

    Args:
        network: the method.
        frames: (T, k, j, i), canonical, model units.
        mask: the patient (k, j, i).
        spacing_kji_mm: of the voxels.
        style: a frame (k, j, i), the patient in it, and its voxel sizes.
        enhancement: which decoder draws.
        plan: where and how.
        tell: is told the share that is done; may raise to end it.
    """
    network = network.to(plan.device)
    axis = slice_axis(mask.shape, spacing_kji_mm)
    stacks = [cut(frame, mask, spacing_kji_mm, axis, network.pixel_range_mm) for frame in frames]
    outputs = np.empty_like(frames)
    with torch.inference_mode(), plan.autocast():
        descriptor = _descriptor(network, style, plan)
        code: dict[int, list[Tensor]] = {}
        count, reach = len(frames), network.window // 2
        # Slices of a 2D network are the items of a batch, those of a 3D network one item.
        items = [_items(network, stack.images) for stack in stacks]
        for time in range(count):
            wanted = [_mirrored(time + offset, count) for offset in range(-reach, reach + 1)]
            for each in [index for index in wanted if index not in code]:
                image, size = padded(items[each].to(plan.device), network.divisor)
                code[each] = network.encode(image)
            joined = network.joined(torch.stack([code[each][-1] for each in wanted], dim=1))
            drawn = network.decode([*code[time][:-1], joined], (descriptor, enhancement))
            drawn = drawn[..., : size[0], : size[1]].float().cpu()
            output = paste(stacks[time], drawn.reshape(stacks[time].images.shape), mask.shape)
            outputs[time] = np.where(mask, output, np.minimum(output, frames[time]))
            # What no later window sees can go; mirrored ones reach no further back.
            for index in [index for index in code if index < time - reach]:
                del code[index]
            tell((time + 1) / count)
    return outputs


def _descriptor(
    network: SeriesMethod, style: tuple[np.ndarray, np.ndarray, tuple[float, float, float]], plan: Plan
) -> Tensor:
    """Of the style frame; of a 2D network, the mean over the slices in the middle half."""
    frame, mask, spacing_kji_mm = style
    stack = cut(frame, mask, spacing_kji_mm, slice_axis(mask.shape, spacing_kji_mm), network.pixel_range_mm)
    images = stack.images
    if network.dim == 2 and len(images) > 3:
        quarter = len(images) // 4
        images = images[quarter : len(images) - quarter]
    image, _ = padded(_items(network, images).to(plan.device), network.divisor)
    return network.style(image).float().mean(dim=0, keepdim=True)


def _items(network: SeriesMethod, images: Tensor) -> Tensor:
    """Slices (n, H, W) as a batch (n, 1, H, W), or as one item (1, 1, n, H, W)."""
    return images.unsqueeze(1) if network.dim == 2 else images[None, None]


def _mirrored(index: int, count: int) -> int:
    """The index of a frame of a series that is mirrored at its ends, without repeating these."""
    period = 2 * (count - 1)
    index = abs(index) % period
    return min(index, period - index)
