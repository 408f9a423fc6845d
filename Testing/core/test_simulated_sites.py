"""Simulated sites: what each scanner does to a head can be seen and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from light3d_fixtures import head

from mrstyle.errors import InputError
from mrstyle.physics.sites import (
    SHADING_TERMS,
    SITES,
    SimulatedSite,
    appearance,
    blurred,
    displaced,
    filtered,
    magnitude,
    receive_field,
    shading_weights,
    white_matter_signal,
)
from mrstyle.volume import read_volume

VOXEL_MM = (1.0, 1.0, 1.0)


def grid_mm(size: int = 33, step_mm: float = 5.0) -> torch.Tensor:
    line = (torch.arange(size) - (size - 1) / 2) * step_mm
    return torch.stack(torch.meshgrid(line, line, line, indexing="ij"))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("name", SITES)
def test_every_site_takes_a_head_in_its_own_way(name: str) -> None:
    volume = head(site=name)
    others = [head(site=other) for other in SITES if other != name]
    assert volume.acquisition == SITES[name].acquisition
    assert np.isfinite(volume.array).all() and volume.array.min() >= 0
    assert all(np.abs(volume.array - other.array).mean() > 10 for other in others)


@pytest.mark.parametrize("name", SITES)
def test_white_matter_is_brighter_than_the_cortex_as_in_any_t1_weighted_scan(name: str) -> None:
    from mrstyle.physics.signal import signal
    from mrstyle.physics.tissues import TISSUES

    acquisition = SITES[name].acquisition
    field_t = acquisition.field_strength_t
    assert field_t is not None
    gray = float(signal(*TISSUES["gray_matter"].at(field_t), acquisition))
    fluid = float(signal(*TISSUES["csf"].at(field_t), acquisition))
    assert white_matter_signal(acquisition) > 1.1 * gray
    assert gray > fluid


def test_a_coil_at_the_surface_is_bright_near_it() -> None:
    weights = shading_weights(SITES["sim-3T-surface-coil"], generator())
    field = receive_field(grid_mm(), weights)
    assert field[16, 16, 0] > 1.5 * field[16, 16, 16]
    assert field[16, 0, 16] > 1.5 * field[16, 16, 16]


def test_shading_stays_bounded_far_away() -> None:
    """A neck is a quarter of a meter from the brain's center, where a polynomial alone would be astronomical."""
    weights = shading_weights(SITES["sim-3T-surface-coil"], generator())
    far, near = (receive_field(torch.full((3, 1, 1, 1), mm), weights).item() for mm in (400.0, 100.0))
    assert 0.3 < far / near < 3


def test_no_shading_is_no_shading() -> None:
    field = receive_field(grid_mm(9), torch.zeros(SHADING_TERMS))
    torch.testing.assert_close(field, torch.ones_like(field))


def test_points_move_toward_the_center_by_the_cube_of_their_distance() -> None:
    point = torch.tensor([0.0, 0.0, 100.0]).reshape(3, 1, 1, 1)
    assert displaced(point, 0.01)[2].item() == pytest.approx(99.0)
    assert displaced(point / 2, 0.01)[2].item() == pytest.approx(50 - 0.125)


def test_noise_has_the_rayleigh_mean_in_air_and_is_unbiased_in_tissue() -> None:
    air = magnitude(torch.zeros(40, 40, 40), 0.02, generator())
    tissue = magnitude(torch.ones(40, 40, 40), 0.02, generator())
    assert air.mean().item() == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.02)
    assert tissue.std().item() == pytest.approx(0.02, rel=0.02)


def test_a_filter_sharpens_or_smooths_an_edge_and_leaves_plateaus() -> None:
    edge = (torch.arange(24) >= 12).float()[:, None, None].expand(24, 8, 8).contiguous()
    sharp, smooth = filtered(edge, 0.8)[:, 4, 4], filtered(edge, -0.5)[:, 4, 4]
    assert sharp.max() > 1.05 and sharp.min() < -0.05
    assert smooth.diff().max() < edge[:, 4, 4].diff().max()
    assert sharp[0].item() == pytest.approx(0, abs=1e-4) and sharp[-1].item() == pytest.approx(1, abs=1e-4)


def test_large_voxels_blur_along_their_axis_alone() -> None:
    site = SimulatedSite("thick slices", SITES["sim-3T-mprage"].acquisition, resolution_mm=(1.0, 1.0, 4.0))
    point = torch.zeros(17, 17, 17)
    point[8, 8, 8] = 1
    image = appearance(point, site, VOXEL_MM)
    assert image[8, 8, 6] > 5 * image[6, 8, 8]


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_blur_keeps_the_sum_and_has_the_width_it_says(sigma: float) -> None:
    line = torch.zeros(41, 3, 3)
    line[20] = 1
    out = blurred(line, sigma, 0)[:, 1, 1]
    variance = (out * (torch.arange(41) - 20.0) ** 2).sum().item()
    assert out.sum().item() == pytest.approx(1, abs=1e-4)
    assert np.sqrt(variance) == pytest.approx(sigma, rel=0.08)


def test_the_command_writes_the_scan_of_a_site(tmp_path: Path) -> None:
    from mrstyle.cli_phantom import write_phantom

    (path,) = write_phantom(tmp_path, 1, "T1w", 2.0, 3.0, False, "sim-1.5T-spgr")
    acquisition = read_volume(path).acquisition
    assert path.name == "sub-01_acq-sim15Tspgr_T1w.nii.gz"
    assert acquisition is not None
    assert (acquisition.family, acquisition.field_strength_t) == ("spoiled_gradient_echo", 1.5)
    with pytest.raises(InputError, match="nowhere"):
        write_phantom(tmp_path, 1, "T1w", 2.0, 3.0, False, "nowhere")
