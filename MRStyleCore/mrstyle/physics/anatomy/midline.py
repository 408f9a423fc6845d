"""Where the hemispheres are joined: corpus callosum and what it arches over, in the midsagittal plane."""

from __future__ import annotations

import numpy as np

from .fields import Array
from .shapes import Shape, ellipsoid, smooth_min, tube

# (y, z, radius) of the corpus callosum from the rostrum over genu and body to the splenium.
_ARCH = [
    (15.0, -4.0, 1.2),
    (22.0, -2.5, 2.0),
    (28.5, 4.0, 4.2),
    (26.0, 13.5, 4.0),
    (16.0, 20.5, 3.1),
    (2.0, 24.0, 2.9),
    (-13.0, 24.5, 2.8),
    (-25.0, 21.5, 2.7),
    (-34.0, 14.5, 4.0),
    (-35.0, 8.5, 4.6),
    (-31.0, 6.5, 3.2),
]
_ARCH_TUBE = tube([(0.0, *point) for point in _ARCH])
_UNDER_ARCH = ellipsoid((0, -5, 5), (500, 30, 18))
_BASE = ellipsoid((0, -8, -8), (500, 19, 14))


def _callosum_distance(x: Array, y: Array, z: Array) -> Array:
    # Its fibers turn up and outward: the sheet is followed 15 mm to either side and rises a little.
    lateral = np.abs(x)
    arch = _ARCH_TUBE.distance(np.zeros_like(y), y, z - 0.012 * lateral**2)
    return np.maximum(arch, lateral - 17)


CALLOSUM = Shape(_callosum_distance, ((-17.0, -41.0, -8.0), (17.0, 34.0, 32.0)))


def midline_core(y: Array, z: Array) -> Array:
    """Signed distance, in the midsagittal plane, of the part that the longitudinal fissure doesn't divide."""
    zero = np.zeros_like(y)
    under = smooth_min(_UNDER_ARCH.distance(zero, y, z), _BASE.distance(zero, y, z), 6)
    return np.minimum(_ARCH_TUBE.distance(zero, y, z), under)
