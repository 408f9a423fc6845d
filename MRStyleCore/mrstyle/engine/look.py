"""The look that slices shall get: style codes of a reference's slices or of a site, and what corrects the tones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..methods.method import SliceMethod
from ..targets import Sample, Site
from .plan import Plan
from .prepared import Prepared
from .slices import SliceStack, cut
from .tiles import on_device, run_images
from .tone import ToneCurve
from .windows import padded

_STYLE_SLICES = 16
_STYLE_RANGE = (0.1, 0.9)


class SiteSliceMethod(SliceMethod, Protocol):
    """A method for slices that knows sites; it reads the style of a reference from all its slices together."""

    sites: tuple[str, ...]

    def site_styles(self, site: int) -> Tensor:
        """Style codes (n, ...) of a site, whose mean is its typical look."""
        ...

    def sampled_style(self, seed: int, site: int | None) -> Tensor:
        """A style code (1, ...) drawn at random, of a site that is drawn as well where None is given."""
        ...


@dataclass(frozen=True)
class Look:
    """Style codes, one an item, whose mean is the look, and the slices of a reference that they are from."""

    codes: Tensor
    reference: _Reference | None = None

    @classmethod
    def read(cls, network: SliceMethod, style: Prepared | Site | Sample, axis: int, plan: Plan) -> Look:
        """Of a reference's slices along ``axis``, of a site, or drawn at random.

        Raises:
            InputError: the reference shows next to nothing.
        """
        if isinstance(style, Prepared):
            reference = _Reference.of(style, axis, network.pixel_range_mm)
            return cls(reference.styles(network, plan), reference)
        of_sites = cast(SiteSliceMethod, network)
        if isinstance(style, Site):
            return cls(of_sites.site_styles(of_sites.sites.index(style.name)))
        site = None if style.site is None else of_sites.sites.index(style.site)
        return cls(of_sites.sampled_style(style.seed, site))

    def tone_curve(
        self, network: SliceMethod, code: Tensor, plan: Plan
    ) -> Callable[[np.ndarray], np.ndarray]:
        """From what the network makes of a reference in its own style to what that is; a site has no such truth."""
        if self.reference is None:
            return lambda array: array
        return self.reference.tone_curve(network, code, plan)


@dataclass(frozen=True)
class _Reference:
    """Slices spread over a reference, oriented as the content's slices are."""

    stack: SliceStack
    patient: Tensor
    indices: list[int]

    @classmethod
    def of(cls, style: Prepared, axis: int, pixel_range_mm: tuple[float, float]) -> _Reference:
        geometry = (style.mask, style.spacing_kji_mm, axis, pixel_range_mm)
        stack = cut(style.array, *geometry)
        patient = cut(style.mask.astype(np.float32), *geometry).images > 0.5
        first, last = (round(share * (len(stack.images) - 1)) for share in _STYLE_RANGE)
        indices = np.unique(np.linspace(first, last, _STYLE_SLICES).round().astype(int)).tolist()
        if not patient[indices].any():
            raise InputError(
                f"The style {style.volume.name} shows next to nothing at the pixel size of this model; choose another one."
            )
        return cls(stack, patient, indices)

    def styles(self, network: SliceMethod, plan: Plan) -> Tensor:
        """The style codes of its slices."""
        images = [
            on_device(self.stack.with_context(range(index, index + 1), network.style_context), plan)
            for index in self.indices
        ]
        if hasattr(network, "sites"):
            return network.style(torch.cat(images))
        return torch.cat([network.style(padded(image, network.divisor)[0]) for image in images])

    def tone_curve(self, network: SliceMethod, code: Tensor, plan: Plan) -> ToneCurve:
        """From what the network makes of these slices in their own style to what they are."""
        made = [
            translate_images(
                network, self.stack.with_context(range(index, index + 1), network.context), code, plan
            )[0, 0][self.patient[index]]
            for index in self.indices
        ]
        true = self.stack.images[self.indices][self.patient[self.indices]]
        return ToneCurve.between(torch.cat(made).numpy(), true.numpy())


def translate_images(network: SliceMethod, images: Tensor, code: Tensor, plan: Plan) -> Tensor:
    """Slices with their neighbors (B, C, H, W) in the style of that code, (B, 1, H, W), float32 on the CPU."""
    return run_images(network, lambda part: network.decode(network.encode(part), code), images, plan)
