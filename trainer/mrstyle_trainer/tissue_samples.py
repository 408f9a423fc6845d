"""Frames of digital bodies at any time of any dynamic series, with the tissue in each pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mrstyle.physics.dce_bodies import BODIES
from mrstyle.physics.dce_phantom import DCEPhantom, Protocol
from mrstyle.physics.dce_tissues import TISSUES

from .config import Part, TissueData
from .dce_samples import people_of, person

TISSUE_NAMES = tuple(TISSUES)
_TIMES_S = np.arange(0.0, 240.0, 4.0, dtype=np.float64)


def bodies_of(data: TissueData, part: Part) -> list[tuple[str, int]]:
    """Kinds of bodies and seeds of the people of one part, the kinds in turn."""
    return [(body, seed) for seed in people_of(data, part) for body in BODIES]


class TissueFrames(Dataset):
    """Items are dicts of tensors: content (1, H, W), a frame with noise, air 0, the 99.5th percentile of the unenhanced body
    about 1; target (H, W), int64, the index in `TISSUE_NAMES` of what has most of a pixel.

    Samples are of the people in turn; of the prostate, one slice.
    """

    def __init__(self, people: list[tuple[str, int]], data: TissueData, seed: int, length: int) -> None:
        self.people, self.patch = people, data.patch
        self.seed, self.length = seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng([self.seed, index])
        body = _slice_of(person(*self.people[index % len(self.people)]), generator)
        protocol = Protocol(
            _TIMES_S,
            repetition_time_ms=generator.uniform(2.5, 8.0),
            echo_time_ms=generator.uniform(0.8, 2.5),
            flip_angle_deg=generator.uniform(8, 25),
            field_strength_t=float(generator.choice([1.5, 3.0])),
            noise=generator.uniform(0.005, 0.04),
            shading=generator.uniform(0, 0.3),
            breathing_mm=0.0,  # labels stay where they are
            fat_suppression=max(0.0, generator.uniform(-0.8, 0.95)),
        )
        scan = body.scan(protocol, int(generator.integers(1 << 30)))
        time = int(generator.integers(len(_TIMES_S)))
        names = np.array([TISSUE_NAMES.index(name) for name in body.names])
        labels = np.squeeze(names[body.labels])
        corner = [
            int(generator.integers(0, max(1, size - wanted + 1)))
            for size, wanted in zip(labels.shape, self.patch, strict=True)
        ]
        cut = tuple(slice(start, start + size) for start, size in zip(corner, self.patch, strict=True))
        frame = scan.noisy(time, np.squeeze(scan.clean(time))[cut])
        return {
            "content": torch.from_numpy(frame[None]),
            "target": torch.from_numpy(labels[cut].astype(np.int64)),
        }


def _slice_of(body: DCEPhantom, generator: np.random.Generator) -> DCEPhantom:
    """One slice of a body, as a body."""
    thin = body.texture.shape.index(min(body.texture.shape))
    place = [int(generator.integers(body.texture.shape[thin]))]
    shares, texture, mobility = (
        np.take(each, place, axis)
        for each, axis in ((body.shares, 1 + thin), (body.texture, thin), (body.mobility, thin))
    )
    return replace(body, shares=shares, texture=texture, mobility=mobility)
