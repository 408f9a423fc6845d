"""Brainstem and cerebellum."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .cerebrum import tentorium
from .fields import Array, Box, noise
from .shapes import beyond, ellipsoid, pair, smooth_max, smooth_min, tube, union

CEREBELLUM: Box = ((-58.0, -96.0, -66.0), (58.0, -36.0, 4.0))

_HEMISPHERES = pair(ellipsoid((24, -58, -35), (30, 26, 21.5), pitch_deg=-12))
_VERMIS = ellipsoid((0, -62, -31), (15, 22, 22))
_ANTERIOR_LOBE = pair(ellipsoid((20, -44, -27), (19, 14, 15)))
_CORE = union(pair(ellipsoid((17, -52, -35), (11, 8, 6.5))), ellipsoid((0, -53, -31), (12, 6, 7)), blend_mm=5)
_PEDUNCLES = pair(tube([(9, -30, -31, 8.0), (17, -44, -34, 7.0), (22, -56, -36, 4.0)]))

BRAINSTEM = union(
    ellipsoid((0, -25, -29), (18, 12.5, 14)),
    tube(
        [(0, -34, -34, 11.0), (0, -40, -54, 8.0), (0, -44, -66, 6.2), (0, -46, -84, 5.6), (0, -42, -150, 6.0)]
    ),
    tube([(0, -31, -20, 10.5), (0, -25, -8, 9.5), (0, -20, 0, 6.0)]),
    pair(tube([(8, -24, -14, 6.5), (14, -17, -5, 5.5), (17, -13, 2, 4.0)])),
    pair(ellipsoid((5.5, -37, -6), (5, 4, 4.5))),
    pair(ellipsoid((5.5, -38.5, -15), (4.5, 3.5, 4))),
    blend_mm=4,
)


def cerebellar_hull(x: Array, y: Array, z: Array) -> Array:
    """Signed distance of the cerebellum's smooth envelope, under the tentorium."""
    both = smooth_min(_HEMISPHERES.distance(x, y, z), _VERMIS.distance(x, y, z), 7)
    both = smooth_min(both, _ANTERIOR_LOBE.distance(x, y, z), 7)
    return smooth_max(both, z - tentorium(x, y) + 3.6, 4)


def paint_hindbrain(canvas: Canvas) -> None:
    """Cerebellum, peduncles and brainstem with the upper spinal cord."""
    _paint_cerebellum(canvas)
    canvas.paint("cerebellar_white_matter", _PEDUNCLES)
    canvas.paint("brainstem", BRAINSTEM)


def _paint_cerebellum(canvas: Canvas) -> None:
    """Cortex on two generations of fissures that fan out from the white core: lobules, and folia on them.

    Their sheets run from side to side, bent forward laterally: a tree in sagittal planes, arcs in axial ones.
    """
    block, seed = canvas.block(CEREBELLUM), canvas.subject.seed
    x, y, z = canvas.at(block)
    grid = canvas.grid[block]
    below_hull = -cerebellar_hull(x, y, z)
    swept = y - 0.009 * x**2
    up, back = z + 42, -(swept + 42)
    angle = np.arctan2(up, back) + 0.012 * np.abs(x)
    angle += 0.09 * noise(seed, "lobules", 14).on(grid) + 0.06 * noise(seed, "folia", 7).on(grid)
    radius = np.sqrt(up**2 + back**2)
    core = beyond(-_CORE.distance(x, y, z))
    lobules = _fissure(angle, 0.42, radius, np.maximum(below_hull - 15, np.maximum(core, 10 - radius)))
    folia = _fissure(angle + 0.06, 0.15, radius, np.maximum(below_hull - 5, np.maximum(core, 22 - radius)))
    depth = smooth_min(below_hull, np.minimum(lobules - 0.45, folia - 0.45), 1.5)
    white = depth - 1.6
    canvas.fill("cerebellar_gray_matter", block, depth > 0, ["csf", "dura"])
    canvas.fill("cerebellar_white_matter", block, white > 0, ["cerebellar_gray_matter"])
    canvas.paint("cerebellar_white_matter", _CORE, ["cerebellar_gray_matter", "csf"])


def _fissure(angle: Array, period: float, radius: Array, past_end: Array) -> Array:
    """Distance from the nearest of the fissures ``period`` radians apart."""
    turns = angle / period
    across = np.abs(turns - np.round(turns)) * period * radius
    result: Array = np.sqrt(across**2 + beyond(past_end) ** 2)
    return result
