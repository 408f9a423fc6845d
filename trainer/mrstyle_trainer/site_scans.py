"""Training samples for harmonization from real scans: blocks of a head, and of another head of another site.

Nobody knows the truth here, and sites scan different people. That a method does not take the difference between old and young
brains for one between scanners, both heads are drawn together: the more alike in age and sex they are, the more often.

Every sample is a pure function of (seed, index), as simulated ones are.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.engine.blocks import patient_box, resized, sizes_within
from mrstyle.engine.prepared import Prepared
from mrstyle.errors import InputError
from mrstyle.volume import read_volume

from .fields import uniform
from .site_config import SitesConfig
from .site_folder import SiteScan
from .site_levels import block_gain, coarse_levels, framed

_MINIMUM_SIZE = 32
_GREATEST = 100.0
_POINTS = 4096
_AGE_SPREAD_YEARS = 5.0
_OTHER_SEX = -6.0
_UNKNOWN = -0.5
_UNMATCHED_SHARE = 0.05


@dataclass(frozen=True)
class Head:
    """A scan ready to be cut.

    Attributes:
        scan: where it is from.
        image: float16 (k, j, i), canonical, air 0, the 99.5th percentile of the patient 1, cut to the patient.
        points: int64 (n, 3), some voxels of the patient.
        coarse: float32, the same box at 4 mm.
        log_gain: of the same shape, the logarithm of the gain that levels it, see ``site_levels``.
    """

    scan: SiteScan
    image: Tensor
    points: Tensor
    coarse: Tensor
    log_gain: Tensor


class SiteScans(Dataset):
    """Unpaired blocks of scans of several sites.

    Items are those of ``SimulatedSites`` with these differences: paired is 0, truth and target are the content itself, source
    and target_site are always known and differ, the reference shows another person, and gains are estimated. Of ``config``,
    names, patch, voxel_mm and axial_share count. Voxels stay as they were scanned where their size is in the range; else they
    are resampled into it.

    Attributes:
        notes: what the user should know of the scans: which were left out, and why.
    """

    def __init__(
        self, heads: list[Head], config: SitesConfig, seed: int, length: int, notes: list[str] | None = None
    ) -> None:
        self.config, self.seed, self.length = config, seed, length
        self.notes = notes or []
        self.heads = [[head for head in heads if head.scan.site == name] for name in config.names]
        if missing := [name for name, of_site in zip(config.names, self.heads, strict=True) if not of_site]:
            raise InputError(
                f"No scan of the site {missing[0]} is usable here. {' '.join(self.notes[:1])}".strip()
            )
        # Of each head of a source (first index): how many of a target (second) are like it.
        self.content_shares = [
            [_shares(_alike(of_source, of_target).logsumexp(1)) for of_target in self.heads]
            for of_source in self.heads
        ]

    @classmethod
    def read(cls, scans: list[SiteScan], config: SitesConfig, seed: int, length: int) -> SiteScans:
        """Read the scans; those that are not usable are left out, with a note.

        Raises:
            InputError: a site has no usable scan.
        """
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            read = list(pool.map(lambda scan: _read(scan, config.voxel_mm), scans))
        heads = [each for each in read if isinstance(each, Head)]
        faults = [each for each in read if isinstance(each, str)]
        notes = (
            [f"{len(faults)} of {len(scans)} scans were left out: {' '.join(faults[:3])}"] if faults else []
        )
        return cls(heads, config, seed, length, notes)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        count = len(self.heads)
        source = int(uniform(generator, 0, count))
        target = (source + 1 + int(uniform(generator, 0, count - 1))) % count
        first, second = self.pair(generator, source, target)
        axis = self._axis(generator)
        (content, log_gain), (reference, reference_log_gain) = (
            self._cut(generator, head, axis) for head in (first, second)
        )
        item = {
            "content": content,
            "truth": content,
            "target": content,
            "reference": reference,
            "log_gain": log_gain,
            "reference_log_gain": reference_log_gain,
            "source": torch.tensor(source),
            "target_site": torch.tensor(target),
            "paired": torch.tensor(0.0),
        }
        slices, rows, _ = self.config.patch
        return item | framed(first.coarse, first.log_gain) if slices == rows else item

    def pair(self, generator: Generator, source: int, target: int) -> tuple[Head, Head]:
        """A head of each of two sites: both sides come out with the same ages and sexes, as far as there are such people."""
        contents, references = self.heads[source], self.heads[target]
        first = contents[_drawn(generator, self.content_shares[source][target])]
        second = references[_drawn(generator, _shares(_alike([first], references)[0]))]
        return first, second

    def _axis(self, generator: Generator) -> int:
        if uniform(generator, 0, 1) < self.config.axial_share:
            return 0
        return 1 + int(uniform(generator, 0, 2))

    def _cut(self, generator: Generator, head: Head, axis: int) -> tuple[Tensor, Tensor]:
        """Image and logarithm of the gain (1, D, H, W) around a point of the patient, air where there are no voxels; slabs are
        seen whole in plane.
        """
        slices, rows, columns = self.config.patch
        is_slab = slices < rows
        axis = axis if is_slab else 0
        size = [rows, columns]
        size.insert(axis, slices)
        pick = head.points[int(uniform(generator, 0, len(head.points)))].float()
        center = head.points.float().mean(dim=0)
        point = torch.lerp(center, pick, 0.3 if is_slab else uniform(generator, 0.3, 1))
        point[axis] = pick[axis] if is_slab else point[axis]
        inside, pads, starts = [], [], []
        for at, wanted, length in zip(point.tolist(), size, head.image.shape, strict=True):
            first = min(max(0, round(at) - wanted // 2), max(0, length - wanted))
            inside.append(slice(first, first + wanted))
            missing = max(0, wanted - length)
            pads.append((missing // 2, missing - missing // 2))
            starts.append(first - missing // 2)
        block = head.image[tuple(inside)].float()
        block = F.pad(block, [side for pad in reversed(pads) for side in pad])
        both = torch.stack([block, block_gain(head.log_gain, starts, size, list(head.image.shape))])
        if uniform(generator, 0, 1) < 0.5:
            both = both.flip(-1)  # left and right
        image, log_gain = both.movedim(axis + 1, 1).unsqueeze(1).contiguous()
        return image, log_gain


def _read(scan: SiteScan, voxel_mm: tuple[float, float]) -> Head | str:
    """The scan, or what is wrong with it."""
    try:
        prepared = Prepared.of(read_volume(scan.path), _MINIMUM_SIZE)
    except InputError as error:
        return str(error)
    # The same box and the same voxels as for inference.
    box = patient_box(prepared)
    voxels = [float(np.clip(spacing, *voxel_mm)) for spacing in prepared.spacing_kji_mm]
    fine = torch.from_numpy(np.ascontiguousarray(prepared.array[box]))
    size = sizes_within(fine.shape, prepared.spacing_kji_mm, voxel_mm)
    image = resized(fine, size).clip(-_GREATEST, _GREATEST)
    mask = torch.from_numpy(prepared.mask[box].copy())[None, None].float()
    points = F.interpolate(mask, size=size, mode="nearest")[0, 0].nonzero()
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    coarse, log_gain = coarse_levels(image, voxels)
    return Head(scan, image.half(), points[order[:_POINTS]].clone(), coarse, log_gain)


def _alike(heads: list[Head], others: list[Head]) -> Tensor:
    """(heads, others): how alike two people are, the logarithm of a weight; -inf for the same person."""
    ages, sexes, names = zip(*(_facts(each) for each in (heads, others)), strict=True)
    years = ages[0][:, None] - ages[1]
    weight = torch.where(years.isnan(), _UNKNOWN, -0.5 * (years / _AGE_SPREAD_YEARS).square())
    weight = torch.where(ages[0].isnan()[:, None] & ages[1].isnan(), 0.0, weight)
    sex_weight = torch.from_numpy(np.where(sexes[0][:, None] == sexes[1], 0.0, _OTHER_SEX))
    is_unknown = torch.from_numpy((sexes[0][:, None] == "") != (sexes[1] == ""))
    sex_weight = torch.where(is_unknown, _UNKNOWN, sex_weight)
    is_same = torch.from_numpy(names[0][:, None] == names[1])
    return (weight + sex_weight).masked_fill(is_same, -math.inf)


def _facts(heads: list[Head]) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Ages, NaN where not known; sexes, "" where not known; and subjects."""
    scans = [head.scan for head in heads]
    ages = torch.tensor([math.nan if scan.age is None else scan.age for scan in scans])
    return ages, np.array([scan.sex or "" for scan in scans]), np.array([scan.subject for scan in scans])


def _shares(log_weights: Tensor) -> Tensor:
    """Probabilities. A few draws are of anyone, or two sites without people alike would meet in one person each."""
    possible = torch.isfinite(log_weights).float()
    if not possible.any():
        return torch.full_like(log_weights, 1 / len(log_weights))
    shares = torch.softmax(log_weights, 0)
    return (1 - _UNMATCHED_SHARE) * shares + _UNMATCHED_SHARE * possible / possible.sum()


def _drawn(generator: Generator, shares: Tensor) -> int:
    return int(torch.multinomial(shares, 1, generator=generator))
