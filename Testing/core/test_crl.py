"""Contrast representation learning: three modes, the published size, and the identity that its formula promises."""

from __future__ import annotations

import pytest
import torch
from tissue_fixtures import FLAIR, T1W, T2W

from mrstyle import methods
from mrstyle.errors import PackageError
from mrstyle.methods.crl import CRL

MODES = ("modulate", "film", "attend")


def network(**config: object) -> CRL:
    torch.manual_seed(0)
    built = methods.build("crl", {"width": 16, "blocks": 2} | config).eval()
    assert isinstance(built, CRL)
    return built


def test_the_published_size() -> None:
    """38.951 M: the released model without the attention that no input reaches."""
    config = {"width": 256, "blocks": 32, "context": 0, "parameters": "times", "estimates": False}
    with torch.device("meta"):
        built = methods.build("crl", config)
    assert sum(each.numel() for each in built.parameters()) == 38_951_169


@pytest.mark.parametrize("mode", ["modulate", "film"])
def test_features_come_back_when_target_is_source(mode: str) -> None:
    method = network(mode=mode)
    images = torch.rand(1, 3, 12, 12)
    features = method.encoder(images)
    again = method.mixing.insert(
        method.encode(images, FLAIR), method.mapper(method._inputs(method._vector(FLAIR, images)))
    )
    torch.testing.assert_close(again, features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_target_changes_the_image_and_the_code_is_shared(mode: str) -> None:
    method = network(mode=mode)
    with torch.no_grad():
        code = method.encode(torch.rand(2, 3, 12, 12), T1W)
        one, two = (method.draw(code, method._vector(target, code)) for target in (T2W, FLAIR))
    assert one.shape == (2, 1, 12, 12)
    assert (one - two).abs().max() > 1e-6
    torch.testing.assert_close(method.decode(code, T2W), one.clamp_min(0))


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_learns(mode: str) -> None:
    method = network(mode=mode)
    images, vectors = torch.rand(2, 3, 12, 12), torch.randn(2, 11)
    outputs, common = method(images, vectors, torch.randn(2, 3, 11))
    assert outputs.shape == (2, 3, 12, 12) and common.shape == (2, 16, 12, 12)
    (outputs.square().sum() + method.estimator(images[:, :1]).square().sum()).backward()
    still = [name for name, each in method.named_parameters() if each.grad is None or not each.grad.any()]
    assert still == []


def test_with_times_alone_the_family_is_not_seen() -> None:
    method = network(parameters="times")
    assert method.mapper[0].in_features == 3


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PackageError, match="mode"):
        methods.build("crl", {"mode": "multiply"})
