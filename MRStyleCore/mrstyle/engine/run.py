"""Run a method over a prepared volume: by slices, whole or in windows, or by its intensities alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from ..errors import InputError
from ..methods.method import Method, SliceMethod
from .plan import Plan
from .prepared import Prepared
from .report import Reporter
from .slices import SliceStack, cut, paste, slice_axes
from .tiles import on_device, run_images
from .tone import ToneCurve
from .windows import padded

_STYLE_SLICES = 16
_STYLE_RANGE = (0.1, 0.9)
_CONTENT_JITTER = 0.03
_MIRRORED_AXES = (0, 1)  # axial and coronal slices show left and right


def translate_values(network: Method, content: Prepared, style: Prepared) -> np.ndarray:
    """Output (canonical, model units) of a method that maps intensities and looks at no neighborhood."""
    code = network.encode(_volume_tensor(content), content.volume.acquisition)
    target = network.style(_volume_tensor(style), code)
    return network.decode(code, target)[0, 0].numpy()


def _volume_tensor(prepared: Prepared) -> Tensor:
    return torch.from_numpy(prepared.array)[None, None]


def translate_slices(
    network: SliceMethod,
    content: Prepared,
    style: Prepared,
    plan: Plan,
    samples: int,
    seed: int,
    report: Reporter,
) -> list[np.ndarray]:
    """``samples`` outputs (canonical, model units) of a 2D network.

    One style code and one normalization serve the whole volume: per-slice ones flicker from slice to slice. Where no slices
    are thick, the mean of axial, coronal and sagittal slices flickers even less. Each direction has a tone curve of its own,
    and in air no output is brighter than the content.
    """
    network = network.to(plan.device).to(memory_format=torch.channels_last)
    axes = slice_axes(content.spacing_kji_mm, style.spacing_kji_mm)
    generator = torch.Generator().manual_seed(seed)
    outputs = [np.zeros(content.array.shape, np.float32) for _ in range(samples)]
    with torch.inference_mode(), plan.autocast():
        for turn, axis in enumerate(axes):
            report.at("reading the style", 0.02 + 0.96 * turn / len(axes))
            stack = cut(content.array, content.mask, content.spacing_kji_mm, axis, network.pixel_range_mm)
            look = _Look.read(network, style, axis, plan)
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
        yield variation.undo(_translate_images(network, images, code, plan)).squeeze(1)


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


@dataclass(frozen=True)
class _Look:
    """Slices spread over the reference, oriented as the content's slices are, and their style codes."""

    stack: SliceStack
    patient: Tensor
    indices: list[int]
    codes: Tensor

    @classmethod
    def read(cls, network: SliceMethod, style: Prepared, axis: int, plan: Plan) -> _Look:
        geometry = (style.mask, style.spacing_kji_mm, axis, network.pixel_range_mm)
        stack = cut(style.array, *geometry)
        patient = cut(style.mask.astype(np.float32), *geometry).images > 0.5
        first, last = (round(share * (len(stack.images) - 1)) for share in _STYLE_RANGE)
        indices = np.unique(np.linspace(first, last, _STYLE_SLICES).round().astype(int)).tolist()
        if not patient[indices].any():
            raise InputError(
                f"The style {style.volume.name} shows next to nothing at the pixel size of this model; choose another one."
            )
        images = (stack.with_context(range(index, index + 1), network.style_context) for index in indices)
        codes = (network.style(padded(on_device(image, plan), network.divisor)[0]) for image in images)
        return cls(stack, patient, indices, torch.cat(list(codes)))

    def tone_curve(self, network: SliceMethod, code: Tensor, plan: Plan) -> ToneCurve:
        """From what the network makes of these slices in their own style to what they are."""
        made = [
            _translate_images(
                network, self.stack.with_context(range(index, index + 1), network.context), code, plan
            )[0, 0][self.patient[index]]
            for index in self.indices
        ]
        true = self.stack.images[self.indices][self.patient[self.indices]]
        return ToneCurve.between(torch.cat(made).numpy(), true.numpy())


def _translate_images(network: SliceMethod, images: Tensor, code: Tensor, plan: Plan) -> Tensor:
    """(B, C, H, W) to (B, 1, H, W), float32 on the CPU."""
    return run_images(network, lambda part: network.decode(network.encode(part), code), images, plan)
