"""A human head as implicit shapes and seeded random fields: what ``mrstyle.physics.phantom`` draws.

Millimeters everywhere, x to the right, y to the front, z up, with the origin near the anterior commissure, so
that a published brain coordinate can be typed in as it is. Distances are signed and negative inside.
"""

from __future__ import annotations

from .canvas import BRAIN, INTRACRANIAL, LABEL, STRUCTURES, Canvas
from .cerebrum import CEREBRUM, envelope, paint_cerebrum
from .deep import paint_deep_structures, paint_lesions, paint_midline_ventricles
from .face import paint_face
from .fields import Grid, noise
from .folding import grow_folds
from .hindbrain import paint_hindbrain
from .skull import paint_dura_and_sinuses, paint_outer_head
from .subject import Warp, draw_subject

__all__ = ["BRAIN", "INTRACRANIAL", "LABEL", "STRUCTURES", "Grid", "draw_head", "noise"]


def draw_head(seed: int, grid: Grid, lesions: int) -> Canvas:
    """The labels of a person on a grid, from the skin inward: each structure displaces what it lies in."""
    subject = draw_subject(seed)
    warp = Warp.of(subject)
    canvas = Canvas(subject, warp, grid)
    paint_outer_head(canvas)
    paint_face(canvas)
    paint_cerebrum(canvas, grow_folds(subject, warp, CEREBRUM, envelope))
    paint_hindbrain(canvas)
    paint_deep_structures(canvas)
    paint_midline_ventricles(canvas)
    paint_dura_and_sinuses(canvas)
    paint_lesions(canvas, lesions)
    return canvas
