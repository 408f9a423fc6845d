"""The signal-equation method: PD comes from the scan, every contrast from the maps."""

from __future__ import annotations

import pytest
import torch
from tissue_fixtures import CONFIGS, FLAIR, T1W, T2W
from torch import Tensor

from mrstyle import methods
from mrstyle.acquisition import Acquisition
from mrstyle.methods.relaxometry import LOG_SD, PD, R1, R2, RESIDUAL, Relaxometry, strength
from mrstyle.physics.signal import signal
from mrstyle.presets import PRESETS, preset_acquisition


def network() -> Relaxometry:
    torch.manual_seed(0)
    built = methods.build("relaxometry", CONFIGS["relaxometry"]).eval()
    assert isinstance(built, Relaxometry)
    return built


def raw(trust: float, **changes: float) -> Tensor:
    """Raw maps (1, 9, 8, 8) with zeros but for the trust in the scan."""
    maps = torch.zeros(1, 9, 8, 8)
    maps[:, 6] = trust
    for place, value in changes.items():
        maps[:, int(place[1:])] = value
    return maps


@pytest.mark.parametrize("source", [T1W, T2W, FLAIR, preset_acquisition("MPRAGE")])
def test_a_trusted_scan_comes_back_in_its_own_sequence(source: Acquisition) -> None:
    method = network()
    expected = method.decode(method.code(raw(trust=-5.0), torch.zeros(1, 3, 8, 8), [source]), source)
    images = (expected * (1 + 0.2 * torch.rand(1, 1, 8, 8))).expand(-1, 3, -1, -1)
    code = method.code(raw(trust=6.0), images, [source])
    torch.testing.assert_close(method.decode(code, source)[:, 0], images[:, 1], rtol=0.03, atol=0.02)


def test_no_scan_makes_tissue_of_a_density_far_from_what_is_expected() -> None:
    method = network()
    dark, bright = (
        method.code(raw(trust=6.0), torch.full((1, 3, 8, 8), level), [T1W])[:, PD] for level in (0.0, 100.0)
    )
    torch.testing.assert_close(bright - dark, torch.full_like(dark, 0.5))


def test_a_scan_that_is_not_trusted_leaves_the_expected_density() -> None:
    method = network()
    dark, bright = (
        method.code(raw(trust=-5.0), torch.full((1, 3, 8, 8), level), [T1W])[:, PD] for level in (0.1, 1.0)
    )
    torch.testing.assert_close(dark, bright, rtol=0, atol=0.02)


def test_a_contrast_is_the_signal_of_the_maps_while_nothing_is_learned_beyond() -> None:
    method = network()
    code = method.encode(torch.rand(2, 3, 16, 16), T1W)
    pd, r1, r2 = (code[:, place].exp() for place in (PD, R1, R2))
    torch.testing.assert_close(method.gains(T2W), torch.tanh(method.gain[2].bias))
    method.gain[2].bias.data.zero_()
    torch.testing.assert_close(method.decode(code, T2W)[:, 0], signal(pd, 1000 / r1, 1000 / r2, T2W))


def test_rates_stay_in_the_range_of_tissue() -> None:
    method = network()
    for extreme in (-50.0, 50.0):
        code = method.code(raw(0.0, m1=extreme, m2=extreme), torch.ones(1, 3, 8, 8), [T1W])
        assert 149.9 <= 1000 / code[:, R1].exp().mean().item() <= 6001
        assert 7.9 <= 1000 / code[:, R2].exp().mean().item() <= 3001
        assert torch.isfinite(method.decode(code, FLAIR)).all()


def test_the_residual_is_small() -> None:
    method = network()
    code = method.code(raw(0.0, m7=40.0, m8=-40.0), torch.ones(1, 3, 8, 8), [T1W])
    assert code[:, RESIDUAL:].abs().max() <= 0.3
    assert code[:, LOG_SD].shape[1] == 3


def test_the_network_sees_the_sequence() -> None:
    method = network()
    images = torch.rand(1, 3, 16, 16)
    assert (method.encode(images, T1W) - method.encode(images, T2W)).abs().max() > 1e-3


def test_every_parameter_learns() -> None:
    method = network()
    method.gain[2].weight.data.normal_()
    images = torch.rand(2, 3, 16, 16)
    vectors = torch.randn(2, method.unet.mapper[0].in_features)
    maps, logits = method(images, vectors)
    code = method.code(maps, images, [T1W, FLAIR])
    (method.decode(code, T2W).sum() + code.sum() + logits.square().sum()).backward()
    still = [name for name, each in method.named_parameters() if each.grad is None or not each.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", list(PRESETS))
def test_no_sequence_is_without_signal_in_all_tissues(name: str) -> None:
    """Near the null of one tissue another one tells how strong a sequence is."""
    assert strength(preset_acquisition(name)) > 0.02
