"""Training samples for telling sites apart: one slice of a head as some of them take it.

Every sample is a pure function of (seed, index): a training that is resumed, or spread over processes, sees the
same data.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.physics.sites import SITES, displaced
from mrstyle.qa.sites import judged_mm
from mrstyle.volume import Volume

from .anatomies import Anatomy
from .fields import uniform
from .heads import Head, block
from .simulate import SimulationConfig
from .site_config import SitesConfig
from .site_samples import Scanner, simulated_names, taken, turned

# Were a batch few heads as all sites take them, batch norm would show it the sites as differences to the same heads.
_SITES = 3
_MARGIN = 2  # neighboring slices on each side, for blurs across slices
_NONLINEARITY = 0.012
# Greatest logarithm: scans are scaled by a percentile of their voxels, noise and edges and all, which a block cannot know.
_GAIN = 0.12
_SHIFT_MM = (-10.0, 10.0)
# A field of view that ends near the head, with nothing around it: air without noise would else mean a scanner without noise.
_FRAMED, _WIDEST_FRAME = 0.6, 0.2
_PEOPLE = 2  # of each held-out head, each scanned at all sites
_BELOW_MM, _AROUND_MM = 100.0, 12.0


class SiteSlices(Dataset):
    """The same slice as a few random sites take it, so that nothing but the site tells them apart.

    Items are dicts of tensors: content (n, S, S), float32, air near 0, the 99.5th percentile of the head about 1; source (n),
    int64, the place of the site that took it in ``sites.names``. Geometry is no part of how a site looks here: gradients move
    things by amounts that have nothing to do with the site.

    Raises:
        InputError: ``sites.names`` has a name that is no simulated site.
    """

    def __init__(
        self,
        anatomies: list[Anatomy],
        simulation: SimulationConfig,
        seed: int,
        length: int,
        sites: SitesConfig,
    ) -> None:
        self.heads = [Head(anatomy) for anatomy in anatomies]
        self.simulation, self.config = simulation, sites
        self.seed, self.length = seed, length
        self.names = simulated_names(sites)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        head = self.heads[int(uniform(generator, 0, len(self.heads)))]
        size = self.simulation.size
        lowest, highest = head.patient_mm[:, 0].min(), head.patient_mm[:, 0].max()
        height_mm = lowest + uniform(generator, *judged_mm(highest - lowest))
        middle_mm = [height_mm, uniform(generator, *_SHIFT_MM), uniform(generator, *_SHIFT_MM)]
        voxel_mm = self._voxel_mm(generator)
        sites = torch.randperm(len(self.names), generator=generator)[:_SITES]
        images = self._scanned(
            generator, head, [2 * _MARGIN + 1, size, size], middle_mm, voxel_mm, sites.tolist()
        )
        content = torch.stack([image[_MARGIN] for image in images])
        if uniform(generator, 0, 1) < _FRAMED:
            content = _framed(generator, content)
        return {"content": content, "source": sites}

    def scans(self) -> Iterator[tuple[str, Volume]]:
        """Whole scans, by site: of some people with each head, by all sites each."""
        for number in range(_PEOPLE * len(self.heads)):
            head = self.heads[number % len(self.heads)]
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 - 1 - number)
            lowest, highest = head.patient_mm.min(axis=0), head.patient_mm.max(axis=0)
            # The neck is left out, and of the rest enough seen for any turn.
            lowest[0] = max(lowest[0], -_BELOW_MM)
            voxel_mm = self._voxel_mm(generator)
            size = ((highest - lowest + 2 * _AROUND_MM) / voxel_mm).astype(int).tolist()
            middle_mm = ((highest + lowest) / 2).tolist()
            affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
            images = self._scanned(generator, head, size, middle_mm, voxel_mm, list(range(len(self.names))))
            for name, image in zip(self.names, images, strict=True):
                yield name, Volume(image.numpy(), affine, f"{name} {number}")

    def _voxel_mm(self, generator: Generator) -> float:
        return float(np.exp(uniform(generator, *np.log(self.config.voxel_mm))))

    def _scanned(
        self,
        generator: Generator,
        head: Head,
        size: list[int],
        middle_mm: list[float],
        voxel_mm: float,
        sites: list[int],
    ) -> Iterator[Tensor]:
        """A block of that many voxels of somebody with that head, as each of the sites takes it."""
        simulation = self.simulation
        person = head.person(generator, simulation.tissue_spread)
        stripped = uniform(generator, 0, 1) < simulation.stripped_probability
        lines = [
            (torch.arange(length, dtype=torch.float32) - (length - 1) / 2) * voxel_mm + middle
            for length, middle in zip(size, middle_mm, strict=True)
        ]
        points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij"))
        at_mm = turned(generator, displaced(points_mm, uniform(generator, 0, _NONLINEARITY)))
        voxels = block(generator, person, points_mm, voxel_mm, simulation, stripped=stripped, at_mm=at_mm)
        for site in sites:
            gain = float(np.exp(_GAIN * uniform(generator, -1, 1)))
            image, _ = taken(generator, person, voxels, Scanner(SITES[self.names[site]]), stripped)
            yield gain * image


def _framed(generator: Generator, images: Tensor) -> Tensor:
    """Images (n, S, S), 0 in a frame whose sides have widths of their own."""
    size = images.shape[-1]
    top, bottom, left, right = (int(size * uniform(generator, 0, _WIDEST_FRAME)) for _ in range(4))
    inside = images[:, top : size - bottom, left : size - right]
    return F.pad(inside, (left, right, top, bottom))
