"""Small heads and small networks: whole trainings in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import yaml

TABLE = {
    "white_matter": {"labels": [2], "tissue": "white_matter", "inside": "brain"},
    "gray_matter": {"labels": [3], "tissue": "gray_matter", "inside": "brain"},
    "ventricles": {"labels": [4], "tissue": "csf", "inside": "brain"},
    "csf": {"labels": [24], "tissue": "csf", "inside": "fluid"},
    "soft_tissue": {"labels": [507], "tissue": ["fat", "muscle"]},
}
HEADS = ("a.nii.gz", "b.nii.gz", "c.nii.gz", "d.nii.gz")


def head_labels(seed: int, size: int = 56) -> np.ndarray:
    """A head of nested, wavy ellipsoids as FreeSurfer labels, int16 (k, j, i), another one for each seed."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij"))
    stretch, turn = rng.uniform(0.92, 1.08, 3), rng.uniform(0, 2 * np.pi, 3)
    x, y, z = grid * stretch[:, None, None, None]
    radius = np.sqrt((x / 0.85) ** 2 + y**2 + (z / 0.8) ** 2)
    folds = sum(0.05 * np.sin(9 * axis + angle) for axis, angle in zip((x, y, z), turn, strict=True))
    labels = np.zeros((size,) * 3, np.int16)
    labels[radius < 0.95] = 507
    labels[radius < 0.82] = 24
    labels[radius + 0.5 * folds < 0.74] = 3
    labels[radius + folds < 0.58] = 2
    labels[radius < 0.2] = 4
    return labels


def write_labels(path: Path, labels: np.ndarray, spacing_mm: float = 1.0) -> None:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((spacing_mm,) * 3)
    sitk.WriteImage(image, str(path))


def make_heads(folder: Path) -> Path:
    """Write four label maps and their table."""
    for seed, name in enumerate(HEADS):
        write_labels(folder / name, head_labels(seed))
    (folder / "table.yaml").write_text(yaml.safe_dump(TABLE))
    return folder


NETWORKS: dict[str, dict[str, Any]] = {
    "anatomy_basis": {
        "context": 0,
        "maps": 8,
        "width": 8,
        "max_width": 16,
        "downsamplings": 1,
        "residual_blocks": 1,
        "hidden": 8,
        "pixel_range_mm": [1.0, 1.3],
    },
    "content_style": {
        "context": 0,
        "width": 8,
        "max_width": 16,
        "downsamplings": 1,
        "residual_blocks": 1,
        "style_width": 8,
        "style_max_width": 16,
        "style_downsamplings": 2,
        "style_dim": 12,
        "style_hidden": 16,
        "modulation": "film",
        "stem_norm": False,
        "pixel_range_mm": [1.0, 1.3],
    },
    "relaxometry": {
        "context": 0,
        "width": 8,
        "max_width": 16,
        "downsamplings": 1,
        "residual_blocks": 1,
        "hidden": 8,
        "pixel_range_mm": [1.0, 1.3],
    },
    "crl": {"context": 0, "width": 8, "blocks": 1, "pixel_range_mm": [1.0, 1.3]},
}


def entries(heads: Path, recipe: str = "anatomy_basis", **changes: Any) -> dict[str, Any]:
    """A small training configuration; ``changes`` (dicts) update its parts by name."""
    parts: dict[str, Any] = {
        "recipe": recipe,
        "network": NETWORKS[recipe],
        "data": {
            "kind": "label_maps",
            "folder": str(heads),
            "table": str(heads / "table.yaml"),
            "training": list(HEADS[:2]),
            "validation": list(HEADS[2:]),
        },
        "simulation": {"size": 48, "context": 0, "pixel_mm": [1.0, 1.3]},
        "loop": {
            "steps": 8,
            "batch_size": 2,
            "learning_rate": 4e-3,
            "warmup_steps": 4,
            "ema_decay": 0.9,
            "precision": "32-true",
            "compile": False,
            "validation_every": 4,
            "validation_samples": 4,
            "loader_processes": 0,
        },
    }
    for name, change in changes.items():
        parts[name] = parts.get(name, {}) | change
    return parts


def write_config(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path
