"""Losses against closed forms and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mrstyle_trainer.losses import absolute, anchored, recognized, structural


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    first, noise = torch.rand(2, 2, 1, 40, 33, generator=torch.Generator().manual_seed(0)).unbind(0)
    return first, (0.7 * first + 0.3 * noise)


def test_losses_of_identical_images_are_zero(images: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, _ = images
    assert absolute(first, first) == 0
    assert structural(first, first).item() == pytest.approx(0, abs=1e-6)


def test_structural_is_one_minus_ssim(images: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = images
    expected = []
    for one, other in zip(first[:, 0].numpy(), second[:, 0].numpy(), strict=True):
        options = {"win_size": 7, "data_range": 1.0, "use_sample_covariance": False, "full": True}
        _, ssim_map = structural_similarity(one, other, **options)
        expected.append(ssim_map[3:-3, 3:-3].mean())  # whole windows only
    assert structural(first, second).item() == pytest.approx(1 - np.mean(expected), abs=1e-3)


def test_anchored_compares_known_tissues_only() -> None:
    style = torch.zeros(2, 4, 1, 1)
    style[:, 0] = 0.5
    anchors = torch.tensor([[0.7, float("nan")], [0.3, float("nan")]])
    assert anchored(style, anchors).item() == pytest.approx(0.2)
    assert anchored(style, torch.full((2, 2), float("nan"))) == 0


def test_recognized_weighs_groups() -> None:
    maps = torch.full((1, 3, 1, 2), 0.25)  # air has the rest, 0.25 as well
    groups = torch.tensor([[[1, 2]]])
    maps[0, 0, 0, 0], maps[0, 1, 0, 0] = 0.4, 0.1
    even = recognized(maps, groups, torch.ones(3)).item()
    heavy = recognized(maps, groups, torch.tensor([1.0, 1.0, 3.0])).item()
    assert even == pytest.approx(-(np.log(0.4) + np.log(0.25)) / 2)
    assert heavy == pytest.approx(-(np.log(0.4) + 3 * np.log(0.25)) / 4)
    assert recognized(maps, torch.tensor([[[1, -1]]]), torch.ones(3)).item() == pytest.approx(-np.log(0.4))
