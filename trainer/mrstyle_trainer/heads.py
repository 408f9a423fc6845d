"""Heads in three dimensions: what any scanner would show of blocks of them.

`simulate` makes slices for methods that take slices; here are blocks of voxels, for the methods and checks that need
positions in the head: shading, gradient non-linearity, sites. Per label there are only table look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mrstyle.acquisition import Acquisition
from mrstyle.physics.signal import signal
from mrstyle.physics.sites import blurred, field_of, receive_field
from mrstyle.physics.tissues import tissue_table

from .anatomies import Anatomy
from .fields import uniform
from .simulate import SimulationConfig

FIELDS_T = (1.5, 3.0)
_COARSE = 4


@dataclass(frozen=True)
class Person:
    """One head: its label map and, by field strength, PD, T1 and T2 of its tissues (classes, 2, 3)."""

    head: Head
    tissues: dict[float, Tensor]


@dataclass(frozen=True)
class Block:
    """Voxels of one person: points (3, D, H, W) in mm from the brain's center, and what is there, (D, H, W) each.

    ``maps`` are PD, R1 and R2 (1/ms) by field strength; ``kept`` is what brain extraction leaves, or all.
    """

    points_mm: Tensor
    voxel_mm: float
    maps: dict[float, tuple[Tensor, Tensor, Tensor]]
    classes: Tensor
    kept: Tensor

    def signal(self, acquisition: Acquisition, class_gain: Tensor | None = None) -> Tensor:
        """The clean signal (D, H, W); ``class_gain`` is how far a scanner deviates from its equation in each class."""
        pd, r1, r2 = self.maps[field_of(acquisition)]
        image = signal(pd, 1 / r1, 1 / r2, acquisition)
        if class_gain is not None:
            image = image * class_gain[self.classes]
        return image * self.kept


class Head:
    """A label map with all that is looked up in it more than once."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.table = anatomy.table
        self.classes = anatomy.classes
        brain = np.argwhere(anatomy.table.brain[anatomy.classes[::2, ::2, ::2]]) * 2.0
        self.center = brain.mean(axis=0)
        self.brain_mm = (brain - self.center).astype(np.float32)
        patient = np.argwhere(anatomy.classes[::_COARSE, ::_COARSE, ::_COARSE] > 0) * float(_COARSE)
        self.patient_mm = (patient - self.center).astype(np.float32)
        self.coarse_points_mm = torch.from_numpy(np.ascontiguousarray(self.patient_mm.T))
        self.coarse_classes = torch.from_numpy(anatomy.classes[tuple(patient.astype(int).T)].astype(np.int64))

    def person(self, generator: Generator, spread: tuple[float, float, float]) -> Person:
        """Somebody with this head; tissues vary between people by ``spread`` of PD, T1 and T2, alike at all fields."""
        first, second = zip(*self.table.tissues, strict=True)
        deviation = torch.randn(len(first), 1, 3, generator=generator)
        deviation = (deviation + 0.5 * torch.randn(3, generator=generator)).clamp(-2.5, 2.5)
        factor = torch.exp(torch.tensor(spread) * deviation)
        return Person(
            self,
            {
                field_t: torch.tensor(
                    [tissue_table(first, field_t), tissue_table(second, field_t)]
                ).transpose(0, 1)
                * factor
                for field_t in FIELDS_T
            },
        )

    def classes_at(self, points_mm: Tensor) -> Tensor:
        """Classes (D, H, W), int64, of the nearest voxels to points (3, D, H, W); 0 outside of the label map."""
        flat, inside = torch.zeros(points_mm.shape[1:], dtype=torch.int64), torch.ones(1, dtype=torch.bool)
        for points, middle, length in zip(points_mm, self.center.tolist(), self.classes.shape, strict=True):
            index = (points + middle).round_().long()
            inside = inside & (index >= 0) & (index < length)
            flat = flat * length + index.clamp_(0, length - 1)
        found = torch.from_numpy(self.classes.reshape(-1))[flat]
        return found.long() * inside


def level(person: Person, acquisition: Acquisition, stripped: bool, weights: Tensor | None = None) -> float:
    """99.5th percentile of a person's clean signal, under the receive field of those ``weights`` where given."""
    head = person.head
    pd, t1_ms, t2_ms = person.tissues[field_of(acquisition)].unbind(-1)
    values = signal(pd, t1_ms, t2_ms, acquisition)
    # Of the two tissues of a class every second voxel, as if they were evenly mixed.
    coin = torch.arange(len(head.coarse_classes)) % 2
    shown = values[head.coarse_classes, coin]
    if weights is not None:
        shown = shown * receive_field(head.coarse_points_mm[:, :, None, None], weights).flatten()
    if stripped:
        shown = shown[torch.from_numpy(head.table.brain)[head.coarse_classes]]
    position = max(1, round(0.995 * len(shown)))
    return max(shown.kthvalue(position).values.item(), 1e-4)


def block(
    generator: Generator,
    person: Person,
    points_mm: Tensor,
    voxel_mm: float,
    config: SimulationConfig,
    *,
    stripped: bool,
    at_mm: Tensor | None = None,
) -> Block:
    """What is at points (3, D, H, W), in mm from the brain's center.

    Args:
        generator: of texture, lesions and softness.
        person: whose head.
        points_mm: positions in the scanner, of which shading is a function.
        voxel_mm: distance between neighboring points.
        config: texture, lesion_probability.
        stripped: without what brain extraction removes.
        at_mm: positions in the label map, where they differ: turned, stretched or warped.
    """
    table = person.head.table
    classes = person.head.classes_at(points_mm if at_mm is None else at_mm)
    shape = classes.shape
    patches = torch.sigmoid(4 * (smooth_field3d(generator, shape, 6 / voxel_mm) + uniform(generator, -1, 1)))
    white = torch.tensor([first == "white_matter" for first, _ in table.tissues])
    extent = torch.zeros(())
    if uniform(generator, 0, 1) < config.lesion_probability:
        field = smooth_field3d(generator, shape, uniform(generator, 3, 9) / voxel_mm)
        extent = torch.sigmoid(8 * (field - uniform(generator, 1.8, 2.6))) * white[classes]
        extent = extent * uniform(generator, 0.4, 1.0)
    severity = uniform(generator, 0.2, 1.1)
    textures = []
    for _ in range(2):
        texture = torch.zeros(())
        for cell_mm in (3.0, 10.0, 30.0):
            amplitude = uniform(generator, *config.texture) * torch.randn((), generator=generator).item()
            texture = texture + amplitude * smooth_field3d(generator, shape, cell_mm / voxel_mm)
        textures.append(torch.exp(texture))
    keep = torch.ones(shape)
    if stripped:
        brain = torch.from_numpy(table.brain)[classes].float()
        width = 2 * max(1, round(uniform(generator, 1, 5) / voxel_mm)) + 1
        rim = F.max_pool3d(brain[None, None], width, 1, width // 2)[0, 0]
        keep = torch.maximum(brain, rim * torch.from_numpy(table.fluid)[classes])
    softness = uniform(generator, 0.3, 0.6) / voxel_mm
    keep = soft(keep, softness) > 0.5 if stripped else keep > 0
    maps = {}
    for field_t, tissues in person.tissues.items():
        rates = torch.cat([tissues[..., :1], 1 / tissues[..., 1:]], dim=-1)
        first, second = rates[:, 0], rates[:, 1]
        lesion_pd, lesion_t1_ms, lesion_t2_ms = tissue_table(["lesion"], field_t)[0]
        lesion = torch.tensor([lesion_pd, 1 / lesion_t1_ms, 1 / lesion_t2_ms])
        fields = []
        for index in range(3):
            values = torch.lerp(first[:, index][classes], second[:, index][classes], patches)
            if extent.ndim:
                values = torch.lerp(values, values + severity * (lesion[index] - values), extent)
            # PD and R1 go opposite ways in tissue, R2 follows R1.
            values = values * textures[0] if index == 0 else values / textures[1]
            fields.append(soft(values, softness))
        maps[field_t] = (fields[0], fields[1], fields[2])
    return Block(points_mm, voxel_mm, maps, classes, keep)


def soft(image: Tensor, sigma: float) -> Tensor:
    """Blur along all three axes: tissue changes over a fraction of a millimeter, not from one voxel to the next."""
    for axis in range(3):
        image = blurred(image, sigma, axis)
    return image


def smooth_field3d(generator: Generator, shape: torch.Size | tuple[int, ...], cell: float) -> Tensor:
    """A field of about unit variance that varies over about ``cell`` voxels."""
    grid = [max(2, round(size / max(cell, 1.0)) + 1) for size in shape]
    coarse = torch.randn(1, 1, *grid, generator=generator)
    return 1.6 * F.interpolate(coarse, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]
