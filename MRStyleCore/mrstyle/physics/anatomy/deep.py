"""Ventricles, basal ganglia, thalamus, hippocampus and lesions: what lies inside the hemispheres."""

from __future__ import annotations

from .canvas import Canvas
from .fields import generator
from .shapes import Shape, ellipsoid, pair, tube, union

_CAUDATE = pair(
    union(
        ellipsoid((14, 15, 5), (6.0, 10.0, 9.5), pitch_deg=-20),
        tube([(14.5, 10, 11, 5.0), (16, -4, 17.5, 3.6), (19, -18, 18.0, 2.6), (24, -31, 13, 1.8)]),
        blend_mm=3,
    )
)
_PUTAMEN = pair(ellipsoid((25.5, 3, 2), (6.2, 17, 11.5), pitch_deg=8, yaw_deg=-12))
_PALLIDUM = pair(ellipsoid((19, -3, -0.5), (4.6, 9.5, 7.0), pitch_deg=8, yaw_deg=-22))
_CLAUSTRUM = pair(ellipsoid((33.2, 0, 2), (0.9, 16, 11), yaw_deg=-3))
_THALAMUS = pair(
    union(
        ellipsoid((10, -16, 8), (8.0, 13.0, 9.0), yaw_deg=-25), ellipsoid((14, -27, 7), (7, 6, 6)), blend_mm=4
    )
)
_HIPPOCAMPUS = pair(
    tube([(20, -8, -19, 6.0), (25, -18, -16, 5.0), (28, -29, -9, 4.0), (25, -38, 0, 3.0), (15, -41, 6, 1.8)])
)
_AMYGDALA = pair(ellipsoid((21, -3, -17), (7, 7.5, 7.5)))
_HYPOTHALAMUS = ellipsoid((0, -5, -7), (8, 11, 7))
_SEPTUM = ellipsoid((0, 8, 12), (0.9, 17, 11))
_THIRD = union(ellipsoid((0, -10, 0), (1.7, 15, 9)), tube([(0, -24, 4, 1.4), (0, -30, 1, 1.3)]), blend_mm=2)
_FOURTH = union(
    ellipsoid((0, -45, -33), (8, 4.5, 9)),
    tube([(0, -29, 1, 1.2), (0, -36, -13, 1.3), (0, -42, -26, 2.4), (0, -45, -44, 2.6), (0, -46, -52, 1.5)]),
    blend_mm=3,
)
_CHOROID_PLEXUS = pair(tube([(14, -18, 15, 1.3), (22, -33, 11, 2.6), (27, -37, 3, 3.0), (30, -32, -6, 1.6)]))


def _lateral_ventricles() -> Shape:
    beside_septum = tube(
        [(5, 28, 3, 1.8), (5, 21, 8, 3.6), (4.8, 10, 13, 3.9), (5, -2, 16.5, 3.4), (8, -16, 18, 4.0)]
    )
    over_caudate = tube(
        [(8, 27, 5, 1.8), (11, 19, 13, 2.9), (12, 6, 17.5, 2.9), (12.5, -6, 19.5, 2.9), (12, -16, 18.5, 4.2)]
    )
    atrium = tube([(10, -16, 18.5, 4.8), (17, -29, 15, 6.0), (24, -39, 8, 7.0)])
    occipital = tube([(24, -39, 8, 7.0), (25, -52, 6, 4.4), (22, -66, 4, 1.8)])
    temporal = tube([(25, -39, 8, 5.0), (32, -31, -4, 2.6), (33, -18, -12, 2.3), (30, -7, -15, 2.6)])
    return pair(union(beside_septum, over_caudate, atrium, occipital, temporal, blend_mm=3))


_LATERAL = _lateral_ventricles()


def paint_deep_structures(canvas: Canvas) -> None:
    """Later ones displace earlier ones: the ventricles press into the nuclei and leave their walls."""
    brain = ("csf", "gray_matter", "white_matter")
    growth = 3.5 * (canvas.subject.ventricle_factor - 1.0)
    for shape in (_HYPOTHALAMUS, _CLAUSTRUM):
        canvas.paint("gray_matter", shape, brain)
    for shape in (_PUTAMEN, _HIPPOCAMPUS, _AMYGDALA):
        canvas.paint("deep_gray_matter", shape, brain)
    canvas.paint("pallidum", _PALLIDUM, (*brain, "deep_gray_matter"))
    canvas.paint("ventricle", _LATERAL, (*brain, "corpus_callosum"), grow_mm=growth + 0.8)
    canvas.paint("deep_gray_matter", _CAUDATE, (*brain, "ventricle"), grow_mm=-0.4)
    canvas.paint("thalamus", _THALAMUS, (*brain, "ventricle", "deep_gray_matter"))
    canvas.paint("white_matter", _SEPTUM, ("ventricle",))
    canvas.paint("choroid_plexus", _CHOROID_PLEXUS, ("ventricle",))


def paint_midline_ventricles(canvas: Canvas) -> None:
    """Third ventricle, aqueduct and fourth ventricle, through whatever surrounds them."""
    growth = 1.2 * (canvas.subject.ventricle_factor - 1.0)
    canvas.paint("ventricle", _THIRD, grow_mm=growth)
    canvas.paint("ventricle", _FOURTH, grow_mm=0.5 * growth)


def paint_lesions(canvas: Canvas, count: int) -> None:
    """``count`` small white-matter lesions, beside and above the ventricles as in small-vessel disease."""
    rng = generator(canvas.subject.seed, "lesions")
    for _ in range(count):
        center = (
            float(rng.choice((-1, 1)) * rng.uniform(18, 32)),
            float(rng.uniform(-55, 32)),
            float(rng.uniform(14, 34)),
        )
        semi_axes = tuple(float(a) for a in rng.uniform(1.8, 4.5, 3))
        lesion = ellipsoid(
            center, (semi_axes[0], semi_axes[1], semi_axes[2]), pitch_deg=float(rng.uniform(-40, 40))
        )
        canvas.paint("lesion", lesion, ("white_matter",))
