"""Signed-distance shapes, exact or to first order, and how they blend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .fields import Array, Box

Point = tuple[float, float, float]


class Shape(NamedTuple):
    """Signed distance in mm as a function of (x, y, z), and a box that holds the inside."""

    distance: Callable[[Array, Array, Array], Array]
    box: Box


def ellipsoid(center: Point, semi_axes: Point, pitch_deg: float = 0.0, yaw_deg: float = 0.0) -> Shape:
    """First-order distance; ``pitch_deg`` lifts the front, ``yaw_deg`` turns it to the left (-x)."""
    cp, sp = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
    cy, sy = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    a, b, c = semi_axes

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, dz = x - center[0], y - center[1], z - center[2]
        if pitch_deg:
            dy, dz = cp * dy + sp * dz, cp * dz - sp * dy
        if yaw_deg:
            dx, dy = cy * dx + sy * dy, cy * dy - sy * dx
        qx, qy, qz = dx / a, dy / b, dz / c
        gauge = np.sqrt(qx * qx + qy * qy + qz * qz) + 1e-3
        slope = np.sqrt((qx / a) ** 2 + (qy / b) ** 2 + (qz / c) ** 2) + 1e-4
        result: Array = (gauge - 1) * gauge / slope
        return result

    turned = bool(pitch_deg or yaw_deg)
    reach = (max(semi_axes),) * 3 if turned else semi_axes
    return Shape(distance, _box([center], [reach]))


def tube(points: Sequence[tuple[float, float, float, float]]) -> Shape:
    """A chain of round cones through (x, y, z, radius)."""

    def distance(x: Array, y: Array, z: Array) -> Array:
        nearest: Array | None = None
        for start, end in pairwise(points):
            segment = _cone(x, y, z, start, end)
            nearest = segment if nearest is None else np.minimum(nearest, segment)
        assert nearest is not None
        return nearest

    return Shape(distance, _box([p[:3] for p in points], [(p[3],) * 3 for p in points]))


def _cone(
    x: Array,
    y: Array,
    z: Array,
    start: tuple[float, float, float, float],
    end: tuple[float, float, float, float],
) -> Array:
    ux, uy, uz = (e - s for s, e in zip(start[:3], end[:3], strict=True))
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    t = np.clip((dx * ux + dy * uy + dz * uz) / (ux * ux + uy * uy + uz * uz + 1e-6), 0, 1)
    gap = np.sqrt((dx - t * ux) ** 2 + (dy - t * uy) ** 2 + (dz - t * uz) ** 2)
    result: Array = gap - (start[3] + t * (end[3] - start[3]))
    return result


def pair(shape: Shape) -> Shape:
    """The shape given on the right (x > 0), on both sides."""
    (x0, y0, z0), (x1, y1, z1) = shape.box
    reach = max(abs(x0), abs(x1))
    return Shape(lambda x, y, z: shape.distance(np.abs(x), y, z), ((-reach, y0, z0), (reach, y1, z1)))


def union(*shapes: Shape, blend_mm: float = 0.0) -> Shape:
    """All shapes together, their seams filled over ``blend_mm``."""
    lows, highs = zip(*(shape.box for shape in shapes), strict=True)

    def distance(x: Array, y: Array, z: Array) -> Array:
        result = shapes[0].distance(x, y, z)
        for shape in shapes[1:]:
            result = smooth_min(result, shape.distance(x, y, z), blend_mm)
        return result

    low, high = tuple(map(min, zip(*lows, strict=True))), tuple(map(max, zip(*highs, strict=True)))
    return Shape(distance, (low, high))


def smooth_min(a: Array, b: Array, blend_mm: float) -> Array:
    """Polynomial smooth minimum (Quilez): up to a quarter of ``blend_mm`` lower at the seam."""
    if blend_mm <= 0:
        return np.minimum(a, b)
    overlap = np.maximum(blend_mm - np.abs(a - b), 0) / blend_mm
    result: Array = np.minimum(a, b) - overlap * overlap * (blend_mm / 4)
    return result


def smooth_max(a: Array, b: Array, blend_mm: float) -> Array:
    return -smooth_min(-a, -b, blend_mm)


def beyond(value: Array) -> Array:
    """``value`` where it is positive, else 0: the part of a distance past an edge."""
    result: Array = np.maximum(value, 0)
    return result


def _box(centers: Sequence[Sequence[float]], reaches: Sequence[Sequence[float]]) -> Box:
    centers_array, reaches_array = np.array(centers), np.array(reaches)
    low = (centers_array - reaches_array).min(0).tolist()
    high = (centers_array + reaches_array).max(0).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
