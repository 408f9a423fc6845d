"""Run a spatio-temporal method over a series, window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .plan import Plan
from .slices import SliceStack, cut, paste
from .windows import padded

Style = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]
"""A frame (k, j, i) whose look is taken, canonical, model units; the patient in it; its voxel sizes."""


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


def draw_frames(
    network: SeriesMethod,
    frames: np.ndarray,
    mask: np.ndarray,
    spacing_kji_mm: tuple[float, float, float],
    looks: Sequence[tuple[Style, str]],
    times: Sequence[int],
    plan: Plan,
    tell: Callable[[float], None],
) -> np.ndarray:
    """Some frames in several styles, (looks, times, k, j, i), canonical, model units.

    Each window is centered on its frame; at the ends, the series is mirrored. Only frames that a window sees go through the
    encoder, once for all looks. Slices along the thickest axis go through a 2D network one by one, through a 3D one together.
    Outside of the patient no output is brighter than its frame.

    Args:
        network: the method.
        frames: (T, k, j, i), canonical, model units.
        mask: the patient (k, j, i).
        spacing_kji_mm: of the voxels.
        looks: styles, each with the enhancement whose decoder draws.
        times: the frames that are drawn, rising.
        plan: where and how.
        tell: is told the share that is done; may raise to end it.
    """
    network = network.to(plan.device)
    axis = slice_axis(mask.shape, spacing_kji_mm)
    outputs = np.empty((len(looks), len(times), *mask.shape), np.float32)

    def read(time: int) -> tuple[SliceStack, list[Tensor]]:
        stack = cut(frames[time], mask, spacing_kji_mm, axis, network.pixel_range_mm)
        image, _ = padded(_items(network, stack.images).to(plan.device), network.divisor)
        return stack, network.encode(image)

    with torch.inference_mode(), plan.autocast():
        styles = [(_descriptor(network, style, plan), enhancement) for style, enhancement in looks]
        known: dict[int, tuple[SliceStack, list[Tensor]]] = {}
        reach = network.window // 2
        for step, time in enumerate(times):
            wanted = [_mirrored(time + offset, len(frames)) for offset in range(-reach, reach + 1)]
            known |= {each: read(each) for each in dict.fromkeys(wanted) if each not in known}
            joined = network.joined(torch.stack([known[each][1][-1] for each in wanted], dim=1))
            stack, code = known[time]
            for look, style in enumerate(styles):
                drawn = network.decode([*code[:-1], joined], style)
                rows, columns = stack.images.shape[1:]
                drawn = drawn[..., :rows, :columns].float().cpu()
                output = paste(stack, drawn.reshape(stack.images.shape), mask.shape)
                outputs[look, step] = np.where(mask, output, np.minimum(output, frames[time]))
                tell((step + (look + 1) / len(looks)) / len(times))
            # What no later window sees can go; mirrored ones reach no further back.
            for index in [index for index in known if index < time - reach]:
                del known[index]
    return outputs


def _descriptor(network: SeriesMethod, style: Style, plan: Plan) -> Tensor:
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
    """Slices (n, H, W) as the items of a batch (n, 1, H, W) for a 2D network, for a 3D one as one item (1, 1, n, H, W)."""
    return images.unsqueeze(1) if network.dim == 2 else images[None, None]


def _mirrored(index: int, count: int) -> int:
    """The index of a frame of a series that is mirrored at its ends, without repeating these."""
    period = 2 * (count - 1)
    index = abs(index) % period
    return min(index, period - index)
