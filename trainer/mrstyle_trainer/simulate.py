"""MR scans with known truth, simulated from label maps.

Tissue maps of a head come first, down to texture and lesions; every sequence then renders the same maps, so that a
network that learns from them changes contrast and nothing else. `pairs` and `contrasts` make samples of it.

Per label there are only table look-ups; everything per pixel is a tensor operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator
from torch import Generator, Tensor

from mrstyle.acquisition import Acquisition
from mrstyle.physics.signal import signal
from mrstyle.physics.tissues import tissue_table

from .anatomies import Anatomy, LabelTable
from .fields import blur, dilate, lower_resolution, rician, smooth_field, uniform
from .sequences import FSE

Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(ge=0)]


# Tissues that look alike in every sequence, as one group each: what a network can tell apart. Group 0 gives no signal.
GROUPS = (
    ("background", "bone"),
    ("csf", "vitreous"),
    ("gray_matter", "cerebellar_gray_matter"),
    ("deep_gray_matter", "thalamus"),
    ("white_matter", "cerebellar_white_matter", "brainstem", "pallidum", "optic_nerve"),
    ("lesion",),
    ("fat", "marrow"),
    ("muscle", "skin", "mucosa", "gland"),
)
LESION_GROUP = 5
NO_GROUP = -1


class SimulationConfig(BaseModel):
    """How far simulated scans vary; spreads are standard deviations of a logarithm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(144, ge=32, description="pixels of the square slices")
    context: int = Field(1, ge=0, description="neighbor slices on each side of the content")
    axial_share: Share = Field(0.6, description="rest is half sagittal, half coronal")
    pixel_mm: tuple[PositiveFloat, PositiveFloat] = (0.7, 1.35)
    slice_step_mm: tuple[PositiveInt, PositiveInt] = (1, 5)
    thick_probability: Share = Field(0.3, description="of slices as thick as their distance")
    stripped_probability: Share = Field(0.6, description="of a content that shows only the brain")
    mixed_probability: Share = Field(
        0.15, description="of a reference that is not stripped as its content is"
    )
    lesion_probability: Share = 0.5
    tissue_spread: tuple[Spread, Spread, Spread] = Field((0.05, 0.10, 0.13), description="of PD, T1, T2")
    head_spread: Spread = Field(0.03, description="of PD, T1, T2 between the two heads of a pair")
    sequence_spread: Spread = Field(0.05, description="of a class's signal from its signal equation")
    texture: tuple[Spread, Spread] = Field((0.005, 0.04), description="least and greatest, within a class")
    noise: Spread = Field(0.05, description="greatest standard deviation, of the 99th percentile")
    bias: Spread = Field(0.3, description="greatest logarithm of the shading")
    gamma: Spread = Field(0.12, description="greatest logarithm of the exponent that deforms intensities")
    contrasts: int = Field(3, ge=2, description="of one head, for methods that take an acquisition")
    fse_share: Share = Field(
        0.35, description="of these contrasts from the training sequences of CRL's table 1"
    )
    sequences: tuple[str, ...] = Field(
        (), description="fixed contrasts by their names in that table, instead"
    )

    @model_validator(mode="after")
    def _least_comes_first(self) -> SimulationConfig:
        for name in ("pixel_mm", "slice_step_mm", "texture"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} lists the least value first, not {low:g}, {high:g}")
        return self

    @model_validator(mode="after")
    def _sequences_are_known(self) -> SimulationConfig:
        if unknown := [name for name in self.sequences if name not in FSE]:
            raise ValueError(f"unknown sequence {', '.join(unknown)}; choose from {', '.join(FSE)}")
        return self


@dataclass
class TissueMaps:
    """Neighboring slices, each field (n, H, W): PD, R1, R2 (1/ms), classes, tissue groups, what brain extraction keeps."""

    pd: Tensor
    r1: Tensor
    r2: Tensor
    classes: Tensor
    groups: Tensor
    kept: Tensor


@dataclass
class Contrast:
    """A sequence with the scanner's own deviations: one gain a class, one gamma."""

    acquisition: Acquisition
    class_gain: Tensor
    gamma: float


@dataclass
class View:
    """Neighboring slices of one person: which label map, tissues (classes, 2, 3), maps, pixel size."""

    anatomy: int
    tissues: Tensor
    stripped: bool
    maps: TissueMaps
    pixel_mm: float


class Simulator:
    """Tissue maps of random slices of the given heads, and the scans and the truths that a sequence makes of them."""

    def __init__(self, anatomies: list[Anatomy], config: SimulationConfig) -> None:
        self.anatomies = anatomies
        self.config = config
        self.counts = [np.bincount(a.classes.ravel(), minlength=len(a.table.tissues)) for a in anatomies]
        self.slices = [[_useful_slices(a, axis) for axis in range(3)] for a in anatomies]

    def tissues(self, generator: Generator, table: LabelTable, field_t: float) -> Tensor:
        """(classes, 2, 3): PD, T1, T2 of the two tissues of each class, varied as studies differ."""
        first, second = zip(*table.tissues, strict=True)
        values = torch.tensor([tissue_table(first, field_t), tissue_table(second, field_t)])
        spread = torch.tensor(self.config.tissue_spread)
        # One deviation a class and parameter, and one a parameter that all tissues share.
        deviation = torch.randn(len(first), 1, 3, generator=generator)
        deviation = deviation + 0.5 * torch.randn(3, generator=generator)
        return values.transpose(0, 1) * torch.exp(spread * deviation.clamp(-2.5, 2.5))

    def view(self, generator: Generator, anatomy: int, axis: int, tissues: Tensor, stripped: bool) -> View:
        """Some neighboring slices of one person, whose tissues vary as heads in one study differ."""
        deviation = torch.randn(len(tissues), 1, 3, generator=generator).clamp(-2, 2)
        tissues = tissues * torch.exp(self.config.head_spread * deviation)
        count = 2 * self.config.context + 1
        maps, pixel_mm = self._maps(generator, anatomy, axis, tissues, stripped, count)
        return View(anatomy, tissues, stripped, maps, pixel_mm)

    def contrast(
        self, generator: Generator, classes: int, draw: Callable[[Generator], Acquisition]
    ) -> Contrast:
        """A scanner that deviates from the signal equations, and the sequence that it runs."""
        gain = torch.exp(self.config.sequence_spread * torch.randn(classes, generator=generator).clamp(-2, 2))
        gamma = float(np.exp(self.config.gamma * uniform(generator, -1, 1)))
        return Contrast(draw(generator), gain, gamma)

    def level(self, view: View, contrast: Contrast) -> float:
        """99.5th percentile of the clean signal over the head, from the table and the counts alone."""
        table = self.anatomies[view.anatomy].table
        weight = torch.from_numpy(self.counts[view.anatomy]).double()
        weight[0] = 0
        if view.stripped:
            weight *= torch.from_numpy(table.brain + 0.5 * table.fluid)
        pd, t1_ms, t2_ms = view.tissues.unbind(-1)
        values = signal(pd, t1_ms, t2_ms, contrast.acquisition) * contrast.class_gain[:, None]
        order = values.flatten().argsort()
        cumulative = (weight[:, None] / 2).expand(-1, 2).flatten()[order].cumsum(0)
        position = int(torch.searchsorted(cumulative, 0.995 * cumulative[-1]))
        return max(values.flatten()[order][min(position, len(order) - 1)].item(), 1e-4)

    def _maps(
        self, generator: Generator, anatomy: int, axis: int, tissues: Tensor, stripped: bool, count: int
    ) -> tuple[TissueMaps, float]:
        """Tissue maps of ``count`` neighboring slices on a random grid, and its pixel size in mm."""
        config = self.config
        pixel = float(np.exp(uniform(generator, *np.log(config.pixel_mm))))
        choices = self.slices[anatomy][axis]
        center = int(choices[int(uniform(generator, 0, len(choices)))])
        step = int(uniform(generator, config.slice_step_mm[0], config.slice_step_mm[1] + 1))
        if uniform(generator, 0, 1) < 0.5:
            step = config.slice_step_mm[0]
        positions = [center + step * (slot - count // 2) for slot in range(count)]
        thick = step > 1 and uniform(generator, 0, 1) < config.thick_probability
        offsets = [-(step // 2), 0, (step + 1) // 2] if thick else [0]
        layers = [position + offset for position in positions for offset in offsets]
        labels = self._sample_labels(generator, anatomy, axis, layers, pixel)
        maps = self._tissue_maps(generator, self.anatomies[anatomy].table, labels, tissues, stripped, pixel)
        if thick:
            # Partial volume along the slice: mean of the tissue maps, classes of the middle.
            shape = (count, len(offsets), config.size, config.size)
            mean = [field.reshape(shape).mean(1) for field in (maps.pd, maps.r1, maps.r2)]
            middle = (field.reshape(shape)[:, 1] for field in (maps.classes, maps.groups, maps.kept))
            maps = TissueMaps(*mean, *middle)
        return maps, pixel

    def _sample_labels(
        self, generator: Generator, anatomy: int, axis: int, positions: list[int], pixel: float
    ) -> Tensor:
        """Classes (n, S, S) on a rotated, stretched and gently warped grid."""
        size = self.config.size
        volume = np.moveaxis(self.anatomies[anatomy].classes, axis, 0)
        angle = np.deg2rad(uniform(generator, -15, 15))
        stretch = np.exp([uniform(generator, -0.08, 0.08), uniform(generator, -0.08, 0.08)])
        extent = np.array(volume.shape[1:])
        # Around a point between the brain's center and one of its pixels, so that there is always brain in view.
        brain = np.argwhere(self.anatomies[anatomy].table.brain[volume[positions[len(positions) // 2]]])
        pick = brain[int(uniform(generator, 0, len(brain)))]
        middle = brain.mean(axis=0) + uniform(generator, 0, 0.7) * (pick - brain.mean(axis=0))
        warp = smooth_field(generator, 2, 5, size).numpy() * uniform(generator, 0, 2.5)
        offsets = (np.arange(size) - (size - 1) / 2) * pixel
        rows, columns = np.meshgrid(offsets, offsets, indexing="ij")
        if axis != 2 and uniform(generator, 0, 1) < 0.5:
            columns = -columns  # left and right are alike; front and back are not
        y = stretch[0] * (np.cos(angle) * rows - np.sin(angle) * columns) + middle[0] + warp[0]
        x = stretch[1] * (np.sin(angle) * rows + np.cos(angle) * columns) + middle[1] + warp[1]
        y, x = np.rint(y).astype(np.int32), np.rint(x).astype(np.int32)
        inside = (y >= 0) & (y < extent[0]) & (x >= 0) & (x < extent[1])
        y, x = np.where(inside, y, 0), np.where(inside, x, 0)
        ks = np.clip(positions, 0, len(volume) - 1)
        return torch.from_numpy(np.stack([np.where(inside, volume[k, y, x], 0) for k in ks])).int()

    def _tissue_maps(
        self,
        generator: Generator,
        table: LabelTable,
        labels: Tensor,
        tissues: Tensor,
        stripped: bool,
        pixel: float,
    ) -> TissueMaps:
        config = self.config
        size = config.size
        patches = torch.sigmoid(4 * (smooth_field(generator, 1, 16, size) + uniform(generator, -1, 1)))
        first, second = F.embedding(labels, tissues.flatten(1)).split(3, dim=-1)
        values = torch.lerp(first, second, patches.unsqueeze(-1))
        texture = torch.zeros(size, size, 3)
        for cells in (5, 14, size / 4):
            amplitude = uniform(generator, *config.texture) * torch.randn(3, generator=generator)
            texture += smooth_field(generator, 1, cells, size)[0].unsqueeze(-1) * amplitude
        values = values * torch.exp(texture)
        groups = _groups(table)[labels]
        if uniform(generator, 0, 1) < config.lesion_probability:
            extent = self._lesions(generator, table, labels)
            values = torch.lerp(values, _lesion_tissue(generator).expand_as(values), extent.unsqueeze(-1))
            groups = torch.where(extent > 0.3, LESION_GROUP, groups)
        keep = torch.ones_like(labels, dtype=torch.bool)
        if stripped:
            brain = torch.from_numpy(table.brain)[labels]
            rim = dilate(brain, int(uniform(generator, 2, 8) / pixel))
            keep = brain | (rim & torch.from_numpy(table.fluid)[labels])
        # Tissue changes over a fraction of a millimeter, not from one pixel to the next.
        softness = uniform(generator, 0, 0.6) / pixel
        pd, r1, r2 = (
            blur(field, softness) for field in (values[..., 0], 1 / values[..., 1], 1 / values[..., 2])
        )
        return TissueMaps(pd, r1, r2, labels, groups * keep, keep)

    def _lesions(self, generator: Generator, table: LabelTable, labels: Tensor) -> Tensor:
        """Extent (n, H, W), 0 to 1, of white-matter lesions of random size and severity."""
        white = torch.tensor([first == "white_matter" for first, _ in table.tissues])[labels]
        if not white.any():
            return torch.zeros(labels.shape)
        field = smooth_field(generator, 1, uniform(generator, 8, 28), self.config.size)
        threshold = torch.quantile(field.expand_as(white)[white], 1 - uniform(generator, 0.005, 0.06))
        return uniform(generator, 0.4, 1.0) * torch.sigmoid(8 * (field - threshold)) * white

    def _render(self, maps: TissueMaps, contrast: Contrast) -> Tensor:
        """The signal without any of the scanner's imperfections."""
        image = signal(maps.pd, 1 / maps.r1, 1 / maps.r2, contrast.acquisition)
        return image * contrast.class_gain[maps.classes]

    def truth(self, generator: Generator, view: View, contrast: Contrast, level: float) -> Tensor:
        """The middle slice without noise and shading, sharp, (1, S, S)."""
        middle = slice(self.config.context, self.config.context + 1)
        image = self._render(view.maps, contrast)[middle]
        image = blur(image, uniform(generator, 0.45, 0.6) / view.pixel_mm) / level
        return image.pow(contrast.gamma) * view.maps.kept[middle]

    def scan(self, generator: Generator, view: View, contrast: Contrast, level: float) -> Tensor:
        """The slices as a scanner gives them: point spread, shading, resolution, noise."""
        config = self.config
        pixel_mm = view.pixel_mm
        image = blur(self._render(view.maps, contrast), uniform(generator, 0.35, 0.9) / pixel_mm)
        if uniform(generator, 0, 1) < 0.3:
            factors = [1.0, 1.0]
            factors[int(uniform(generator, 0, 2))] = uniform(generator, 1, 3 / pixel_mm)
            image = lower_resolution(image, *factors)
        shading = smooth_field(generator, 1, 3, config.size) * uniform(generator, 0, config.bias / 2)
        image = image * torch.exp(shading)
        bright = torch.quantile(image.flatten()[::7], 0.99).item()
        image = rician(generator, image, bright * config.noise * uniform(generator, 0, 1) ** 2)
        return (image / level).pow(contrast.gamma) * view.maps.kept


def _lesion_tissue(generator: Generator) -> Tensor:
    """PD, T1, T2 (ms) from edema close to white matter to near fluid."""
    ranges = ((0.78, 0.95), (1100, 2300), (110, 350))
    return torch.tensor([uniform(generator, *limits) for limits in ranges])


def _groups(table: LabelTable) -> Tensor:
    """The group of each class; none where two tissues mix, or where the tissue is in no group."""
    group_of = {tissue: group for group, tissues in enumerate(GROUPS) for tissue in tissues}
    return torch.tensor(
        [group_of.get(first, NO_GROUP) if first == second else NO_GROUP for first, second in table.tissues]
    )


def _useful_slices(anatomy: Anatomy, axis: int) -> np.ndarray:
    """Slices along ``axis`` that show brain."""
    brain = anatomy.table.brain[anatomy.classes]
    counts = brain.sum(axis=tuple({0, 1, 2} - {axis}))
    return np.flatnonzero(counts > 0.05 * counts.max())
