"""What differs between two people: one draw of every anatomical parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .fields import Array, Grid, Lattice, generator, noise

# How far tilt, size and displacement can move a structure from where the standard anatomy has it.
REACH_MM = 17.0


@dataclass(frozen=True)
class Subject:
    """Anatomical parameters of one person; lengths in mm.

    ``size`` are factors along (x, y, z), ``tilt_deg`` turns about the same axes, ``atrophy`` is 0 to 1.
    """

    seed: int
    size: tuple[float, float, float]
    tilt_deg: tuple[float, float, float]
    atrophy: float
    ventricle_factor: float
    fold_wavelength: float
    fold_depth: float
    cortical_thickness: float
    skull: float
    scalp_fat: float
    neck_fat: float


def draw_subject(seed: int) -> Subject:
    """The person of a seed."""
    rng = generator(seed, "subject")
    overall = 1 + 0.025 * rng.standard_normal()
    aspect = 0.018 * rng.standard_normal(3)
    atrophy = float(rng.beta(1.5, 3.0))
    return Subject(
        seed=seed,
        size=_triple(np.clip(overall + aspect, 0.92, 1.06)),
        tilt_deg=_triple(np.clip(rng.normal(0, (3.0, 1.8, 2.5)), -6, 6)),
        atrophy=atrophy,
        ventricle_factor=float(
            np.clip(math.exp(0.18 * rng.standard_normal() + 0.35 * (atrophy - 0.3)), 0.75, 1.5)
        ),
        fold_wavelength=float(rng.uniform(11.8, 13.2)),
        fold_depth=float(rng.uniform(18, 21)),
        cortical_thickness=float(rng.uniform(2.5, 2.75) - 0.3 * atrophy),
        skull=float(rng.uniform(4.8, 7.0)),
        scalp_fat=float(rng.uniform(2.0, 4.5)),
        neck_fat=float(rng.uniform(2, 8)),
    )


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


@dataclass(frozen=True)
class Warp:
    """Scanner position -> position in the standard anatomy: tilt, size, and a smooth random displacement."""

    subject: Subject
    displacement: tuple[Lattice, Lattice, Lattice]  # along x, y, z

    @classmethod
    def of(cls, subject: Subject) -> Warp:
        """Broad bends make people differ; small ones keep mirrored structures from being mirror images."""
        control = Grid.over(((-120.0, -138.0, -138.0), (120.0, 138.0, 111.0)), 6.0)
        axes = []
        for axis in "xyz":
            broad = noise(subject.seed, f"broad bend {axis}", 55.0).on(control)
            fine = noise(subject.seed, f"fine bend {axis}", 17.0).on(control)
            axes.append(Lattice(2.2 * broad + 0.9 * fine, control))
        return cls(subject, (axes[0], axes[1], axes[2]))

    def coordinates(self, grid: Grid) -> tuple[Array, Array, Array]:
        """Anatomical (x, y, z), each of the grid's shape."""
        position = (grid.x[None, None, :], grid.y[None, :, None], grid.z[:, None, None])
        matrix = _rotation(self.subject.tilt_deg) / np.array(self.subject.size)[:, None]
        result = []
        for row, shift in zip(matrix.astype(np.float32), self.displacement, strict=True):
            moved = shift.on(grid)
            for weight, along in zip(row, position, strict=True):
                moved += weight * along
            result.append(moved)
        return result[0], result[1], result[2]


def _rotation(tilt_deg: tuple[float, float, float]) -> np.ndarray:
    ax, ay, az = (math.radians(a) for a in tilt_deg)
    about_x = np.array([[1, 0, 0], [0, math.cos(ax), -math.sin(ax)], [0, math.sin(ax), math.cos(ax)]])
    about_y = np.array([[math.cos(ay), 0, math.sin(ay)], [0, 1, 0], [-math.sin(ay), 0, math.cos(ay)]])
    about_z = np.array([[math.cos(az), -math.sin(az), 0], [math.sin(az), math.cos(az), 0], [0, 0, 1]])
    rotation: np.ndarray = about_z @ about_y @ about_x
    return rotation
