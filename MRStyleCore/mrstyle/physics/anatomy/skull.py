"""From the scalp inward: skin, fat, muscle, skull with tables and marrow, dura, sinuses, fluid."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .cerebrum import hull, tentorium
from .fields import Array, Grid, Lattice, noise
from .hindbrain import BRAINSTEM, cerebellar_hull
from .shapes import beyond, ellipsoid, pair, smooth_min, tube, union

_CONTROL_MM = 3.0
_FACE = union(
    ellipsoid((0, 22, -38), (67, 63, 50)),
    ellipsoid((0, 30, -78), (55, 54, 48)),
    tube([(0, 80, -12, 7.0), (0, 96, -38, 7.0), (0, 97, -46, 8.5)]),
    pair(ellipsoid((40, 62, -50), (20, 20, 18))),
    ellipsoid((0, 80, -72), (20, 9, 12)),
    ellipsoid((0, 78, -108), (20, 12, 14)),
    blend_mm=10,
)
_NECK = union(
    tube([(0, -36, -60, 54.0), (0, -34, -95, 53.0), (0, -38, -170, 60.0)]),
    ellipsoid((0, -50, -36), (64, 48, 42)),
    blend_mm=10,
)
_CISTERNS = union(
    tube([(0, -10, -14, 12.0), (0, -14, -30, 10.0), (0, -30, -50, 11.0)]),
    ellipsoid((0, -54, -54), (16, 14, 9)),
    pair(ellipsoid((20, -26, -30), (9, 8, 7))),
    pair(ellipsoid((15, -38, -3), (11, 10, 10))),
    blend_mm=6,
)
_TEMPORALIS = pair(ellipsoid((62, 20, -12), (14, 32, 40), pitch_deg=-8))
_SUPERIOR_SINUS_HALF_WIDTH = 4.5


def _cranial_cavity(canvas: Canvas, x: Array, y: Array, z: Array) -> Array:
    """Signed distance of the inside of the skull and of the spinal canal."""
    fluid = 1.5 + 1.6 * canvas.subject.atrophy
    cavity = smooth_min(hull(x, y, z) - fluid, cerebellar_hull(x, y, z) - 3.0, 14)
    cavity = smooth_min(cavity, _CISTERNS.distance(x, y, z), 6)
    return smooth_min(cavity, BRAINSTEM.distance(x, y, z) - 4.0, 5)


def paint_outer_head(canvas: Canvas) -> None:
    """All layers down to the fluid."""
    subject, grid = canvas.subject, canvas.grid
    control = Grid.over(((-120.0, -138.0, -138.0), (120.0, 138.0, 111.0)), _CONTROL_MM)
    x, y, z = canvas.warp.coordinates(control)
    cavity = _cranial_cavity(canvas, x, y, z)
    skull = _skull_thickness(canvas, control, z)
    fat = subject.scalp_fat + 1.2 * noise(subject.seed, "scalp fat", 40).on(control)
    low = np.clip((-20 - z) / 60, 0, 1) * np.clip((20 - y) / 40, 0, 1)
    temple = np.exp(-(beyond(_TEMPORALIS.distance(x, y, z)) ** 2) / 150)
    head = cavity - skull - 2.0 - beyond(fat) - 5 * temple
    bump = 1.0 * noise(subject.seed, "face", 35).on(control)
    head = smooth_min(head, _FACE.distance(x, y, z) + bump, 10)
    head = smooth_min(head, _NECK.distance(x, y, z) + bump, 18)
    depth = Lattice(-head, control).on(grid)
    outside_cavity = Lattice(cavity, control).on(grid)
    under_fat = 2.0 + beyond(Lattice(fat + subject.neck_fat * low, control).on(grid))
    _paint_soft_tissue(canvas, depth, under_fat)
    _paint_skull(canvas, outside_cavity, Lattice(skull, control).on(grid))


def _skull_thickness(canvas: Canvas, control: Grid, z: Array) -> Array:
    """Thick at the vault, thin at the temples and the base."""
    uneven = 0.9 * noise(canvas.subject.seed, "skull", 30).on(control)
    thickness: Array = canvas.subject.skull + uneven - 2.2 * np.clip((5 - z) / 30, 0, 1)
    return np.maximum(thickness, 2.4)


def _paint_soft_tissue(canvas: Canvas, depth: Array, under_fat: Array) -> None:
    """Skin, fat under it, and muscle bundles parted by fat planes further in."""
    everything = (slice(None),) * 3
    seed = canvas.subject.seed
    planes = np.abs(noise(seed, "fascia", 12, along_z_mm=30).on(canvas.grid))
    canvas.fill("muscle", everything, depth > 0)
    canvas.fill("fat", everything, (depth > 0) & ((depth < under_fat) | (planes < 0.07)))
    canvas.fill("skin", everything, (depth > 0) & (depth < 2.0))
    canvas.paint("muscle", _TEMPORALIS, ("fat",), grow_mm=-2)
    canvas.fill("fat", everything, (depth > 2.0) & (depth < np.minimum(under_fat, 5.0)), ("muscle",))


def _paint_skull(canvas: Canvas, outside: Array, thickness: Array) -> None:
    """Compact inner and outer tables around marrow, dura inside them, fluid within."""
    everything = (slice(None),) * 3
    patchy = noise(canvas.subject.seed, "diploe", 9).on(canvas.grid)
    marrow = (outside > 2.3 - 0.5 * patchy) & (outside < thickness - 1.4 + 0.4 * patchy)
    canvas.fill("bone", everything, outside < thickness, ("muscle", "fat"))
    canvas.fill("marrow", everything, marrow, ("bone",))
    canvas.fill("dura", everything, outside < 0.7)
    canvas.fill("csf", everything, outside < 0)


def paint_dura_and_sinuses(canvas: Canvas) -> None:
    """Falx, tentorium and the venous sinuses along their edges, in the fluid around the brain."""
    block = canvas.block(((-72.0, -112.0, -50.0), (72.0, 80.0, 84.0)))
    x, y, z = canvas.at(block)
    envelope = hull(x, y, z)
    falx = (np.abs(x) < 0.6) & (envelope < 4) & (z > 12) & ((z > 30) | (y < -36) | (y > 30))
    tent = (np.abs(z - tentorium(x, y) + 2.4) < 0.6) & (y < -44) & (envelope < 5)
    canvas.fill("dura", block, falx | tent, ("csf",))
    wedge = (np.abs(x) < _SUPERIOR_SINUS_HALF_WIDTH - 0.6 * beyond(-envelope)) & (envelope > -3)
    canvas.fill("blood", block, wedge & ((z > 0) | (y < -80)), ("csf", "dura"))
    rim = (x / 60) ** 2 + ((y + 15) / 78) ** 2
    transverse = (np.abs(z - tentorium(x, y) + 2) < 4) & (rim > 0.86) & (envelope > -1) & (y < -40)
    canvas.fill("blood", block, transverse, ("csf", "dura"))
