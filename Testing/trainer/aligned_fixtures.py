"""Small BIDS folders of aligned scans, and small packages to start from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mrstyle.acquisition import Acquisition
from mrstyle.bids_sidecar import to_bids
from mrstyle.methods import build
from mrstyle.models.package import save_package
from mrstyle.physics.phantom import head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.volume import Volume, write_volume

SPACING_MM = 3.0
CONTRASTS = {"T1w": "MPRAGE", "T2w": "T2w", "FLAIR": "FLAIR"}
NETWORKS: dict[str, dict[str, Any]] = {
    "relaxometry": {
        "context": 1,
        "width": 8,
        "max_width": 16,
        "downsamplings": 1,
        "residual_blocks": 0,
        "hidden": 8,
        "residuals": 1,
        "pixel_range_mm": [2.0, 3.0],
    },
    "crl": {"context": 1, "width": 8, "blocks": 1, "pixel_range_mm": [2.0, 3.0]},
}


def write_scan(volume: Volume, path: Path, acquisition: Acquisition, **sidecar: Any) -> None:
    """A scan and its sidecar, with changes; None takes a key out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(volume, path)
    content = {key: value for key, value in (to_bids(acquisition) | sidecar).items() if value is not None}
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(content))


def write_subject(folder: Path, subject: str, seed: int) -> None:
    """Three contrasts of a phantom on one grid."""
    head = head_phantom(seed, (52, 66, 52), SPACING_MM)
    for gain, (suffix, preset) in enumerate(CONTRASTS.items(), start=1):
        acquisition = preset_acquisition(preset)
        volume = head.render(acquisition, scale=100.0 * gain, seed=gain)
        write_scan(volume, folder / subject / "anat" / f"{subject}_{suffix}.nii.gz", acquisition)


def box(shading: Callable[..., np.ndarray], thick_mm: float = SPACING_MM) -> Volume:
    """A volume with a box that is as bright as ``shading`` of the coordinates (k, j, i), -1 to 1, says."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, size) for size in (40, 44, 48)), indexing="ij")
    inside = np.abs([k, j, i]).max(axis=0) < 0.85
    affine = np.diag([SPACING_MM, SPACING_MM, thick_mm, 1.0])
    return Volume(np.where(inside, shading(k, j, i), 0), affine, "box")


def write_package(folder: Path, method: str, seed: int = 0, **config: Any) -> Path:
    """A package with random weights, in a folder of its own."""
    torch.manual_seed(seed)
    network = build(method, NETWORKS[method] | config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fields = {
        "schema_version": 1,
        "id": "tiny-start",
        "version": "2.1.0",
        "title": "Tiny",
        "description": "Random weights.",
        "method": method,
        "config": NETWORKS[method] | config,
        "accepts": {
            "dim": 2,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 16,
            "spacing_mm": [0.4, 6.0],
        },
        "target_kinds": ["acquisition"],
        "sequences": [
            {
                "name": "T2w",
                "family": "spin_echo",
                "repetition_time_ms": [2500, 9000],
                "echo_time_ms": [70, 140],
            }
        ],
        "training": {
            "description": "None.",
            "data": [
                {"name": "label maps", "license": "CC0-1.0", "source": "x", "citation": "", "simulated": True}
            ],
            "subjects": {"train": 14, "validation": 2},
        },
        "license": "CC-BY-4.0",
        "bf16_psnr_db": 50.0,
        "citation": "This test.",
        "recipe": None,
    }
    save_package(folder, fields, network)
    return folder


def entries(folder: Path, recipe: str, package: Path | None, **changes: Any) -> dict[str, Any]:
    """A small fine-tuning; ``changes`` (dicts) update its parts by name."""
    parts: dict[str, Any] = {
        "recipe": recipe,
        "data": {
            "kind": "aligned",
            "folder": str(folder),
            "training": ["sub-01", "sub-02"],
            "validation": ["sub-03"],
        },
        "simulation": {"size": 48, "context": 1, "pixel_mm": [2.0, 3.0]},
        "loop": {
            "steps": 4,
            "batch_size": 2,
            "learning_rate": 3e-3,
            "warmup_steps": 2,
            "ema_decay": 0.8,
            "precision": "32-true",
            "validation_every": 20,
            "validation_samples": 6,
            "loader_processes": 0,
        },
    }
    parts |= {"initial": str(package)} if package else {"network": NETWORKS[recipe]}
    for name, change in changes.items():
        parts[name] = parts.get(name, {}) | change
    return parts
