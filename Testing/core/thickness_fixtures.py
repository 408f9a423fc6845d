"""Cortices of known thickness, made by code: spherical shells, and the files that FreeSurfer would write about them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

INNER_MM = 30.0
CENTERS_MM = {"lh": (-35.0, 4.0, 9.0), "rh": (35.0, 4.0, 9.0)}
SURFACE_ORIGIN_MM = (1.0, -10.0, 7.0)  # of FreeSurfer's surface coordinates, in those of the scanner


def shell(thickness_mm: float, inner_mm: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Fractions of gray and of white matter of a ball of white matter in a shell of gray, voxels of 1 mm."""
    fine = 3
    x = (np.arange(size * fine) + 0.5) / fine - size / 2
    radius = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None] ** 2)

    def fraction(part: np.ndarray) -> np.ndarray:
        blocks = part.astype(np.float32).reshape(size, fine, size, fine, size, fine)
        return blocks.mean(axis=(1, 3, 5))

    white = radius < inner_mm
    return fraction((radius < inner_mm + thickness_mm) & ~white), fraction(white)


def ball_mesh(radius_mm: float, center_mm: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and triangles (m, 3) of a sphere."""
    rows, columns = 40, 80
    polar, around = np.meshgrid(
        np.linspace(0.02, np.pi - 0.02, rows),
        np.linspace(0, 2 * np.pi, columns, endpoint=False),
        indexing="ij",
    )
    directions = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1], index[1:]
    right_a, right_b = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    triangles = np.concatenate(
        [np.stack(corner, -1).reshape(-1, 3) for corner in ((a, b, right_a), (b, right_b, right_a))]
    )
    return directions.reshape(-1, 3) * radius_mm + center_mm, triangles


def write_subject(folder: Path, thickness_mm: dict[str, float], *, annotated: bool = True) -> Path:
    """A subject whose hemispheres are balls: "frontal" in front, "occipital" behind, no cortex at the lowest part."""
    for name in ("surf", "label", "mri", "stats"):
        (folder / name).mkdir(parents=True)
    for side, thick in thickness_mm.items():
        for surface, radius in (("white", INNER_MM), ("pial", INNER_MM + thick)):
            points, triangles = ball_mesh(radius, CENTERS_MM[side])
            facts = {
                "head": np.array([2, 0, 20], np.int32),
                "valid": "1  # volume info valid",
                "filename": "orig.mgz",
                "volume": np.array([80, 60, 60]),
                "voxelsize": np.array([2.0, 2.0, 2.0]),
                "xras": np.array([1.0, 0, 0]),
                "yras": np.array([0, 1.0, 0]),
                "zras": np.array([0, 0, 1.0]),
                "cras": np.array(SURFACE_ORIGIN_MM),
            }
            path = folder / "surf" / f"{side}.{surface}"
            nib.freesurfer.write_geometry(path, points - SURFACE_ORIGIN_MM, triangles, volume_info=facts)
        if annotated:
            place = ball_mesh(1.0, (0, 0, 0))[0]
            labels = np.where(place[:, 1] > 0, 1, 2)
            labels[place[:, 2] < -0.8] = 0
            colors = np.array([[25, 5, 25, 0, 0], [100, 25, 0, 0, 0], [20, 100, 50, 0, 0]])
            nib.freesurfer.write_annot(
                folder / "label" / f"{side}.aparc.annot",
                labels,
                colors,
                ["unknown", "frontal", "occipital"],
                fill_ctab=True,
            )
    affine = np.array([[2.0, 0, 0, -79], [0, 2, 0, -55], [0, 0, 2, -50], [0, 0, 0, 1]])
    image = np.random.default_rng(0).random((80, 60, 60)).astype(np.float32)
    nib.save(nib.MGHImage(image, affine), folder / "mri" / "orig.mgz")
    return folder
