"""Brain masks: on the grid of the scan whatever its voxels and axes, in one part, without holes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from volume_fixtures import GRIDS

from mrstyle import methods
from mrstyle.errors import InputError, PackageError
from mrstyle.models import catalogue
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.segmentation import brain_mask as module
from mrstyle.segmentation.brain_mask import brain_mask
from mrstyle.volume import Volume


class Bright(torch.nn.Module):
    """Takes what is bright for the brain."""

    divisor = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 20 * (x - 0.5)


BRIGHT: Any = SimpleNamespace(network=Bright(), card=SimpleNamespace(id="bright", task="brain_mask"))


def ellipsoid(volume: Volume, radii_mm: tuple[float, float, float], shift_mm: float = 0.0) -> np.ndarray:
    """Bool (k, j, i): around the middle of the volume, in mm along (left-right, back-front, bottom-top)."""
    size = np.array(volume.shape[::-1])
    points = np.stack(np.indices(volume.shape)[::-1], -1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    middle = volume.affine[:3] @ [*((size - 1) / 2), 1] + np.array([shift_mm, 0, 0])
    return (((points - middle) / radii_mm) ** 2).sum(-1) < 1


def blank(grid: str) -> Volume:
    affine = GRIDS[grid]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = tuple(int(n) for n in np.ceil(170 / spacing)[::-1])
    return Volume(np.zeros(shape, np.float32), affine, "head")


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("grid", ["oblique", "left-handed", "sagittal"])
def test_mask_is_where_the_brain_is_on_any_grid(grid: str) -> None:
    volume = blank(grid)
    brain = ellipsoid(volume, (45, 60, 40), shift_mm=12)
    mask = brain_mask(volume.with_array(700.0 * brain), model=BRIGHT, device="cpu")
    assert mask.has_grid_of(volume)
    assert set(np.unique(mask.array)) == {0.0, 1.0}
    assert dice(mask.array > 0.5, brain) > 0.97


def test_mask_is_one_part_without_holes() -> None:
    volume = Volume(np.zeros((80, 80, 80), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]), "head")
    brain = ellipsoid(volume, (50, 60, 45))
    array = 1.0 * brain
    array[38:42, 38:42, 38:42] = 0.0  # a hole
    array[2:6, 2:6, 2:6] = 1.0  # a part of its own
    mask = brain_mask(volume.with_array(array), model=BRIGHT, device="cpu").array > 0.5
    assert mask[40, 40, 40]
    assert not mask[:8, :8, :8].any()
    assert dice(mask, brain) > 0.98


def test_scale_and_offset_of_intensities_do_not_matter() -> None:
    volume = Volume(np.zeros((60, 70, 60), np.float32), np.diag([2.5, 2.5, 2.5, 1.0]), "head")
    image = ellipsoid(volume, (45, 60, 40)) + np.random.default_rng(0).uniform(0, 0.2, volume.shape)
    masks = [
        brain_mask(volume.with_array(gain * image + offset), model=BRIGHT, device="cpu").array
        for gain, offset in ((1.0, 0.0), (3e4, 0.0), (2.0, -7.0))
    ]
    assert masks[0].sum() > 20_000
    assert all((masks[0] != mask).mean() < 1e-3 for mask in masks[1:])


def test_a_scan_without_brain_is_refused() -> None:
    volume = Volume(np.zeros((60, 60, 60), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]), "knee")
    volume.array[30:33, 30:33, 30:33] = 9.0
    with pytest.raises(InputError, match="No brain was found in knee"):
        brain_mask(volume, model=BRIGHT, device="cpu")


def test_a_model_for_something_else_is_refused() -> None:
    other: Any = SimpleNamespace(network=Bright(), card=SimpleNamespace(id="brain-reference", task="style"))
    volume = blank("oblique").with_array(ellipsoid(blank("oblique"), (45, 60, 40)).astype(np.float32))
    with pytest.raises(InputError, match="brain-reference does not find brains"):
        brain_mask(volume, model=other, device="cpu")


def test_a_missing_model_is_said_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "bundled_models_folder", lambda: tmp_path)
    monkeypatch.setenv("MRSTYLE_MODELS", str(tmp_path))
    module._bundled.cache_clear()
    volume = Volume(np.random.default_rng(0).random((8, 8, 8), np.float32), np.eye(4), "head")
    with pytest.raises(PackageError, match="no model 'brain-mask'"):
        brain_mask(volume)


def test_network_gives_logits_of_the_shape_of_its_volume() -> None:
    network = methods.build("brain_mask", {"channels": [8, 16, 16]})
    volume = torch.rand(2, 1, 16, 24, 32)
    assert network.divisor == 8
    assert network(volume).shape == volume.shape
    assert network(volume).dtype == torch.float32


@pytest.fixture(scope="module")
def phantom() -> HeadPhantom:
    return head_phantom(11)


@pytest.mark.parametrize("skull", [True, False], ids=["with skull", "without skull"])
@pytest.mark.parametrize("sequence", ["MPRAGE", "T2w", "FLAIR"])
def test_bundled_model_finds_the_brain_of_a_head(sequence: str, skull: bool, phantom: HeadPhantom) -> None:
    module._bundled.cache_clear()
    try:
        catalogue.find("brain-mask")
    except PackageError:
        pytest.skip("the bundled model brain-mask is not there")
    scan = phantom.render(preset_acquisition(sequence), noise=0.02, bias=0.2, skull=skull)
    mask = brain_mask(scan, device="cpu").array > 0.5
    brain = phantom.brain_mask()
    around = phantom.mask("csf") | brain
    assert (mask & brain).sum() > 0.95 * brain.sum()
    assert (mask & ~around).sum() < 0.05 * mask.sum()
