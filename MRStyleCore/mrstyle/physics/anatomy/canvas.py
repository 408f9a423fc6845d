"""The label map under construction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .fields import Array, Box, Grid, Lattice, noise
from .shapes import Shape
from .subject import REACH_MM, Subject, Warp

# Structure -> the tissue it is made of (a key of tissues.TISSUES); the order is the label value.
STRUCTURES: dict[str, str] = {
    "background": "background",
    "air": "background",
    "skin": "skin",
    "fat": "fat",
    "muscle": "muscle",
    "bone": "bone",
    "marrow": "marrow",
    "dura": "dura",
    "blood": "blood",
    "csf": "csf",
    "ventricle": "csf",
    "choroid_plexus": "choroid_plexus",
    "gray_matter": "gray_matter",
    "white_matter": "white_matter",
    "corpus_callosum": "white_matter",
    "deep_gray_matter": "deep_gray_matter",
    "thalamus": "thalamus",
    "pallidum": "pallidum",
    "brainstem": "brainstem",
    "cerebellar_gray_matter": "cerebellar_gray_matter",
    "cerebellar_white_matter": "cerebellar_white_matter",
    "lesion": "lesion",
    "vitreous": "vitreous",
    "lens": "lens",
    "optic_nerve": "optic_nerve",
    "gland": "gland",
    "mucosa": "mucosa",
}
LABEL: dict[str, int] = {name: value for value, name in enumerate(STRUCTURES)}

BRAIN = tuple(list(STRUCTURES)[LABEL["ventricle"] : LABEL["lesion"] + 1])
INTRACRANIAL = ("csf", *BRAIN)


@dataclass
class Canvas:
    """Labels on the image grid, and where each voxel lies in the standard anatomy."""

    subject: Subject
    warp: Warp
    grid: Grid
    labels: NDArray[np.uint8] = field(init=False)
    coordinates: tuple[Array, Array, Array] = field(init=False)
    ripple: Lattice = field(init=False)

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.grid.shape, np.uint8)
        self.coordinates = self.warp.coordinates(self.grid)
        self.ripple = noise(self.subject.seed, "ripple", 8.0)

    def block(self, box: Box) -> tuple[slice, slice, slice]:
        """The part of the image where an anatomical ``box`` can have come to lie."""
        return self.grid.slices(box, REACH_MM)

    def at(self, block: tuple[slice, slice, slice]) -> tuple[Array, Array, Array]:
        """Anatomical coordinates (x, y, z) of a block."""
        x, y, z = self.coordinates
        return x[block], y[block], z[block]

    def paint(
        self,
        name: str,
        shape: Shape,
        over: Iterable[str] | None = None,
        *,
        grow_mm: float = 0.0,
        ripple_mm: float = 0.0,
    ) -> None:
        """Give the inside of ``shape`` the label ``name`` (only ``over`` those labels).

        The shape is grown by ``grow_mm``; ``ripple_mm`` makes its surface uneven, nested shapes alike.
        """
        block = self.block(shape.box)
        distance = shape.distance(*self.at(block))
        if ripple_mm:
            distance = distance + ripple_mm * self.ripple.on(self.grid[block])
        self.fill(name, block, distance < grow_mm, over)

    def fill(
        self,
        name: str,
        block: tuple[slice, slice, slice],
        inside: NDArray[np.bool_],
        over: Iterable[str] | None = None,
    ) -> None:
        """Label the voxels ``inside`` a block (only ``over`` those labels)."""
        target = self.labels[block]
        if over is not None:
            inside = inside & np.isin(target, [LABEL[each] for each in over])
        target[inside] = LABEL[name]
