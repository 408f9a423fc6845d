"""The cerebral hemispheres: their hull, the fissures that part them, and the folded cortex."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .fields import Array, Box, noise
from .folding import FoldPattern
from .midline import CALLOSUM, midline_core
from .shapes import beyond, ellipsoid, pair, smooth_max, smooth_min
from .subject import Subject

CEREBRUM: Box = ((-72.0, -106.0, -48.0), (72.0, 76.0, 78.0))

_TEMPORAL_LOBE = pair(ellipsoid((41, -12, -20), (20.5, 42, 19.5), pitch_deg=-10, yaw_deg=8))
# Sulci end before the deep nuclei and the ventricles.
_CENTRAL_MASS = ellipsoid((0, -8, 5), (30, 42, 19))


def tentorium(x: Array, y: Array) -> Array:
    """Height z of the sheet between occipital lobes and cerebellum: a tent, its ridge in the midline."""
    return 5 - 0.38 * np.abs(x) - 0.36 * beyond(-36 - y)


def hull(x: Array, y: Array, z: Array) -> Array:
    """Signed distance of the cerebrum's smooth envelope, fissures and sulci filled."""
    side = np.abs(x)
    taper = 1 - 0.0017 * (y + 16)  # the brain is widest behind its middle
    half_height = np.where(z > 12, 57, 45).astype(np.float32)
    qx, qy, qz = side / (62.5 * taper), (y + 15) / 80, (z - 12) / half_height
    gauge = (qx**2.3 + np.abs(qy) ** 2.3 + np.abs(qz) ** 2.3) ** (1 / 2.3) + 1e-3
    radius = np.sqrt(side**2 + (y + 15) ** 2 + (z - 12) ** 2)
    upper = radius * (1 - 1 / gauge)
    frontal = np.clip((y + 6) / 18, 0, 1)
    behind = np.clip((-24 - y) / 14, 0, 1)
    orbital_roof = 10 * np.clip(side / 40, 0, 1) ** 2 * np.clip((y - 22) / 16, 0, 1)
    floor = -15 * (1 - frontal - behind) + (-22 + orbital_roof) * frontal
    floor += tentorium(x, y) * behind
    upper = smooth_max(upper, floor - z, 6)
    temporal = smooth_max(_TEMPORAL_LOBE.distance(x, y, z), 19 - side, 5)
    temporal = smooth_max(temporal, tentorium(x, y) - 2 - z - 1.2 * beyond(y + 44), 8)
    return smooth_min(upper, temporal, 12)


def medial_distance(x: Array, y: Array, z: Array) -> Array:
    """Distance from the longitudinal fissure, which ends where the hemispheres are joined."""
    return np.sqrt(x**2 + beyond(-midline_core(y, z)) ** 2)


def envelope(x: Array, y: Array, z: Array) -> Array:
    """Signed distance of the two hemispheres: the hull, parted by the longitudinal fissure."""
    return np.maximum(hull(x, y, z), -medial_distance(x, y, z))


def sylvian_distance(x: Array, y: Array, z: Array) -> Array:
    """Distance from the lateral fissure: a stem that climbs backward, the sheet over the insula below it."""
    side = np.abs(x)
    stem_height = -8 + 0.42 * (14 - y) + 0.003 * (14 - y) ** 2 * (y < 14)
    insula_side = 37.5 - 0.006 * (y + 2) ** 2
    stem = beyond(insula_side - side) ** 2 + (0.88 * (z - stem_height)) ** 2
    stem += beyond(-44 - y) ** 2 + beyond(y - 24) ** 2
    insula = (side - insula_side) ** 2 + beyond(np.abs(z - stem_height - 3) - 12) ** 2
    insula += beyond(-27 - y) ** 2 + beyond(y - 23) ** 2
    return np.sqrt(np.minimum(stem, insula))


def paint_cerebrum(canvas: Canvas, folds: FoldPattern) -> None:
    """Cortex and white matter over the cerebrospinal fluid already there.

    The depth below the pial surface (mm, negative in fluid) is the smooth minimum of the depths below the
    hull, the fissures and the sulci, so gyral crowns come out round; gray matter is what lies within the
    cortical thickness.
    """
    subject, block = canvas.subject, canvas.block(CEREBRUM)
    x, y, z = canvas.at(block)
    below_hull = -hull(x, y, z)
    opening = 0.55 + 0.9 * subject.atrophy
    medial = medial_distance(x, y, z) - opening - 0.2
    wiggle = 2.0 * noise(subject.seed, "opercula", 11).on(canvas.grid[block])
    sylvian = (
        sylvian_distance(x + np.sign(x) * wiggle, y, z + 1.3 * wiggle) - 0.9 * opening - 0.02 * beyond(y)
    )
    below_surface = smooth_min(below_hull, medial, 4)
    sulcal = folds.sulcal_distance(canvas.grid[block], below_surface, -_CENTRAL_MASS.distance(x, y, z))
    sulcal -= _sulcus_half_width(subject, below_hull)
    depth = smooth_min(smooth_min(below_surface, sylvian, 2), sulcal, 2.5)
    thickness = subject.cortical_thickness + 0.3 * noise(subject.seed, "thickness", 20).on(canvas.grid[block])
    free = ["csf", "dura"]
    canvas.fill("gray_matter", block, depth > 0, free)
    canvas.fill("white_matter", block, depth > thickness, ["gray_matter"])
    canvas.paint("corpus_callosum", CALLOSUM, ["gray_matter", "white_matter", "csf"])


def _sulcus_half_width(subject: Subject, below_hull: Array) -> Array:
    """Sulci gape at the surface, more so with atrophy."""
    return 0.4 + 0.6 * subject.atrophy + (0.5 + 0.6 * subject.atrophy) * np.exp(-beyond(below_hull) / 5)
