"""The anatomy of digital bodies: kidneys (coronal), prostate (axial), breast (sagittal), painted tissue over tissue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]

_FAR_MM = 400.0


class BodyCanvas:
    """Tissues painted over each other; positions in mm toward superior, anterior and right from the middle of the image."""

    def __init__(
        self, generator: np.random.Generator, shape: tuple[int, int, int], spacing_kji: list[float]
    ) -> None:
        self.generator, self.spacing_kji = generator, spacing_kji
        lines = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_kji, strict=True)]
        self.z, self.y, self.x = (
            each.astype(np.float32) + self.noise(shape, 30.0, 2.5)
            for each in np.meshgrid(*lines, indexing="ij")
        )
        self.shares: dict[str, Array] = {"air": np.ones(shape, np.float32)}
        self.mobility: np.ndarray = np.zeros(shape, np.float32)

    def noise(self, shape: tuple[int, ...], cell_mm: float, amplitude: float) -> Array:
        """A smooth field of that standard deviation, about."""
        cells = [max(2, round(n * mm / cell_mm) + 1) for n, mm in zip(shape, self.spacing_kji, strict=True)]
        coarse = self.generator.standard_normal(cells).astype(np.float32)
        factors = [n / c for n, c in zip(shape, cells, strict=True)]
        fine = ndimage.zoom(coarse, factors, order=3, mode="nearest", grid_mode=True)
        return (amplitude * fine[tuple(slice(n) for n in shape)]).astype(np.float32)

    def bumps(self, cell_mm: float, amplitude_mm: float) -> Array:
        """A smooth field over the image."""
        return self.noise(self.z.shape, cell_mm, amplitude_mm)

    def vary(self, value: float, spread: float = 0.08) -> float:
        """A size or place of this person."""
        return value * (1 + spread * float(np.clip(self.generator.standard_normal(), -2, 2)))

    def inside_mm(
        self,
        center: tuple[float, float, float],
        radii: tuple[float, float, float],
        tilt_deg: float = 0.0,
    ) -> Array:
        """How deep voxels are inside of an ellipsoid, mm, about; ``tilt_deg`` turns it in the coronal plane."""
        z, y, x = (each - middle for each, middle in zip((self.z, self.y, self.x), center, strict=True))
        angle = np.radians(tilt_deg)
        z, x = z * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - z * np.sin(angle)
        distance = np.sqrt((z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2)
        return ((1 - distance) * min(radii)).astype(np.float32)

    def paint(self, name: str, depth_mm: Array, within: Array | None = None) -> Array:
        """A tissue where ``depth_mm`` is above 0, with partial volume at its edge; returns its new share."""
        edge_mm = min(self.spacing_kji)
        share = np.clip(0.5 + depth_mm / edge_mm, 0, 1).astype(np.float32)
        if within is not None:
            share = share * within
        for each in self.shares.values():
            each *= 1 - share
        self.shares[name] = self.shares.get(name, np.zeros_like(share)) + share
        return share


def _draw_kidney(canvas: BodyCanvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    body = inside((0, 0, 0), (_FAR_MM, vary(110), vary(165)))
    paint("skin", body)
    paint("fat", body - 2.5)
    wall = body - vary(16, 0.3)
    paint("muscle", wall)
    inner = wall - vary(9, 0.15)
    paint("fat", inner)
    canvas.mobility = np.clip(inner / 15, 0, 1)
    # Bowel fills what no organ takes.
    loops = canvas.bumps(22, 14.0)
    paint("bowel", np.minimum(inner - 3, loops - 2), within=np.clip((20 - canvas.z) / 20, 0, 1))
    paint("liver", np.minimum(inside((75, 0, vary(70)), (vary(75), 110, vary(85))), inner - 2))
    paint("spleen", np.minimum(inside((vary(75), 0, -105), (vary(48), 40, vary(36))), inner - 2))
    paint("lung", np.minimum(inner - 1, canvas.z - vary(115) - 0.0008 * canvas.x**2))
    spine = vary(19) - np.abs(canvas.x - canvas.bumps(120, 2.0))
    paint("muscle", np.minimum(inner, 22 + 0.12 * (60 - canvas.z) - np.abs(np.abs(canvas.x) - 34)))
    paint("bone", spine)
    height = (canvas.z + 200 + vary(10)) % 34
    paint("marrow", np.minimum(spine - 1.5, 13 - np.abs(height - 17)))
    paint("disc", np.minimum(spine - 1.5, 2.5 - np.minimum(height, 34 - height)))
    for side in (-1.0, 1.0):
        _draw_one_kidney(canvas, side)
    paint("vein", np.minimum(inner, vary(9) - np.abs(canvas.x - 16)))
    paint("artery", np.minimum(inner, vary(8) - np.abs(canvas.x + 9)))
    for side in (-1.0, 1.0):
        branch = 3.0 - np.abs(canvas.z - 2 - 0.15 * np.abs(canvas.x))
        paint("artery", np.minimum(branch, np.minimum(side * canvas.x - 5, 48 - side * canvas.x)))


def _draw_one_kidney(canvas: BodyCanvas, side: float) -> None:
    vary, paint = canvas.vary, canvas.paint
    center = (vary(-4, 1.0) - 6 * side, 0.0, side * vary(68, 0.05))
    radii = (vary(53), 24.0, vary(27))
    depth = canvas.inside_mm(center, radii, tilt_deg=-14 * side) + canvas.bumps(18, 0.8)
    paint("renal_cortex", depth)
    z, x = canvas.z - center[0], canvas.x - center[2]
    angle = np.arctan2(z / radii[0], x / radii[2])
    count = 6 + int(canvas.generator.integers(0, 4))
    wedge = np.cos(count * angle + canvas.generator.uniform(0, 2 * np.pi))
    paint("renal_medulla", np.minimum(np.minimum(depth - vary(6.5), 19 - depth), 6 * (wedge + 0.45)))
    hilum = canvas.inside_mm((center[0], 0.0, center[2] - 5 * side), (vary(26), 18.0, vary(10)), -14 * side)
    paint("fat", hilum)
    paint("renal_pelvis", hilum - vary(5, 0.2))


def _draw_prostate(canvas: BodyCanvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    body = inside((0, 0, 0), (_FAR_MM, vary(100), vary(150)))
    paint("skin", body)
    paint("fat", body - 2.5)
    paint("muscle", body - vary(20, 0.25))
    paint("fat", inside((0, 5, 0), (_FAR_MM, vary(68), vary(62))) + canvas.bumps(25, 3.0))
    for side in (-1.0, 1.0):
        femur = inside((8, 12, side * 92), (vary(30), vary(24), vary(24)))
        paint("bone", femur)
        paint("marrow", femur - 3)
        paint("muscle", inside((0, -2, side * 48), (70, vary(38), vary(9)), 0.0))
        pubis = inside((-22, 52, side * 16), (20, 9, 20))
        paint("bone", pubis)
        paint("marrow", pubis - 3)
        paint("artery", inside((0, 40, side * 64), (_FAR_MM, 4.5, 4.5)))
        paint("vein", inside((0, 32, side * 58), (_FAR_MM, 6, 6)))
    bladder = inside((vary(38), 22, 0), (vary(28), vary(28), vary(36)))
    paint("muscle", bladder)
    paint("urine", bladder - 3.5)
    rectum = inside((0, -38, vary(4, 1.0)), (_FAR_MM, vary(15), vary(17))) + canvas.bumps(15, 1.5)
    paint("rectum", rectum)
    paint("air" if canvas.generator.uniform() < 0.5 else "bowel", rectum - 4.5)
    gland = inside((0, 0, 0), (vary(22), vary(17), vary(25)), 0.0) + canvas.bumps(15, 0.8)
    whole = paint("peripheral_zone", gland)
    paint(
        "transition_zone",
        np.minimum(gland - 1, inside((3, 4, 0), (vary(18), vary(12), vary(17)))),
        within=whole,
    )
    side = canvas.generator.choice([-1.0, 1.0])
    place = (
        canvas.generator.uniform(-10, 8),
        canvas.generator.uniform(-10, -5),
        side * canvas.generator.uniform(6, 14),
    )
    lesion = inside(place, (vary(7, 0.25), vary(5, 0.25), vary(6, 0.25))) + canvas.bumps(8, 0.8)
    paint("prostate_lesion", np.minimum(lesion, gland - 0.5))
    canvas.mobility = 0.1 * np.clip(bladder / 20 + 1, 0, 1)


def _draw_breast(canvas: BodyCanvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    wall = vary(-28, 0.2) - 0.0022 * canvas.z**2 - canvas.y
    breast = np.maximum(inside((vary(-5, 1.0), -28, 0), (vary(72), vary(85), vary(62))), wall + 8)
    paint("skin", breast)
    paint("fat", breast - 2.2)
    tissue = inside((vary(-8, 0.5), -5, 0), (vary(48), vary(52), vary(45)))
    strands = canvas.bumps(12, 5.0) + canvas.bumps(30, 6.0) + vary(2.0, 1.0)
    paint("gland", np.minimum(np.minimum(tissue, strands), breast - 6))
    place = (canvas.generator.uniform(-25, 20), canvas.generator.uniform(-8, 22), 0.0)
    lesion = inside(place, (vary(9, 0.3), vary(8, 0.3), 9)) + canvas.bumps(7, 1.6)
    paint("breast_lesion", np.minimum(lesion, breast - 5))
    paint("muscle", wall)
    paint("lung", wall - vary(16, 0.2))
    rib = np.abs((canvas.z + 300) % 30 - 15)
    paint("bone", np.minimum(np.minimum(wall - 6, vary(17) - wall), 5.5 - rib))
    paint("heart", np.minimum(inside((vary(-35), -85, 0), (42, 38, 40)), wall - 18))
    paint("artery", inside((vary(30, 0.3), -20, 0), (2.2, 60, 4)))
    canvas.mobility = 0.35 * np.clip(0.3 + wall / 60, 0.05, 1)


BODIES: dict[str, tuple[Callable[[BodyCanvas], None], tuple[int, int, int], float, float]] = {
    "kidney": (_draw_kidney, (192, 1, 192), 1.8, 5.0),
    "prostate": (_draw_prostate, (16, 160, 192), 1.6, 3.5),
    "breast": (_draw_breast, (192, 192, 1), 1.0, 5.0),
}
