"""The pattern of gyri and sulci: labyrinth stripes grown on the surface of the hemispheres.

A random field is repeatedly band-passed around the gyral wavelength, saturated, and made constant along the
surface normal: stripe formation as in the Swift-Hohenberg equation (compare the Turing model of cortical
folding of Striegel & Hurdal, PLoS Comput Biol 5:e1000524, 2009). Its valleys are the sulci. The local phase
gives the distance from the nearest valley line in mm, so sulci are drawn as thin sheets at any voxel size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from .fields import Array, Box, Grid, Lattice, generator, noise
from .shapes import beyond
from .subject import REACH_MM, Subject, Warp

_STEP_MM = 3.0
_ITERATIONS = 14
_SurfaceDistance = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class FoldPattern:
    """Stripes and their gradient per radian of the wavelength, extruded along the surface normals."""

    subject: Subject
    stripes: Lattice
    gradient: tuple[Lattice, Lattice, Lattice]

    def sulcal_distance(self, grid: Grid, below_surface: Array, within_core: Array) -> Array:
        """Distance in mm from the nearest sulcal sheet; sheets end at a varying depth and before the core"""
        seed = self.subject.seed
        steep = np.sqrt(sum(part.on(grid) ** 2 for part in self.gradient))
        stripes = self.stripes.on(grid)
        phase = np.arctan2(steep, -stripes)
        across = phase * (self.subject.fold_wavelength / (2 * np.pi))
        reach = self.subject.fold_depth + 5.0 * noise(seed, "sulcal depth", 24).on(grid)
        deeper = beyond(np.maximum(below_surface - reach, within_core))
        result: Array = np.sqrt(across * across + deeper * deeper)
        return result


def grow_folds(subject: Subject, warp: Warp, box: Box, surface: _SurfaceDistance) -> FoldPattern:
    """The folds of the hemispheres inside ``box``, whose signed surface distance is ``surface(x, y, z)``."""
    (x0, y0, z0), (x1, y1, z1) = box
    m = REACH_MM
    grid = Grid.over(((x0 - m, y0 - m, z0 - m), (x1 + m, y1 + m, z1 + m)), _STEP_MM)
    distance = ndimage.gaussian_filter(surface(*warp.coordinates(grid)), 1.0)
    projection = _project(distance, subject, grid)
    band = _band_pass(grid.shape, subject.fold_wavelength)
    field = generator(subject.seed, "folds").standard_normal(grid.shape, dtype=np.float32)
    for _ in range(_ITERATIONS):
        field = fft.irfftn(fft.rfftn(field) * band, s=grid.shape)
        field = np.tanh(1.6 * field / field.std())
        field = ndimage.map_coordinates(field, projection, order=1, mode="nearest")
    field = fft.irfftn(fft.rfftn(field) * band, s=grid.shape)
    field = ndimage.map_coordinates(field, projection, order=3, mode="nearest").astype(np.float32)
    per_radian = subject.fold_wavelength / (2 * np.pi) / _STEP_MM
    gradient = np.gradient(field, per_radian)
    lattices = [Lattice(part.astype(np.float32), grid) for part in gradient]
    return FoldPattern(subject, Lattice(field, grid), (lattices[0], lattices[1], lattices[2]))


def _project(distance: Array, subject: Subject, grid: Grid) -> np.ndarray:
    """Voxel coordinates of the surface point along the normal, swerving: sulci are not straight."""
    slope = np.array(np.gradient(distance))
    slope /= np.sqrt((slope**2).sum(0)) + 1e-3
    index = np.indices(grid.shape, dtype=np.float32)
    depth = np.clip(-distance, -9, 40) / _STEP_MM
    swerve = [noise(subject.seed, f"swerve {axis}", 19).on(grid) for axis in "zyx"]
    bent = np.stack(swerve) * np.clip(depth, 0, 6) * 0.28
    return index + depth * slope + bent


def _band_pass(shape: tuple[int, int, int], wavelength_mm: float) -> Array:
    """Log-normal pass band around one cycle a wavelength."""
    kz, ky = (np.fft.fftfreq(n, _STEP_MM) for n in shape[:2])
    kx = np.fft.rfftfreq(shape[2], _STEP_MM)
    k = np.sqrt(kz[:, None, None] ** 2 + ky[None, :, None] ** 2 + kx[None, None] ** 2) + 1e-6
    band: Array = np.exp(-((np.log(k * wavelength_mm) / 0.28) ** 2) / 2).astype(np.float32)
    return band
