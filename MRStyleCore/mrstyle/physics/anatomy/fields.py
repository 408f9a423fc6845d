"""Sampling grids, and smooth random fields that are the same anatomy at every voxel size."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]  # float32 in practice
Box = tuple[tuple[float, float, float], tuple[float, float, float]]  # low and high corner (x, y, z) mm

# Every random field lives on a lattice over this box: voxel size and field of view never change the subject.
WORLD: Box = ((-126.0, -144.0, -144.0), (126.0, 144.0, 117.0))


def generator(seed: int, purpose: str) -> np.random.Generator:
    """An independent stream a purpose, so that a new structure leaves all others of a seed as they were."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class Grid:
    """Positions of the voxel centers in mm along z, y and x (arrays are indexed in this order)."""

    z: Array
    y: Array
    x: Array

    @classmethod
    def centered(cls, shape: tuple[int, int, int], spacing_mm: float, center: tuple[float, ...]) -> Grid:
        """``shape`` (k, j, i) voxels around ``center`` (x, y, z) mm."""
        axes = [
            (middle + (np.arange(count) - (count - 1) / 2) * spacing_mm).astype(np.float32)
            for count, middle in zip(shape, reversed(center), strict=True)
        ]
        return cls(*axes)

    @classmethod
    def over(cls, box: Box, spacing_mm: float) -> Grid:
        """Voxels of ``spacing_mm`` from the low corner of ``box`` to its high corner."""
        axes = [
            np.arange(low, high + spacing_mm / 2, spacing_mm).astype(np.float32)
            for low, high in zip(*box, strict=True)
        ]
        return cls(*reversed(axes))

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.z), len(self.y), len(self.x)

    @property
    def spacing_mm(self) -> float:
        return float(self.z[1] - self.z[0])

    @property
    def affine(self) -> NDArray[np.float64]:
        """(i, j, k) -> RAS mm."""
        matrix = np.diag([self.spacing_mm] * 3 + [1.0])
        matrix[:3, 3] = self.x[0], self.y[0], self.z[0]
        return matrix

    def slices(self, box: Box, margin_mm: float = 0.0) -> tuple[slice, slice, slice]:
        """The index ranges that cover ``box`` and ``margin_mm`` around it."""
        (x0, y0, z0), (x1, y1, z1) = box
        ranges = zip((self.z, self.y, self.x), (z0, y0, x0), (z1, y1, x1), strict=True)
        z, y, x = (
            slice(*(int(i) for i in np.searchsorted(axis, (low - margin_mm, high + margin_mm))))
            for axis, low, high in ranges
        )
        return z, y, x

    def __getitem__(self, block: tuple[slice, slice, slice]) -> Grid:
        return Grid(self.z[block[0]], self.y[block[1]], self.x[block[2]])


@dataclass(frozen=True)
class Lattice:
    """A smooth function known on a coarse grid."""

    values: Array
    grid: Grid

    def on(self, grid: Grid) -> Array:
        """Its values on another grid, by separable cubic convolution (Keys 1981); constant outside."""
        wz, wy, wx = (
            _cubic_weights(to, known)
            for to, known in zip(
                (grid.z, grid.y, grid.x), (self.grid.z, self.grid.y, self.grid.x), strict=True
            )
        )
        along_z = np.tensordot(wz, self.values, (1, 0))
        result: Array = np.matmul(np.matmul(wy, along_z), wx.T)
        return result


def noise(seed: int, purpose: str, scale_mm: float, along_z_mm: float | None = None) -> Lattice:
    """Normal random values ``scale_mm`` apart over the world: zero mean, standard deviation about 0.8."""
    level = Grid.over(WORLD, scale_mm)
    grid = Grid(Grid.over(WORLD, along_z_mm).z, level.y, level.x) if along_z_mm else level
    values = generator(seed, purpose).standard_normal(grid.shape, dtype=np.float32)
    return Lattice(np.clip(values, -2.5, 2.5), grid)


def _cubic_weights(points: Array, known: Array) -> Array:
    """(points, known) matrix of cubic convolution weights, a = -0.5."""
    position = np.clip((points - known[0]) / (known[1] - known[0]), 0, len(known) - 1)
    distance = np.abs(position[:, None] - np.arange(-1, len(known) + 1, dtype=np.float32)[None])
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    padded = np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)
    weights = padded[:, 1:-1].copy()
    weights[:, 0] += padded[:, 0]  # the border value stands for what lies beyond it
    weights[:, -1] += padded[:, -1]
    return weights
