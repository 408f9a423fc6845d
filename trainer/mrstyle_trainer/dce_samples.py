"""Windows of simulated dynamic series, with frames whose enhancement they shall get, and the truth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mrstyle.methods.spatiotemporal import WINDOW
from mrstyle.physics.dce_phantom import BASELINE_S, DCEPhantom, Protocol, dce_phantom

if TYPE_CHECKING:
    from .config import DCEPhantomData, Part, TissueData

_VALIDATION_SEED = 10_000
"""First person of validation; those of benchmarks begin at 20,000."""
_KEPT = 96
_OWN_STYLE = 0.4
_EARLY = 0.25
_LONGEST_WAIT_S = 60.0


def people_of(data: DCEPhantomData | TissueData, part: Part) -> list[int]:
    """Seeds of the people of one part."""
    if part == "training":
        return list(range(1, 1 + data.training_people))
    return list(range(_VALIDATION_SEED, _VALIDATION_SEED + data.validation_people))


class SimulatedSeries(Dataset):
    """Items are dicts of float32 tensors; "..." is H, W, or D, H, W for the prostate:

    - content (5, ...): neighboring frames of a person's series, with noise;
    - style (2, ...): two frames of another person's series, or of the same one: one from before the bolus, one from after;
    - target (2, ...): the middle frame of the content with the enhancement that the person has at the times of these frames,
      without noise;
    - enhanced: 1 where the middle frame of the content comes after the bolus, else 0;
    - paired, 1: the truth is known.

    Both series have one protocol. Intensities: air 0, the 99.5th percentile of the unenhanced body about 1.
    """

    def __init__(self, people: list[int], data: DCEPhantomData, seed: int, length: int) -> None:
        self.people, self.data = people, data
        self.seed, self.length = seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng([self.seed, index])
        protocol = self._protocol(generator)
        first, second = generator.choice(len(self.people), 2, replace=False)
        body = person(self.data.body, self.people[first])
        scan = body.scan(protocol, int(generator.integers(1 << 30)))
        own = generator.uniform() < _OWN_STYLE
        other = (
            scan
            if own
            else person(self.data.body, self.people[second]).scan(protocol, int(generator.integers(1 << 30)))
        )
        times_s = protocol.times_s
        late = np.flatnonzero(times_s > BASELINE_S + 4)
        middle = int(
            generator.integers(2, len(times_s) - 2)
            if generator.uniform() > _EARLY
            else generator.integers(2, max(3, late[0]))
        )
        enhanced = int(generator.choice(late))
        unenhanced = int(generator.integers(0, 1 + np.flatnonzero(times_s < BASELINE_S)[-1]))
        corner = self._corner(generator, body)
        scale = np.float32(np.exp(generator.uniform(-0.08, 0.08)))

        def cut(image: np.ndarray) -> np.ndarray:
            return _in_plane(image)[..., corner[0], corner[1]]

        reach = WINDOW // 2
        window = range(middle - reach, middle + reach + 1)
        content = [scan.noisy(t, cut(scan.clean(t))) for t in window]
        style = [other.noisy(t, cut(other.clean(t))) for t in (unenhanced, enhanced)]
        target = [cut(scan.clean(middle, scan.concentration[t])) for t in (unenhanced, enhanced)]
        return {
            "content": torch.from_numpy(scale * np.stack(content)),
            "style": torch.from_numpy(scale * np.stack(style)),
            "target": torch.from_numpy(scale * np.stack(target)),
            "enhanced": torch.tensor(float(middle >= late[0])),
            "paired": torch.tensor(1.0),
        }

    def _protocol(self, generator: np.random.Generator) -> Protocol:
        data = self.data
        interval_s = generator.uniform(*data.interval_s)
        times_s = np.arange(0, generator.uniform(*data.duration_s), interval_s, dtype=np.float64)
        # The bolus comes after one frame or after some.
        times_s += max(BASELINE_S - interval_s * generator.uniform(1, 6), -_LONGEST_WAIT_S)
        return Protocol(
            times_s,
            repetition_time_ms=generator.uniform(2.5, 8.0),
            echo_time_ms=generator.uniform(0.8, 2.5),
            flip_angle_deg=generator.uniform(8, 25),
            field_strength_t=data.field_strength_t,
            noise=generator.uniform(0.005, 0.04),
            shading=generator.uniform(0, 0.3),
            breathing_mm=generator.uniform(0, 14),
            fat_suppression=max(0.0, generator.uniform(-0.8, 0.95)),
        )

    def _corner(self, generator: np.random.Generator, body: DCEPhantom) -> tuple[slice, slice]:
        shape = _in_plane(body.texture).shape[-2:]
        starts = [
            int(generator.integers(0, max(1, n - p + 1))) for n, p in zip(shape, self.data.patch, strict=True)
        ]
        rows, columns = (slice(start, start + p) for start, p in zip(starts, self.data.patch, strict=True))
        return rows, columns


def _in_plane(image: np.ndarray) -> np.ndarray:
    """(k, j, i) to rows and columns where there is one slice, else to slices, rows and columns."""
    return np.squeeze(image) if 1 in image.shape else image


@lru_cache(maxsize=_KEPT)
def person(body: str, seed: int) -> DCEPhantom:
    """A digital body, kept, as samples come back to the same people."""
    return dce_phantom(body, seed)
