"""Run a method over a prepared volume: by slices, whole or in windows, or by its intensities alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from ..methods.method import Method, SliceMethod
from ..targets import Sample, Site
from .look import Look, translate_images
from .plan import Plan
from .prepared import Prepared
from .report import Reporter
from .slices import SliceStack, cut, paste, slice_axes

_CONTENT_JITTER = 0.03
_MIRRORED_AXES = (0, 1)  # axial and coronal slices show left and right


def translate_values(network: Method, content: Prepared, style: Prepared) -> np.ndarray:
    """Output (canonical, model units) of a method that maps intensities and looks at no neighborhood."""
    code = network.encode(_volume_tensor(content), content.volume.acquisition)
    target = network.style(_volume_tensor(style), code)
    return network.decode(code, target)[0, 0].numpy()


def _volume_tensor(prepared: Prepared) -> Tensor:
    return torch.from_numpy(prepared.array)[None, None]


def planes_of(content: Prepared, style: Prepared | Site | Sample, planes: str) -> tuple[int, ...]:
    """The canonical axes to cut slices along: all three, or one where slices are thick or ``planes`` is "single"."""
    reference = style if isinstance(style, Prepared) else content
    axes = slice_axes(content.spacing_kji_mm, reference.spacing_kji_mm)
    return axes if planes == "fused" else axes[:1]


def translate_slices(
    network: SliceMethod,
    content: Prepared,
    style: Prepared | Site | Sample,
    plan: Plan,
    samples: int,
    seed: int,
    report: Reporter,
    planes: str = "fused",
) -> list[np.ndarray]:
    """``samples`` outputs (canonical, model units) of a 2D network.

    One style code and one normalization serve the whole volume: per-slice ones flicker from slice to slice. Where no slices
    are thick, the mean of axial, coronal and sagittal slices flickers even less ("fused"). Of a reference, each direction has
    a tone curve of its own. In air no output is brighter than the content.
    """
    network = network.to(plan.device).to(memory_format=torch.channels_last)
    axes = planes_of(content, style, planes)
    generator = torch.Generator().manual_seed(seed)
    outputs = [np.zeros(content.array.shape, np.float32) for _ in range(samples)]
    with torch.inference_mode(), plan.autocast():
        for turn, axis in enumerate(axes):
            report.at("reading the style", 0.02 + 0.96 * turn / len(axes))
            stack = cut(content.array, content.mask, content.spacing_kji_mm, axis, network.pixel_range_mm)
            look = Look.read(network, style, axis, plan)
            for sample, output in enumerate(outputs):
                variation = (
                    Variation.draw(generator, len(look.codes), sample, axis) if samples > 1 else Variation()
                )
                code = variation.code(look.codes)
                done, step = turn + sample / samples, 1 / samples
                parts = []
                for part in _translate_stack(network, stack, code, variation, plan):
                    parts.append(part)
                    share = sum(map(len, parts)) / len(stack.images)
                    report.at("translating", 0.02 + 0.96 * (done + step * share) / len(axes))
                curve = look.tone_curve(network, code, plan)
                output += curve(paste(stack, torch.cat(parts), content.array.shape)) / len(axes)
    for output in outputs:
        # In air a network may make signal out of noise; there the content is darker and right.
        np.minimum(output, content.array, out=output, where=~content.mask)
    return outputs


def _translate_stack(
    network: SliceMethod, stack: SliceStack, code: Tensor, variation: Variation, plan: Plan
) -> Iterator[Tensor]:
    """The stack in the style of that code, some slices (n, H, W) at a time."""
    for start in range(0, len(stack.images), plan.batch):
        indices = range(start, min(start + plan.batch, len(stack.images)))
        images = variation.vary(stack.with_context(indices, network.context))
        yield variation.undo(translate_images(network, images, code, plan)).squeeze(1)


@dataclass(frozen=True)
class Variation:
    """How one sample differs from the plain output; the default does not."""

    style_slices: Tensor | None = None
    gain: float = 1.0
    mirrored: bool = False

    @classmethod
    def draw(cls, generator: Generator, slices: int, sample: int, axis: int) -> Variation:
        """Reference slices drawn with replacement, a content gain, and every second sample mirrored."""
        drawn = torch.randint(slices, (slices,), generator=generator)
        gain = 1.0 + _CONTENT_JITTER * torch.randn((), generator=generator).item()
        return cls(drawn, gain, sample % 2 == 1 and axis in _MIRRORED_AXES)

    def code(self, codes: Tensor) -> Tensor:
        """One style code from those of the reference's slices."""
        return (codes if self.style_slices is None else codes[self.style_slices]).mean(dim=0, keepdim=True)

    def vary(self, images: Tensor) -> Tensor:
        """The content as this sample sees it."""
        return (images.flip(-1) if self.mirrored else images) * self.gain

    def undo(self, output: Tensor) -> Tensor:
        """The output on the content's pixels again."""
        return output.flip(-1) if self.mirrored else output
