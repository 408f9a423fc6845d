"""A small head with known tissue maps, its scans, and tiny packages of both synthesis methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from synthesis_fixtures import save_model

from mrstyle import methods
from mrstyle.acquisition import Acquisition, missing
from mrstyle.models.package import Package, load_package
from mrstyle.physics.signal import signal
from mrstyle.volume import Volume

CONFIGS: dict[str, dict[str, Any]] = {
    "relaxometry": {"width": 4, "max_width": 8, "downsamplings": 1, "residual_blocks": 1, "hidden": 8},
    "crl": {"width": 8, "blocks": 1},
}
SEEN = [
    {"name": "T2w", "family": "spin_echo", "repetition_time_ms": [2500, 9000], "echo_time_ms": [70, 130]},
    {"name": "T1w", "family": "spin_echo", "repetition_time_ms": [350, 900], "echo_time_ms": [7, 22]},
]
T1W = Acquisition("spin_echo", 600.0, 10.0, field_strength_t=3.0)
T2W = Acquisition("spin_echo", 5000.0, 100.0, field_strength_t=3.0)
FLAIR = Acquisition("inversion_recovery", 9000.0, 90.0, 2445.0, field_strength_t=3.0)
# PD, T1 ms, T2 ms from the outside in: air, gray matter, white matter, fluid.
TISSUES = ((0.0, 1000.0, 50.0), (0.84, 1480.0, 88.0), (0.7, 870.0, 68.0), (1.0, 4200.0, 1800.0))
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def tissue_maps(shape: tuple[int, int, int] = (28, 40, 36)) -> np.ndarray:
    """PD, T1 and T2 in ms (3, k, j, i) of nested ellipsoids."""
    grids = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    radius = np.sqrt(sum(grid**2 for grid in grids))
    layers = (radius < 0.9).astype(int) + (radius < 0.65) + (radius < 0.3)
    return np.moveaxis(np.array(TISSUES, np.float32)[layers], -1, 0)


def scan(acquisition: Acquisition | None, name: str = "scan", gain: float = 500.0) -> Volume:
    """The head in that sequence (T1w where it is not complete), as a volume that knows it."""
    complete = acquisition is not None and not missing(acquisition)
    image = gain * np.asarray(signal(*tissue_maps(), acquisition if complete else T1W), np.float32)
    image += np.random.default_rng(1).uniform(0, 1e-3 * image.max(), image.shape).astype(np.float32)
    return Volume(image, AFFINE, name, acquisition)


def tiny_package(folder: Path, method: str) -> Package:
    """An untrained package, written and read back."""
    config = CONFIGS[method]
    torch.manual_seed(0)
    network = methods.build(method, config)
    if method == "crl":
        # As it is initialized, it draws next to the same dark image whatever the target.
        network.mixing.log_code.weight.data.mul_(20)
        network.decoder[-1].weight.data.mul_(20)
        network.decoder[-1].bias.data.fill_(3.0)
    return load_package(save_model(folder / method, method, network, config=config, sequences=SEEN))
