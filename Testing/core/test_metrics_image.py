"""Image metrics against scikit-image, MONAI and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import metrics as skimage_metrics

from mrstyle.errors import InputError
from mrstyle.metrics import image as metrics

GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Textured content in [0, 1] with a flat background, and a changed, noisy copy."""
    generator = np.random.default_rng(seed)
    x = gaussian_filter(generator.random(shape), 1.2)
    x = (x - x.min()) / (x.max() - x.min())
    x[: shape[0] // 3] = 0
    y = 0.9 * x**1.3 + 0.05 * generator.standard_normal(shape)
    return x.astype(np.float32), y.astype(np.float32)


def skimage_map(x: np.ndarray, y: np.ndarray, data_range: float) -> tuple[float, np.ndarray]:
    return skimage_metrics.structural_similarity(
        x.astype(float), y.astype(float), data_range=data_range, full=True, **GAUSSIAN
    )


@pytest.mark.parametrize("shape", [(40, 37, 50), (11, 11, 11), (70, 33, 12), (64, 61), (11, 300)])
@pytest.mark.parametrize("gain", [1.0, 700.0])
def test_ssim_map_equals_scikit_image(shape: tuple[int, ...], gain: float) -> None:
    x, y = (gain * image for image in pair(shape))
    mean, expected = skimage_map(x, y, gain)

    np.testing.assert_allclose(metrics.ssim_map(x, y, data_range=gain), expected, atol=1e-4)
    if min(shape) > 11:
        assert metrics.ssim(x, y, data_range=gain, mask=None) == pytest.approx(mean, abs=1e-4)


def test_ssim_map_is_accurate_in_flat_bright_regions() -> None:
    x = np.full((30, 30, 30), 0.97, dtype=np.float32)
    y = x + np.float32(1e-3) * np.random.default_rng(0).standard_normal(x.shape, dtype=np.float32)
    x[:, :, :10] = 0

    np.testing.assert_allclose(metrics.ssim_map(x, y, data_range=1.0), skimage_map(x, y, 1.0)[1], atol=1e-4)


def test_ssim_does_not_depend_on_the_number_of_threads() -> None:
    x, y = pair((50, 30, 30))
    before = torch.get_num_threads()
    maps = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            maps.append(metrics.ssim_map(x, y, data_range=1.0))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)

    np.testing.assert_allclose(maps[1], maps[0], atol=1e-6)
    np.testing.assert_allclose(maps[2], maps[0], atol=1e-6)


def test_unset_memory_never_reaches_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pair((50, 20, 20))
    expected = metrics.ssim_map(x, y, data_range=1.0)
    monkeypatch.setattr(torch, "empty", lambda *shape: torch.full(shape, math.nan))

    np.testing.assert_array_equal(metrics.ssim_map(x, y, data_range=1.0), expected)


def test_one_slice_gets_the_2d_map() -> None:
    x, y = pair((30, 40))

    volume = metrics.ssim_map(x[:, None], y[:, None], data_range=1.0)

    np.testing.assert_allclose(volume[:, 0], metrics.ssim_map(x, y, data_range=1.0), atol=1e-6)


def test_inputs_are_left_alone() -> None:
    x, y = pair((20, 20, 20))
    before = x.copy(), y.copy()
    for measure in (metrics.ssim, metrics.ms_ssim, metrics.nmi, metrics.psnr):
        measure(x, y, data_range=1.0, mask=None)
    metrics.blur(x, mask=None)

    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_identical_volumes_are_perfect() -> None:
    x, _ = pair((24, 24, 24))

    assert metrics.psnr(x, x, data_range=1.0, mask=None) == math.inf
    assert metrics.ssim(x, x, data_range=1.0, mask=None) == 1.0
    assert metrics.ms_ssim(x, x, data_range=1.0, mask=None) == 1.0
    assert metrics.nmi(x, x, data_range=1.0, mask=None) == pytest.approx(2.0)
    assert metrics.flicker_ratio(x, x, axis=0, data_range=1.0, mask=None) == 1.0


def test_constant_difference_has_the_closed_form() -> None:
    x = np.full((12, 12, 12), 0.5, dtype=np.float32)
    y = x + np.float32(0.1)

    assert metrics.psnr(y, x, data_range=1.0, mask=None) == pytest.approx(20.0, abs=1e-3)
    expected = (2 * 0.5 * 0.6 + 1e-4) / (0.25 + 0.36 + 1e-4)
    assert metrics.ssim(x, y, data_range=1.0, mask=None) == pytest.approx(expected, abs=1e-4)


def test_psnr_equals_scikit_image_and_follows_the_data_range() -> None:
    x, y = pair((20, 20, 20))
    expected = skimage_metrics.peak_signal_noise_ratio(x, y, data_range=1.0)

    assert metrics.psnr(y, x, data_range=1.0, mask=None) == pytest.approx(expected, abs=1e-3)
    assert metrics.psnr(y, x, data_range=10.0, mask=None) == pytest.approx(expected + 20, abs=1e-3)


def test_masks_pick_the_averaged_voxels() -> None:
    x, y = pair((24, 24, 24))
    mask = np.zeros(x.shape, dtype=bool)
    mask[5:9, 6:20, 3:] = True
    similarity = metrics.ssim_map(x, y, data_range=1.0)
    error = np.mean((x[mask].astype(float) - y[mask]) ** 2)

    assert metrics.ssim(x, y, data_range=1.0, mask=mask) == pytest.approx(similarity[mask].mean(), abs=1e-6)
    assert metrics.psnr(x, y, data_range=1.0, mask=mask) == pytest.approx(-10 * math.log10(error), abs=1e-3)
    outside = np.where(mask, y, 7).astype(np.float32)
    for measure in (metrics.psnr, metrics.nmi):
        assert measure(outside, x, data_range=1.0, mask=mask) == measure(y, x, data_range=1.0, mask=mask)
    assert metrics.blur(outside, mask=None) != metrics.blur(y, mask=None)


@pytest.mark.parametrize(("shape", "scales"), [((48, 52, 56), 3), ((192, 208), 5)])
def test_ms_ssim_equals_monai(shape: tuple[int, ...], scales: int) -> None:
    monai_metrics = pytest.importorskip("monai.metrics")
    x, y = pair(shape)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    oracle = monai_metrics.MultiScaleSSIMMetric(
        spatial_dims=len(shape), data_range=1.0, weights=(weights / weights.sum()).tolist()
    )

    assert metrics.ms_ssim_scales(shape) == scales
    expected = float(oracle(torch.from_numpy(x)[None, None], torch.from_numpy(y)[None, None]))
    assert metrics.ms_ssim(x, y, data_range=1.0, mask=None) == pytest.approx(expected, abs=2e-4)


def test_ms_ssim_with_a_thin_mask_at_an_odd_end() -> None:
    x, y = pair((45, 45, 45))
    mask = np.zeros(x.shape, dtype=bool)
    mask[-1, 20:22, 20:22] = True

    assert 0 < metrics.ms_ssim(x, y, data_range=1.0, mask=mask) < 1


def test_nmi_equals_scikit_image_and_ignores_the_contrast() -> None:
    x, y = (np.clip(image, 0, 1) for image in pair((30, 30, 30)))
    for image in (x, y):
        image.flat[:2] = 0, 1  # both use the whole data range, as scikit-image's bins do
    expected = skimage_metrics.normalized_mutual_information(x, y, bins=64)

    assert metrics.nmi(x, y, data_range=1.0, mask=None) == pytest.approx(expected, abs=1e-3)
    assert metrics.nmi(1 - x, x, data_range=1.0, mask=None) > 1.9
    shuffled = np.random.default_rng(1).permutation(x.ravel()).reshape(x.shape)
    assert metrics.nmi(shuffled, x, data_range=1.0, mask=None) < 1.05


def test_blur_rises_with_blur_and_ignores_the_scale() -> None:
    sharp = np.random.default_rng(0).random((40, 40, 40)).astype(np.float32)
    values = [metrics.blur(gaussian_filter(sharp, sigma), mask=None) for sigma in (0, 0.7, 1.5, 3)]

    assert values == sorted(values)
    assert values[0] < 0.2
    assert values[-1] > 0.5
    assert metrics.blur(sharp * 300 + 50, mask=None) == pytest.approx(values[0], abs=1e-4)
    one_axis = gaussian_filter(sharp, (0, 0, 3))
    assert metrics.blur(one_axis, mask=None) > 0.5


def test_blur_of_a_sharp_edge_in_closed_form() -> None:
    edge = np.zeros((1, 40), dtype=np.float32)
    edge[:, 20:] = 9

    # Nine steps of 1 in place of one of 9: of the edge's own difference, 1/9 is left.
    assert metrics.blur(edge, mask=None) == pytest.approx(1 / 9, abs=1e-5)


def test_flicker_of_slice_jumps_in_closed_form() -> None:
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None], (20, 8, 8))
    jumping = ramp + np.float32(3) * (np.arange(20) % 2)[:, None, None].astype(np.float32)

    assert metrics.flicker(ramp, axis=0, data_range=10.0, mask=None) == 0
    assert metrics.flicker(jumping, axis=0, data_range=10.0, mask=None) == pytest.approx(0.6)
    assert metrics.flicker(jumping, axis=1, data_range=10.0, mask=None) == 0
    assert metrics.flicker_ratio(jumping, ramp, axis=0, data_range=10.0, mask=None) == math.inf
    assert metrics.flicker_ratio(2 * jumping, jumping, axis=0, data_range=10.0, mask=None) == pytest.approx(2)


def test_flicker_counts_only_triples_in_the_mask() -> None:
    volume = np.zeros((9, 4, 4), dtype=np.float32)
    volume[6] = 1
    mask = np.zeros(volume.shape, dtype=bool)
    mask[:6] = True

    assert metrics.flicker(volume, axis=0, data_range=1.0, mask=mask) == 0
    with pytest.raises(InputError, match="three neighboring slices"):
        metrics.flicker(volume, axis=0, data_range=1.0, mask=np.arange(9)[:, None, None] + mask * 0 == 3)


Measure = Callable[..., float]


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim, metrics.ms_ssim, metrics.nmi])
def test_bad_input_is_one_sentence(measure: Measure) -> None:
    x, y = pair((16, 16, 16))
    with_nan = y.copy()
    with_nan[3, 3, 3] = np.nan
    for message, second, options in (
        ("differ in shape", y[1:], {}),
        ("mask is empty", y, {"mask": np.zeros(x.shape, dtype=bool)}),
        ("must be boolean", y, {"mask": np.ones((4, 4, 4), dtype=bool)}),
        ("must be a positive number", y, {"data_range": 0.0}),
        ("NaN or infinite", with_nan, {}),
    ):
        with pytest.raises(InputError, match=message) as caught:
            measure(x, second, **{"data_range": 1.0, "mask": None, **options})
        assert "\n" not in str(caught.value)


def test_volumes_smaller_than_the_window_are_refused() -> None:
    x = np.random.default_rng(0).random((6, 30, 30), dtype=np.float32)

    for measure in (metrics.ssim, metrics.ms_ssim):
        with pytest.raises(InputError, match="too small for SSIM"):
            measure(x, x, data_range=1.0, mask=None)
    with pytest.raises(InputError, match="too small for the blur measure"):
        metrics.blur(x, mask=None)
    with pytest.raises(InputError, match="one value only"):
        metrics.blur(np.ones((20, 20, 20), dtype=np.float32), mask=None)


def test_metrics_can_be_measured_in_inference_mode() -> None:
    x, y = np.random.default_rng(0).random((2, 24, 26, 28)).astype(np.float32)
    expected = metrics.ms_ssim(x, y, data_range=1.0, mask=None)
    with torch.inference_mode():
        assert metrics.ms_ssim(x, y, data_range=1.0, mask=None) == expected
        similarity = metrics.ssim_map(x, y, data_range=1.0)
    similarity += 1.0  # the map is an ordinary array
