"""Run a 3D method over a prepared volume: cut to the patient, at a voxel size that the network knows, whole or in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..methods.light3d import COARSE_MM, Levels
from ..methods.method import Method
from ..targets import Sample, Site
from .plan import Plan
from .prepared import Prepared
from .report import Reporter
from .run import Variation

_MARGIN_MM = 8.0
_PASSES = 3
_HALO = 48  # more than what a voxel of the finest level depends on


class BlockMethod(Method, Protocol):
    """A method for blocks (B, 1, D, H, W) of voxels in a range of sizes, each side a multiple of ``divisor``.

    Its styles are looks, vectors of which ``table`` holds those of its ``sites``; it decodes with the levels of the source and
    the look of the target. It works on leveled images, without shading and with white matter at one level everywhere.
    """

    divisor: int
    voxel_range_mm: tuple[float, float]
    sites: tuple[str, ...]
    table: Tensor

    def levels(self, coarse: Tensor, passes: int = 1) -> Levels:
        """What a whole head at ``COARSE_MM`` tells: the gain that levels it, and the levels of its tissues."""
        ...

    def look(self, levels: Tensor) -> Tensor:
        """The look of a scanner, of the levels of tissues in its scans."""
        ...


@dataclass(frozen=True)
class Leveled:
    """The patient's box of a canonical array, leveled.

    Attributes:
        image: float32 (D, H, W), at a voxel size that the network knows.
        fine: the same box at the array's own voxel size.
        box: where it comes from.
        gain: from model units to leveled intensities, (D, H, W) of ``fine``.
        levels: of its tissues, (1, LEVELS).
    """

    image: Tensor
    fine: Tensor
    box: tuple[slice, slice, slice]
    gain: Tensor
    levels: Tensor

    @classmethod
    def of(cls, network: BlockMethod, prepared: Prepared, plan: Plan) -> Leveled:
        """The box of the patient with a margin, resampled along the axes whose voxels are too small or too large."""
        box = patient_box(prepared)
        fine = torch.from_numpy(np.ascontiguousarray(prepared.array[box], np.float32))
        spacing_kji_mm = prepared.spacing_kji_mm
        coarse = resized(fine, sizes_within(fine.shape, spacing_kji_mm, (COARSE_MM, COARSE_MM)))
        told = network.levels(_on_device(coarse[None, None], plan), _PASSES)
        gain = F.interpolate(told.log_gain.cpu(), size=fine.shape, mode="trilinear")[0, 0].exp()
        fine = fine * gain
        image = resized(fine, sizes_within(fine.shape, spacing_kji_mm, network.voxel_range_mm))
        return cls(image, fine, box, gain, told.levels)


def patient_box(prepared: Prepared) -> tuple[slice, slice, slice]:
    """The patient with a margin, in the canonical array."""
    box = []
    for axis, spacing_mm in enumerate(prepared.spacing_kji_mm):
        inside = np.flatnonzero(prepared.mask.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(_MARGIN_MM / spacing_mm)
        box.append(slice(max(0, int(inside[0]) - margin), int(inside[-1]) + 1 + margin))
    return box[0], box[1], box[2]


def sizes_within(
    shape: Sequence[int], spacing_mm: Sequence[float], range_mm: tuple[float, float]
) -> list[int]:
    """How many voxels an image has along each axis after those outside of a range are brought to its nearer end."""
    lengths = zip(shape, spacing_mm, strict=True)
    return [max(1, round(length * mm / float(np.clip(mm, *range_mm)))) for length, mm in lengths]


def translate_blocks(
    network: BlockMethod,
    content: Prepared,
    style: Prepared | Site | Sample,
    plan: Plan,
    samples: int,
    seed: int,
    report: Reporter,
) -> list[np.ndarray]:
    """``samples`` outputs (canonical, model units) of a 3D network. In air no output is brighter than the content."""
    network = network.to(plan.device)  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(seed)
    outputs = []
    with torch.inference_mode(), plan.autocast():
        report.at("reading the style", 0.02)
        styles, unit = style_codes(network, style, plan)
        report.at("leveling", 0.04)
        leveled = Leveled.of(network, content, plan)
        for sample in range(samples):
            variation = Variation.draw(generator, len(styles), sample, 0) if samples > 1 else Variation()
            part = _translated(
                network,
                variation.vary(leveled.image),
                torch.cat([leveled.levels, variation.code(styles)], dim=1),
                plan,
                lambda share, done=sample: report.at("translating", 0.05 + 0.9 * (done + share) / samples),  # type: ignore[misc]
            )
            output = np.zeros(content.array.shape, np.float32)
            # In air a network may make signal out of noise; there the content is darker and right.
            drawn = with_detail(leveled, variation.undo(part))
            patient = torch.from_numpy(content.mask[leveled.box])
            drawn = torch.where(patient, drawn, torch.minimum(drawn, leveled.fine))
            output[leveled.box] = unit * drawn.clamp_min(0).numpy()
            outputs.append(output)
    return outputs


def style_codes(network: BlockMethod, style: Prepared | Site | Sample, plan: Plan) -> tuple[Tensor, float]:
    """The look of a target (1, LOOK_SIZE), and what a leveled intensity of 1 is in the target's model units.

    A sample is a mixture of sites, or near one.

    Raises:
        InputError: the model does not know the site, or the reference is empty.
    """
    if isinstance(style, Site):
        return network.table[[known_site(network.sites, style.name)]], 1.0
    if isinstance(style, Sample):
        generator = torch.Generator().manual_seed(style.seed)
        if style.site is not None:
            row = network.table[[known_site(network.sites, style.site)]]
            spread = network.table.std(dim=0, correction=0)
            return row + 0.25 * spread * torch.randn(row.shape, generator=generator).to(row), 1.0
        # Between the sites: every mixture of scanners is a scanner that could be.
        shares = torch.distributions.Exponential(1.0).icdf(
            torch.rand(len(network.sites), generator=generator)
        )
        return (shares / shares.sum()).to(network.table)[None] @ network.table, 1.0
    leveled = Leveled.of(network, style, plan)
    tissue = leveled.fine > 0.1
    if not tissue.any():
        raise InputError(
            f"The reference {style.volume.name} shows next to nothing at the voxel size of this model; choose another one."
        )
    return network.look(leveled.levels), float(1 / leveled.gain[tissue].median())


def known_site(sites: tuple[str, ...], name: str) -> int:
    """The place of a site in a model's list.

    Raises:
        InputError: it is not there; the message lists what is.
    """
    if name not in sites:
        raise InputError(f"The model does not know the site {name!r}; choose one of {', '.join(sites)}.")
    return sites.index(name)


def _translated(
    network: BlockMethod,
    image: Tensor,
    code: Tensor,
    plan: Plan,
    report: Callable[[float], None],
) -> Tensor:
    """One image (D, H, W) in the style of that code, float32 on the CPU."""
    size = image.shape
    padding = [pad for length in reversed(size) for pad in (0, -length % network.divisor)]
    padded = F.pad(image, padding)[None, None]
    output = torch.empty(padded.shape[2:])
    places = list(_places(tuple(padded.shape[2:]), plan.window_px))
    for number, (source, inner, place) in enumerate(places):
        report(number / len(places))
        drawn = network.decode(network.encode(_on_device(padded[0, 0][source][None, None], plan)), code)
        output[place] = drawn[0, 0][inner].float().cpu()
    return output[: size[0], : size[1], : size[2]]


_Box = tuple[slice, ...]


def _places(shape: tuple[int, ...], window: int | None) -> list[tuple[_Box, _Box, _Box]]:
    """Blocks of at most ``window`` voxels a side: what they read, what of that counts, and where it goes."""
    axes = []
    for length in shape:
        step = length if window is None or length <= window else window - 2 * _HALO
        spans = []
        for start in range(0, length, step):
            stop = min(start + step, length)
            first, last = max(0, start - _HALO), min(length, stop + _HALO)
            spans.append((slice(first, last), slice(start - first, stop - first), slice(start, stop)))
        axes.append(spans)
    return [tuple(zip(*spans, strict=True)) for spans in product(*axes)]


def _on_device(block: Tensor, plan: Plan) -> Tensor:
    return block.to(plan.device).contiguous(memory_format=torch.channels_last_3d)


def resized(image: Tensor, size: list[int]) -> Tensor:
    """(D, H, W) resampled: linear, averaged first along the axes where voxels get larger."""
    if list(image.shape) == size:
        return image
    # An area average along one axis is the anti-aliased linear resampling in one dimension.
    for axis, length in enumerate(size):
        if length < image.shape[axis]:
            lines = image.movedim(axis, -1)
            flat = lines.reshape(1, 1, -1, lines.shape[-1])
            flat = F.interpolate(flat, size=(flat.shape[2], length), mode="bilinear", antialias=True)
            image = flat.reshape(*lines.shape[:-1], length).movedim(-1, axis)
    if list(image.shape) == size:
        return image.contiguous()
    return F.interpolate(image[None, None], size=size, mode="trilinear")[0, 0]


def with_detail(cut: Leveled, output: Tensor, radius: int = 2, floor: float = 1e-4) -> Tensor:
    """An output at the voxel size of the volume, with its detail, where the network saw larger or smaller voxels.

    The 3D form of ``slices.with_detail``: around each voxel the output is a linear function of the input. So voxels that are
    too large for the network are not blurred by being interpolated twice, either.
    """
    size = list(cut.fine.shape)
    if list(output.shape) == size:
        return output

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool3d(x[None, None], 2 * radius + 1, 1, radius, count_include_pad=False)[0, 0]

    guide = cut.image
    mean_guide, mean_output = mean(guide), mean(output)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * output) - mean_guide * mean_output) / (variance + floor)
    offset = mean_output - slope * mean_guide
    return resized(mean(slope), size) * cut.fine + resized(mean(offset), size)
