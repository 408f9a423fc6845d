"""What the tests of syntheses share: scans of one head in several contrasts, and small models that were never trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli_fixtures import OBLIQUE

from mrstyle import methods
from mrstyle.bids_sidecar import to_bids
from mrstyle.models.package import save_package
from mrstyle.physics.signal import signal
from mrstyle.presets import preset_acquisition
from mrstyle.sequence_range import SequenceRange
from mrstyle.volume import Volume, write_volume

SHAPE = (8, 26, 24)
CONFIGS: dict[str, dict[str, Any]] = {
    "relaxometry": {"context": 0, "width": 4, "max_width": 4, "downsamplings": 1, "residual_blocks": 0, "hidden": 4},
    "crl": {"context": 0, "width": 4, "blocks": 1, "mapper_layers": 2, "decoder_layers": 2, "heads": 1},
}  # fmt: skip
SEEN = (
    SequenceRange("T2w", "spin_echo", (2500, 9000), (70, 130)),
    SequenceRange("MPRAGE", "mprage", (1600, 2700), (2, 5), (750, 1150), (7, 12)),
    SequenceRange("FLAIR", "inversion_recovery", (4800, 11000), (80, 160), (1600, 2900)),
)


def scan(preset: str, affine: np.ndarray = OBLIQUE, shift: float = 0.0) -> Volume:
    """A head of three tissues as a sequence sees it; ``shift`` moves it to the side."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    radius = k**2 + j**2 + (i + shift) ** 2
    layers = [(0.8, (0.9, 330.0, 75.0)), (0.6, (0.8, 1300.0, 90.0)), (0.15, (1.0, 4100.0, 1900.0))]
    maps = np.zeros((3, *SHAPE)) + np.array([0.0, 1000.0, 80.0])[:, None, None, None]
    for limit, values in layers:
        maps = np.where(radius < limit, np.array(values)[:, None, None, None], maps)
    acquisition = preset_acquisition(preset)
    image = 1000 * signal(*maps, acquisition) + np.random.default_rng(1).normal(0, 2, SHAPE)
    return Volume(np.abs(image).astype(np.float32), affine, preset, acquisition)


def write_scan(folder: Path, preset: str, name: str, sidecar: bool = True, **options: Any) -> Path:
    """Write a scan and, where asked for, how it was taken; returns the path of the image."""
    volume = scan(preset, **options)
    path = folder / f"{name}.nii.gz"
    write_volume(volume, path)
    if sidecar and volume.acquisition is not None:
        (folder / f"{name}.json").write_text(json.dumps(to_bids(volume.acquisition)))
    return path


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A folder with t1.nii.gz and t2.nii.gz with their sidecars, unknown.nii.gz without one."""
    folder = tmp_path / "Patient Ä"
    folder.mkdir()
    write_scan(folder, "MPRAGE", "t1")
    write_scan(folder, "T2w", "t2")
    write_scan(folder, "T2w", "unknown", sidecar=False)
    return folder


def save_model(folder: Path, method: str, network: torch.nn.Module | None = None, **changes: Any) -> Path:
    """A package of a small network, by default with random weights; returns its folder."""
    if network is None:
        torch.manual_seed(0)
        network = methods.build(method, CONFIGS[method])
    accepts = {"dim": 2, "body_part": "brain", "contrasts": [], "skull": "any", "minimum_size_voxels": 16}
    fields: dict[str, Any] = {
        "schema_version": 1,
        "id": f"tiny-{method}",
        "version": "1.2.3",
        "title": "Tiny",
        "description": "For tests.",
        "method": method,
        "config": CONFIGS[method],
        "accepts": accepts | {"spacing_mm": [0.5, 6.0]},
        "target_kinds": ["acquisition"],
        "sequences": [each.as_dict() for each in SEEN],
        "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "Apache-2.0",
        "bf16_psnr_db": 50.0,
        "citation": "None.",
        "recipe": "none.yaml",
    }
    save_package(folder, fields | changes, network)
    return folder


@pytest.fixture(scope="module")
def relaxometry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of method relaxometry."""
    return save_model(tmp_path_factory.mktemp("models") / "relaxometry", "relaxometry")


@pytest.fixture(scope="module")
def crl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of method crl."""
    return save_model(tmp_path_factory.mktemp("models") / "crl", "crl")
