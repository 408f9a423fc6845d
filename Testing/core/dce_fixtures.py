"""What the tests of dynamic series share: a digital kidney, and a small network that was never trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mrstyle import methods
from mrstyle.models.package import Package, load_package, save_package
from mrstyle.physics.dce_phantom import Protocol, dce_phantom
from mrstyle.series import Series
from mrstyle.volume import Volume

CONFIG = {"width": 4, "max_width": 8, "residual_blocks": 1, "style_width": 4, "style_max_width": 8}
TIMES_S = np.arange(0, 60, 5.0)
CARD = {
    "schema_version": 1,
    "id": "tiny-dce",
    "version": "0.1.0",
    "title": "Tiny",
    "description": "Random weights, for tests.",
    "method": "spatiotemporal",
    "config": CONFIG,
    "accepts": {
        "dim": 2,
        "body_part": "kidney",
        "contrasts": [],
        "skull": "any",
        "minimum_size_voxels": 16,
        "spacing_mm": [0.4, 6.0],
    },
    "target_kinds": ["enhancement"],
    "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
    "license": "Apache-2.0",
    "bf16_psnr_db": 60.0,
    "citation": "None.",
    "recipe": None,
}


def kidney(seed: int = 1, breathing_mm: float = 0.0) -> Series:
    body = dce_phantom("kidney", seed, (64, 1, 64), 5.4)
    scan = body.series(Protocol(TIMES_S, breathing_mm=breathing_mm))
    frames = 1000 * scan.frames
    return Series(frames, Volume(frames[0], body.affine, f"kidney {seed}"), TIMES_S, f"kidney {seed}")


def tiny(folder: Path, dim: int = 2) -> Package:
    path = folder / f"tiny-dce-{dim}"
    if not path.exists():
        torch.manual_seed(0)
        config = CONFIG | {"dim": dim, "pixel_range_mm": [0.5, 6.0]}
        network = methods.build("spatiotemporal", config)
        with torch.no_grad():
            for each in network.parameters():
                each += 0.05 * torch.randn_like(each)
        save_package(path, CARD | {"config": config, "accepts": CARD["accepts"] | {"dim": dim}}, network)
    return load_package(path)
