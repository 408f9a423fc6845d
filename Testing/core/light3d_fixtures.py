"""A small digital head, and a light 3D harmonizer with random weights that knows two sites."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from mrstyle import methods
from mrstyle.models.package import Package, load_package, save_package
from mrstyle.physics.phantom import head_phantom
from mrstyle.physics.sites import SITES as SIMULATED
from mrstyle.physics.sites import phantom_scan
from mrstyle.volume import Volume

SITES = ("north", "south")
CONFIG = {"sites": list(SITES), "channels": [6, 8]}


@cache
def head(seed: int = 1, site: str = "sim-3T-mprage") -> Volume:
    """A digital head at 3 mm."""
    simulated = SIMULATED[site]
    phantom = head_phantom(seed, (64, 76, 64), 3.0, simulated.acquisition.field_strength_t or 3.0)
    volume = phantom_scan(phantom, simulated, seed)
    return Volume(volume.array, volume.affine, name=f"head {seed}", acquisition=volume.acquisition)


def tiny_light3d(folder: Path) -> Package:
    """A package whose sites look different, with random weights."""
    path = folder / "tiny-light3d"
    if not path.exists():
        torch.manual_seed(0)
        network = methods.build("light3d", CONFIG)
        with torch.no_grad():
            for each in network.parameters():
                each += 0.1 * torch.randn_like(each)
        save_package(path, CARD, network)
    return load_package(path)


CARD = {
    "schema_version": 1,
    "id": "tiny-light3d",
    "version": "0.1.0",
    "title": "Tiny harmonizer",
    "description": "Random weights, for tests.",
    "method": "light3d",
    "config": CONFIG,
    "accepts": {
        "dim": 3,
        "body_part": "brain",
        "contrasts": ["T1w"],
        "skull": "any",
        "minimum_size_voxels": 16,
        "spacing_mm": [0.4, 6.0],
    },
    "target_kinds": ["site", "reference", "sample"],
    "sites": list(SITES),
    "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
    "license": "Apache-2.0",
    "bf16_psnr_db": 60.0,
    "citation": "None.",
    "recipe": None,
}
