"""Traveling subjects, simulated: the same head at every site, and what each scan should look like at another."""

from __future__ import annotations

import numpy as np
import torch

from mrstyle.physics.sites import SITES, displaced
from mrstyle.volume import Volume

from .anatomies import Anatomy
from .heads import Block, Head, block
from .simulate import SimulationConfig
from .site_samples import Scanner, shown, taken

_MARGIN_MM = 6


class TravelingSubject:
    """A person whom every simulated site scans at 1 mm; positions, tissues and texture are the same everywhere.

    Args:
        anatomy: the person's label map, of a head that no training saw.
        seed: of tissues, texture, shading and noise.
        simulation: how much tissues and texture vary.
    """

    def __init__(self, anatomy: Anatomy, seed: int, simulation: SimulationConfig) -> None:
        self.name, self.seed, self.simulation = anatomy.name, seed, simulation
        self.head = Head(anatomy)
        self.person = self.head.person(torch.Generator().manual_seed(seed), simulation.tissue_spread)
        lines = [
            torch.arange(-_MARGIN_MM, length + _MARGIN_MM, dtype=torch.float32) - float(middle)
            for length, middle in zip(anatomy.classes.shape, self.head.center, strict=True)
        ]
        self.points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij"))
        origin_kji = [line[0].item() for line in lines]
        self.affine = np.eye(4)
        self.affine[:3, 3] = origin_kji[::-1]

    def voxels(self, source: str) -> Block:
        """The head as the gradients of that site place it."""
        at_mm = displaced(self.points_mm, SITES[source].nonlinearity)
        generator = torch.Generator().manual_seed(self.seed)
        return block(
            generator, self.person, self.points_mm, 1.0, self.simulation, stripped=False, at_mm=at_mm
        )

    def scan(self, source: str, voxels: Block, again: int = 0) -> Volume:
        """The scan of a site; ``again``, from 1, is another one of the same day, with other noise and shading."""
        generator = torch.Generator().manual_seed(1000 * self.seed + 100 * again + list(SITES).index(source))
        image, _ = taken(generator, self.person, voxels, Scanner(SITES[source]), stripped=False)
        return self._volume(1000 * image, f"{self.name} at {source}")

    def truth(self, target: str, voxels: Block) -> Volume:
        """What a scan with these voxels should look like as of another site; white matter is 600."""
        image = shown(self.person, voxels, Scanner(SITES[target]), stripped=False)
        return self._volume(1000 * image, f"{self.name} as of {target}")

    def labels(self, voxels: Block) -> Volume:
        """The classes of the label table."""
        return self._volume(voxels.classes.float(), f"{self.name} labels")

    def _volume(self, image: torch.Tensor, name: str) -> Volume:
        return Volume(image.numpy().astype(np.float32), self.affine, name=name)
