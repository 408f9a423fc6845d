"""Foreground masks of simulated and real images; intensity maps there and back."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.errors import InputError
from mrstyle.intensity import IntensityMap, foreground_mask
from mrstyle.volume import read_volume


def ball(shape: tuple[int, int, int], radius: float) -> np.ndarray:
    """True inside a ball around the center; the radius is a share of the half size."""
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return sum(axis**2 for axis in axes) < radius**2


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


@pytest.fixture
def head() -> tuple[np.ndarray, np.ndarray]:
    """Scalp, dark skull, brain with a dark ventricle; and the true mask."""
    shape = (60, 70, 64)
    image = np.zeros(shape, dtype=np.float32)
    for radius, value in ((0.85, 150.0), (0.8, 6.0), (0.74, 100.0), (0.2, 3.0)):
        image[ball(shape, radius)] = value
    return image, ball(shape, 0.85)


def rician(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, (2, *image.shape))
    return np.hypot(image + noise[0], noise[1]).astype(np.float32)


@pytest.mark.parametrize("sigma", [1.0, 4.0, 8.0])
def test_head_in_noise_is_found_with_skull_and_ventricle(head: tuple, sigma: float) -> None:
    image, truth = head
    mask = foreground_mask(rician(image, sigma))
    assert mask.dtype == bool and mask.shape == image.shape
    assert dice(mask, truth) > 0.95
    assert mask[30, 35, 32], "the ventricle is a hole"


def test_scanner_padding_of_zeros_is_not_mistaken_for_a_mask(head: tuple) -> None:
    image, truth = head
    noisy = np.round(rician(image, 3.0))
    noisy[:, :, :8] = 0
    noisy[:, :, -8:] = 0
    truth = truth.copy()
    truth[:, :, :8] = truth[:, :, -8:] = False
    assert dice(foreground_mask(noisy), truth) > 0.93


@pytest.mark.parametrize("background", [0.0, -1.0])
def test_masked_brain_is_what_differs_from_the_background(background: float) -> None:
    shape = (40, 44, 48)
    truth = ball(shape, 0.8)
    z_scores = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    mask = foreground_mask(np.where(truth, z_scores, np.float32(background)))
    assert np.array_equal(mask, truth)


def test_crop_without_air_is_all_foreground() -> None:
    tissue = np.random.default_rng(0).uniform(100, 400, (20, 30, 40)).astype(np.float32)
    assert foreground_mask(tissue).all()


def test_speckle_outside_the_patient_is_left_out(head: tuple) -> None:
    image, _ = head
    image[2:5, 2:5, 2:5] = 140
    assert not foreground_mask(rician(image, 2.0))[:6, :6, :6].any()


@pytest.mark.parametrize("shape", [(5, 200, 201), (12, 97, 190)])
def test_mask_of_thick_slices_has_their_shape(shape: tuple[int, int, int]) -> None:
    truth = np.broadcast_to(ball((3, *shape[1:]), 0.7)[1], shape)
    assert dice(foreground_mask(rician(truth * np.float32(100), 3.0)), truth) > 0.95


def test_map_there_and_back_keeps_float32_values() -> None:
    values = np.random.default_rng(0).uniform(-500, 4000, 10_000).astype(np.float32)
    intensity = IntensityMap(offset=17.3, scale=812.7)
    back = intensity.inverse(intensity.forward(values))
    assert np.abs(back - values).max() <= 1e-6 * np.abs(values).max()
    assert back.dtype == np.float32
    assert IntensityMap.from_dict(intensity.as_dict()) == intensity


def test_magnitude_keeps_zero_and_takes_the_percentile_to_one(head: tuple) -> None:
    image = rician(head[0], 2.0)
    image[30, 35, 10:14] = 5000  # a few voxels of flowing blood do not set the scale
    intensity = IntensityMap.robust(image)
    assert intensity.offset == 0
    assert intensity.scale == pytest.approx(np.percentile(image[foreground_mask(image)], 99.5))
    assert 145 < intensity.scale < 170


def test_interpolation_undershoot_does_not_move_zero() -> None:
    truth = ball((30, 30, 30), 0.8)
    image = np.where(truth, 200.0, 0.0) + np.random.default_rng(0).normal(0, 20, truth.shape) * truth
    image[15, 15, 15] = -40
    assert IntensityMap.robust(image.astype(np.float32)).offset == 0


def test_z_scores_start_at_the_low_end_of_the_foreground() -> None:
    truth = ball((40, 40, 40), 0.8)
    image = np.where(truth, np.random.default_rng(0).normal(0, 1, truth.shape), 0).astype(np.float32)
    intensity = IntensityMap.robust(image)
    assert intensity.offset == pytest.approx(-2.58, abs=0.1)
    assert intensity.forward(np.float32(2.58)) == pytest.approx(1, abs=0.03)


def test_scaling_does_not_depend_on_the_gain_of_the_scanner(head: tuple) -> None:
    image = rician(head[0], 2.0)
    bright = image * np.float32(37.0)
    expected = IntensityMap.robust(image).forward(image)
    np.testing.assert_allclose(IntensityMap.robust(bright).forward(bright), expected, rtol=1e-5)


def test_no_foreground_and_no_range_are_refused() -> None:
    ramp = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    with pytest.raises(InputError, match="foreground is empty"):
        IntensityMap.robust(ramp, np.zeros(ramp.shape, dtype=bool))
    with pytest.raises(InputError, match="one value only"):
        IntensityMap.robust(np.zeros((3, 3, 3), dtype=np.float32))
    with pytest.raises(InputError, match="positive scale"):
        IntensityMap(0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("brain/openms_mni/patient19/T1.nii.gz", 0.15, 0.155),
        ("brain/openms_mni/patient19/FLAIR.nii.gz", 0.15, 0.155),
        ("brain/t1_multivendor/siemens_prismafit_xa30_tfl_NOnorm.nii.gz", 0.33, 0.42),
        ("brain/t1_multivendor/uih_umr770_3T_gre_fsp.nii.gz", 0.46, 0.56),
        ("body/spine_sct_testing/t2s/t2s_uncropped.nii.gz", 0.42, 0.5),
        ("body/cardiac_cine_sunnybrook/SC-HF-I-1/SC-HF-I-1_ED.nii.gz", 0.4, 0.52),
    ],
)
def test_real_images(shared_data, name: str, low: float, high: float) -> None:
    """Shares that were right by eye."""
    mask = foreground_mask(read_volume(shared_data / name).array)
    assert low < mask.mean() < high
