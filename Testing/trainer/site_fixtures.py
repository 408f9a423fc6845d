"""Small BIDS folders of scans of two sites, of phantoms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mrstyle.physics.phantom import head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.volume import Volume, write_volume

SPACING_MM = 4.0
# participant, site, age, sex
PEOPLE = (
    ("sub-01", "North", "21", "F"),
    ("sub-02", "North", "34", "M"),
    ("sub-03", "North", "48", "F"),
    ("sub-04", "North", "67", "M"),
    ("sub-05", "South", "23", "F"),
    ("sub-06", "South", "45", "F"),
    ("sub-07", "South", "64", "M"),
    ("sub-08", "South", "89+", "n/a"),
)
SIDECAR = {"Manufacturer": "Phantom", "ManufacturersModelName": "One", "MagneticFieldStrength": 3}


def write_people(folder: Path, people: tuple[tuple[str, ...], ...] = PEOPLE, site: str = "site") -> None:
    """participants.tsv."""
    lines = [("participant_id", site, "age", "sex"), *people]
    (folder / "participants.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))


def write_sites(folder: Path) -> Path:
    """T1-weighted heads of eight people: scans of the site South are blurred and have another contrast."""
    folder.mkdir(parents=True, exist_ok=True)
    write_people(folder)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "Two sites", "License": "CC0"}))
    heads = [head_phantom(seed, (40, 50, 40), SPACING_MM) for seed in (1, 2)]
    for number, (subject, site, *_) in enumerate(PEOPLE):
        acquisition = preset_acquisition("MPRAGE")
        volume = heads[number % 2].render(acquisition, scale=100.0 * (number + 1), seed=number)
        if site == "South":
            volume = volume.with_array(np.sqrt(np.maximum(volume.array, 0) * volume.array.max()))
        write_t1(folder, subject, volume)
    return folder


def write_t1(folder: Path, subject: str, volume: Volume, name: str = "T1w") -> None:
    path = folder / subject / "anat" / f"{subject}_{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(volume, path)
    path.with_name(f"{subject}_{name}.json").write_text(json.dumps(SIDECAR))


def entries(folder: Path, **changes: Any) -> dict[str, Any]:
    """A small training of light3d on the sites of a folder; ``changes`` (dicts) update its parts by name."""
    voxel_mm = [3.0, 5.0]
    parts: dict[str, Any] = {
        "recipe": "light3d",
        "network": {
            "channels": [4, 8],
            "voxel_range_mm": voxel_mm,
        },
        "data": {"kind": "sites", "folder": str(folder)},
        "sites": {"patch": [16, 16, 16], "voxel_mm": voxel_mm},
        "loop": {
            "steps": 8,
            "batch_size": 2,
            "learning_rate": 2e-3,
            "warmup_steps": 2,
            "ema_decay": 0.8,
            "precision": "32-true",
            "validation_every": 4,
            "validation_samples": 4,
            "loader_processes": 0,
        },
    }
    for name, change in changes.items():
        parts[name] = parts.get(name, {}) | change
    return parts
