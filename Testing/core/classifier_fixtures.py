"""What the tests of site checks share: a small classifier package, and heads that two made-up sites took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from worker_fixtures import ACCEPTS, CARD

from mrstyle import methods
from mrstyle.models.package import save_package
from mrstyle.volume import Volume, write_volume

SITES = ("quiet", "noisy")
CONFIG = {"sites": list(SITES), "size": 44, "width": 4, "blocks": [1], "bottleneck": False}
NOISE = {"quiet": 2.0, "noisy": 80.0}


def save_classifier(folder: Path, **fields: object) -> Path:
    """Write a package whose network tells noise in air: the classifier of ``SITES``."""
    network = methods.build("site_classifier", dict(CONFIG)).eval()
    _tell_noise(network.network)
    card = CARD | {
        "id": "two-sites",
        "task": "site_classifier",
        "method": "site_classifier",
        "config": CONFIG,
        "accepts": {**ACCEPTS, "dim": 2, "spacing_mm": [0.8, 2.1]},
        "target_kinds": [],
        "sites": list(SITES),
    }
    save_package(folder, card | fields, network)
    return folder


def write_head(path: Path, site: str, seed: int = 1, spacing_mm: float = 2.0) -> Path:
    """Write a head as the site takes it."""
    axes = np.meshgrid(*(np.linspace(-1.4, 1.4, n) for n in (40, 44, 42)), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    clean = np.where(radius < 1, 600 + 200 * np.cos(9 * radius), 0.0)
    rng = np.random.default_rng(seed)
    noisy = np.hypot(clean + rng.normal(0, NOISE[site], clean.shape), rng.normal(0, NOISE[site], clean.shape))
    affine = np.diag([spacing_mm] * 3 + [1.0])
    write_volume(Volume(noisy.astype(np.float32), affine, path.name.partition(".")[0]), path)
    return path


def _tell_noise(network: torch.nn.Module) -> None:
    """Weights that measure how far pixels are from the mean of their neighbors."""
    for parameter in network.parameters():
        parameter.data.zero_()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.fill_(1.0)
    stem = network.stem[0].weight.data
    stem[:2, 0, 3, 3] = torch.tensor([1.0, -1.0])
    stem[:2, 0, 3, 4] = torch.tensor([-1.0, 1.0])
    network.head.weight.data[:, :2] = torch.tensor([[-100.0, -100.0], [100.0, 100.0]])
    network.head.bias.data[:] = torch.tensor([20.0, -20.0])
