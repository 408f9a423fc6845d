"""Skull base, orbits, air spaces, mouth, jaws and the neck's spine: no likeness of anyone."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .fields import Box, noise
from .shapes import ellipsoid, pair, tube, union

_SOFT = ("muscle", "fat")
_DRY = ("muscle", "fat", "bone", "marrow", "mucosa")

_SKULL_BASE = union(
    tube([(0, 44, -30, 8.0), (0, 22, -34, 13.0), (0, 0, -36, 11.0), (0, -16, -52, 6.0)]),
    pair(tube([(16, 2, -34, 7.0), (36, -16, -40, 10.0), (52, -26, -40, 10.0)])),
    pair(tube([(30, 20, -30, 3.0), (56, 34, -18, 3.5)])),
)
_CLIVUS = tube([(0, -1, -34, 5.5), (0, -9, -45, 4.0), (0, -15, -53, 2.5)])
_MASTOID: Box = ((-64.0, -48.0, -66.0), (64.0, -10.0, -28.0))
_MASTOID_CELLS = pair(ellipsoid((51, -30, -46), (10, 13, 14)))
_PITUITARY = ellipsoid((0, 3, -21), (6, 5, 4))
_SPHENOID_SINUS = pair(ellipsoid((7, 17, -32), (6.5, 10, 8)))
_FRONTAL_SINUS = pair(ellipsoid((9, 71, -8), (8, 3.5, 10)))
_MAXILLARY_SINUS = pair(ellipsoid((30, 46, -57), (12, 16, 15)))
_NASAL_WALLS = ellipsoid((0, 52, -50), (19, 38, 26))
_NASAL_CAVITY = pair(ellipsoid((8, 52, -50), (6.5, 37, 22)))
_NOSTRILS = pair(tube([(6, 84, -52, 5.0), (7, 98, -52, 3.5)]))
_TURBINATES = pair(union(ellipsoid((9, 52, -60), (3.6, 24, 5)), ellipsoid((8.5, 48, -46), (3, 20, 4.5))))
_ETHMOID: Box = ((-13.0, 22.0, -42.0), (13.0, 66.0, -16.0))
_ETHMOID_CELLS = ellipsoid((0, 44, -29), (12.5, 21, 12))
_PHARYNX = tube([(0, 8, -50, 8.0), (0, 2, -66, 7.0), (0, 2, -90, 7.5), (0, 2, -150, 8.0)])

_ORBIT = pair(tube([(33, 59, -31, 13.8), (27, 45, -30, 13.0), (17, 26, -27, 5.0)]))
_ORBIT_WALL = pair(tube([(33, 54, -31, 16.4), (27, 45, -30, 14.8), (17, 26, -27, 6.5)]))
_GLOBE = pair(ellipsoid((33, 60, -31), (12.2, 12.4, 12.2)))
_SCLERA = pair(ellipsoid((33, 60, -31), (13.4, 13.6, 13.4)))
_LENS = pair(ellipsoid((33, 68.5, -31), (4.6, 2.2, 4.6)))
_OPTIC_NERVE = pair(
    tube([(31, 51, -31, 2.0), (25, 38, -29, 2.0), (15, 22, -24, 2.2), (3, 6, -15, 2.4), (9, -6, -12, 2.0)])
)
_EYE_MUSCLES = union(
    pair(tube([(43, 62, -31, 1.5), (34, 44, -30, 2.4), (19, 27, -27, 1.5)])),
    pair(tube([(21, 62, -31, 1.5), (19, 44, -30, 2.4), (15, 27, -27, 1.5)])),
    pair(tube([(32, 60, -18, 1.5), (26, 44, -20, 2.4), (17, 27, -25, 1.5)])),
    pair(tube([(32, 60, -44, 1.5), (26, 44, -40, 2.4), (17, 27, -29, 1.5)])),
)

_PALATE = ellipsoid((0, 50, -75), (21, 33, 3.0))
_TEETH_UPPER = tube(
    [(-25, 36, -80, 4.5), (-20, 66, -80, 4.5), (0, 80, -80, 4.0), (20, 66, -80, 4.5), (25, 36, -80, 4.5)]
)
_TONGUE = union(
    ellipsoid((0, 46, -94), (21, 30, 15), pitch_deg=8), ellipsoid((0, 34, -112), (18, 26, 20)), blend_mm=8
)
_MOUTH = ellipsoid((0, 52, -93), (26, 33, 18))
_MANDIBLE_ARCH = [
    (-45, 6, -100),
    (-36, 40, -108),
    (-22, 66, -110),
    (0, 78, -110),
    (22, 66, -110),
    (36, 40, -108),
    (45, 6, -100),
]
_RAMUS = [(45, 6, -100), (48, 0, -78), (50, -4, -52)]
_ZYGOMA = [(36, 70, -46), (54, 56, -46), (64, 34, -46), (66, 10, -46)]
_MASSETER = pair(ellipsoid((55, 16, -78), (7, 15, 28), pitch_deg=12))
_PTERYGOID = pair(ellipsoid((34, 14, -66), (9, 14, 18)))
_CHEEK_FAT = pair(ellipsoid((46, 38, -66), (9, 14, 18)))
_PAROTID = pair(ellipsoid((56, -8, -74), (10, 13, 22)))
_PARAPHARYNGEAL_FAT = pair(ellipsoid((24, 2, -72), (5, 8, 16)))
_CAROTID = pair(
    tube([(27, -4, -150, 3.0), (26, -8, -70, 2.8), (22, -6, -46, 2.6), (12, 4, -32, 2.4), (12, 6, -18, 2.2)])
)
_JUGULAR = pair(tube([(34, -14, -150, 4.5), (32, -18, -70, 4.0), (26, -24, -52, 3.6)]))

_NECK_MUSCLES = (
    pair(ellipsoid((16, -62, -100), (13, 13, 45), pitch_deg=0)),
    pair(ellipsoid((30, -52, -100), (12, 16, 45))),
    pair(ellipsoid((50, -30, -105), (9, 18, 45))),
    pair(ellipsoid((14, -22, -112), (9, 7, 40))),
)
_ATLAS = tube(
    [
        (-24, -36, -66, 4.5),
        (-14, -20, -66, 4.5),
        (0, -17, -66, 3.5),
        (14, -20, -66, 4.5),
        (24, -36, -66, 4.5),
        (12, -56, -68, 3.5),
        (0, -60, -68, 3.5),
        (-12, -56, -68, 3.5),
        (-24, -36, -66, 4.5),
    ]
)
_DENS = tube([(0, -25, -64, 4.5), (0, -24, -82, 6.0)])


def paint_face(canvas: Canvas) -> None:
    """Everything below and in front of the cranial cavity."""
    _paint_muscles(canvas)
    _paint_skull_base(canvas)
    _paint_spine(canvas)
    _paint_jaws(canvas)
    _paint_air_spaces(canvas)
    _paint_orbits(canvas)


def _paint_muscles(canvas: Canvas) -> None:
    """Fat sheaths around each muscle part it from the next."""
    for shape in _NECK_MUSCLES:
        canvas.paint("fat", shape, ("muscle",), grow_mm=0.8, ripple_mm=2.5)
        canvas.paint("muscle", shape, ("fat",), grow_mm=-0.6, ripple_mm=2.5)
    canvas.paint("fat", _CHEEK_FAT, ("muscle",), ripple_mm=3)
    canvas.paint("fat", _PARAPHARYNGEAL_FAT, ("muscle",), ripple_mm=3)
    for shape in (_MASSETER, _PTERYGOID):
        canvas.paint("fat", shape, ("muscle",), grow_mm=0.6, ripple_mm=3)
        canvas.paint("muscle", shape, ("fat",), grow_mm=-0.4, ripple_mm=3)
    canvas.paint("gland", _PAROTID, _SOFT, ripple_mm=2.5)
    canvas.paint("blood", _CAROTID, _SOFT)
    canvas.paint("blood", _JUGULAR, _SOFT)


def _paint_skull_base(canvas: Canvas) -> None:
    canvas.paint("bone", _SKULL_BASE, _SOFT)
    canvas.paint("marrow", _SKULL_BASE, ("bone",), grow_mm=-4.5)
    canvas.paint("marrow", _CLIVUS, ("bone", *_SOFT))
    block = canvas.block(_MASTOID)
    cells = noise(canvas.subject.seed, "mastoid cells", 4.5).on(canvas.grid[block]) > 0.1
    mastoid = _MASTOID_CELLS.distance(*canvas.at(block))
    canvas.fill("bone", block, mastoid < 2, _SOFT)
    canvas.fill("air", block, (mastoid < 0) & cells, ("bone", "marrow"))
    canvas.paint("gland", _PITUITARY, (*_SOFT, "bone", "marrow", "csf", "dura"))


def _paint_spine(canvas: Canvas) -> None:
    """Vertebrae around the spinal canal: atlas, dens, the bodies below, spinous processes."""
    everywhere = ("muscle", "fat", "blood")
    parts = [_ATLAS, _DENS]
    for level in range(4):
        z = -90.0 - 18 * level
        parts.append(ellipsoid((0, -24 + level, z), (13, 9.5, 9.0)))
        parts.append(
            tube(
                [
                    (11, -30, z - 2, 4.5),
                    (20, -40, z - 2, 5.0),
                    (10, -54, z - 4, 3.5),
                    (0, -62, z - 7, 4.0),
                    (0, -74, z - 10, 4.0),
                ]
            )
        )
        parts.append(
            tube(
                [(-11, -30, z - 2, 4.5), (-20, -40, z - 2, 5.0), (-10, -54, z - 4, 3.5), (0, -62, z - 7, 4.0)]
            )
        )
    for part in parts:
        canvas.paint("bone", part, everywhere, ripple_mm=0.8)
        canvas.paint("marrow", part, ("bone",), grow_mm=-1.5, ripple_mm=0.8)


def _paint_jaws(canvas: Canvas) -> None:
    canvas.paint("fat", _TONGUE, ("muscle",), grow_mm=0.8, ripple_mm=2)
    canvas.paint("muscle", _TONGUE, _SOFT, ripple_mm=2)
    stripes_block = canvas.block(_TONGUE.box)
    x, y, z = canvas.at(stripes_block)
    within = _TONGUE.distance(x, y, z)
    bundles = noise(canvas.subject.seed, "tongue fibers", 5, along_z_mm=12).on(canvas.grid[stripes_block])
    fibers = (within < -3) & (np.abs(bundles) < 0.10)
    septum = (within < -2) & (np.abs(x) < 0.7)
    canvas.fill("fat", stripes_block, fibers | septum, ("muscle",))
    arch = tube([(*point, 6.5) for point in _MANDIBLE_ARCH])
    ramus = pair(tube([(*point, 5.5) for point in _RAMUS]))
    zygoma = pair(tube([(*point, 4.0) for point in _ZYGOMA]))
    for bone, rind in ((arch, 2.2), (ramus, 2.0), (zygoma, 1.5)):
        canvas.paint("bone", bone, (*_SOFT, "gland"), ripple_mm=1)
        canvas.paint("marrow", bone, ("bone",), grow_mm=-rind, ripple_mm=1.5)
    canvas.paint("bone", _TEETH_UPPER, _SOFT)


def _paint_air_spaces(canvas: Canvas) -> None:
    """Sinuses lined with mucosa; the nasal cavity with septum and turbinates; the airway."""
    for sinus in (_SPHENOID_SINUS, _MAXILLARY_SINUS, _FRONTAL_SINUS):
        canvas.paint("bone", sinus, _DRY, grow_mm=1.8, ripple_mm=1.8)
        canvas.paint("mucosa", sinus, ("bone",), grow_mm=0.8, ripple_mm=1.8)
        canvas.paint("air", sinus, ("bone", "mucosa"), ripple_mm=1.8)
    canvas.paint("mucosa", _NASAL_WALLS, _DRY)
    canvas.paint("air", _NASAL_CAVITY, ("mucosa",), ripple_mm=1.2)
    canvas.paint("air", _NOSTRILS, (*_SOFT, "mucosa"))
    canvas.paint("mucosa", _TURBINATES, ("air",), ripple_mm=1.5)
    canvas.paint("bone", _PALATE, (*_SOFT, "mucosa", "air"))
    canvas.paint("mucosa", _PHARYNX, _SOFT, grow_mm=2.0)
    canvas.paint("air", _PHARYNX, (*_SOFT, "mucosa"))
    block = canvas.block(_ETHMOID)
    cells = np.abs(noise(canvas.subject.seed, "ethmoid cells", 6).on(canvas.grid[block])) > 0.22
    ethmoid = _ETHMOID_CELLS.distance(*canvas.at(block))
    canvas.fill("bone", block, ethmoid < 1, _DRY)
    canvas.fill("mucosa", block, ethmoid < 0, ("bone", "air"))
    canvas.fill("air", block, (ethmoid < 0) & cells, ("mucosa",))


def _paint_orbits(canvas: Canvas) -> None:
    """A bony cone of fat with the globe in front, its muscles, and the nerve to the chiasm."""
    canvas.paint("bone", _ORBIT_WALL, (*_DRY, "air"))
    canvas.paint("fat", _ORBIT, ("bone", "marrow", *_SOFT))
    canvas.paint("muscle", _EYE_MUSCLES, ("fat",))
    canvas.paint("optic_nerve", _OPTIC_NERVE, ("fat", "muscle", "bone", "marrow", "csf", "dura"))
    canvas.paint("dura", _SCLERA, ("fat", "muscle", "optic_nerve", "bone"))
    canvas.paint("vitreous", _GLOBE, ("dura", "fat", "muscle"))
    canvas.paint("lens", _LENS, ("vitreous",))
