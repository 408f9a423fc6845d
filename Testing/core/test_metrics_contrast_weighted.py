"""Contrast-weighted SSIM against its definition, written out with scipy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.metrics import structural_similarity

from mrstyle.errors import InputError
from mrstyle.metrics import contrast_weighted as cw

SPACING_MM = (1.0, 1.5, 3.0)


@pytest.fixture(scope="module")
def content() -> np.ndarray:
    texture = gaussian_filter(np.random.default_rng(0).random((24, 40, 36)), 1.0)
    return ((texture - texture.min()) / (texture.max() - texture.min())).astype(np.float32)


@pytest.fixture(scope="module")
def lesion(content: np.ndarray) -> np.ndarray:
    inside = np.zeros(content.shape, dtype=bool)
    inside[8:14, 10:18, 12:20] = True
    return inside


def skimage_score(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    return structural_similarity(
        x.astype(float),
        y.astype(float),
        data_range=1.0,
        full=True,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


def test_weights_are_the_scaled_distance_in_mm(lesion: np.ndarray) -> None:
    distance = distance_transform_edt(~lesion, sampling=SPACING_MM[::-1])

    of_content, of_style = cw.distance_weights(lesion, spacing_mm=SPACING_MM)

    np.testing.assert_allclose(of_content, 0.1 + 0.9 * distance / distance.max(), atol=1e-5)
    np.testing.assert_allclose(of_style, 1.1 - of_content, atol=1e-6)
    assert of_content.dtype == of_style.dtype == np.float32


@pytest.mark.parametrize("everywhere", [False, True])
def test_without_a_distance_all_weights_are_1_and_scores_plain_ssim(
    content: np.ndarray, everywhere: bool
) -> None:
    generated = content**1.2
    scores = cw.contrast_weighted_ssim(
        generated,
        content,
        content,
        enhanced=np.full(content.shape, everywhere),
        spacing_mm=SPACING_MM,
        data_range=1.0,
        mask=None,
    )
    mean, expected = skimage_score(generated, content)

    np.testing.assert_allclose(scores.content.map, expected, atol=1e-4)
    assert scores.style is not None
    for found in (scores.content, scores.style):
        assert found.score == pytest.approx(mean, abs=1e-4)
        assert found.average == pytest.approx(mean, abs=1e-4)


def test_scores_follow_the_definition(content: np.ndarray, lesion: np.ndarray) -> None:
    style = gaussian_filter(content, 1) + 0.3 * lesion
    generated = content + 0.2 * lesion
    mask = np.zeros(content.shape, dtype=bool)
    mask[2:20, 5:30, 5:30] = True
    scores = cw.contrast_weighted_ssim(
        generated, content, style, enhanced=lesion, spacing_mm=SPACING_MM, data_range=1.0, mask=mask
    )
    distance = distance_transform_edt(~lesion, sampling=SPACING_MM[::-1])
    far = 0.1 + 0.9 * np.minimum(distance / distance[mask].max(), 1)

    assert scores.style is not None
    for found, other, weights in ((scores.content, content, far), (scores.style, style, 1.1 - far)):
        weighted = skimage_score(generated * weights, other * weights)[1]
        plain = skimage_score(generated, other)[1]
        assert found.score == pytest.approx(weighted[mask].mean(), abs=1e-4)
        assert found.average == pytest.approx((weights * plain)[mask].sum() / weights[mask].sum(), abs=1e-4)
        np.testing.assert_allclose(found.map, plain, atol=1e-4)
        np.testing.assert_allclose(found.weights, weights, atol=1e-5)


def test_content_score_forgives_enhancement_and_style_score_demands_it(
    content: np.ndarray, lesion: np.ndarray
) -> None:
    style = content + 0.4 * lesion
    options = {"enhanced": lesion, "spacing_mm": SPACING_MM, "data_range": 1.0, "mask": None}
    enhanced = cw.contrast_weighted_ssim(style, content, style, **options)
    untouched = cw.contrast_weighted_ssim(content, content, style, **options)

    assert enhanced.content.average > skimage_score(style, content)[0]
    assert enhanced.style is not None
    assert untouched.style is not None
    assert enhanced.style.score == pytest.approx(1.0)
    assert untouched.style.score < untouched.content.score == pytest.approx(1.0)
    assert cw.contrast_weighted_ssim(style, content, None, **options).style is None


def test_series_enhancement_is_signed_and_thresholded_on_255(lesion: np.ndarray) -> None:
    before = np.full(lesion.shape, 400.0, dtype=np.float32)
    darker = np.roll(lesion, 15, axis=1)
    gains = (0.0, 170.0, 170.0)  # on a range of 1000, mean gain 113 is 29 of 255
    series = np.stack([before, *(before + gain * lesion - gain * darker for gain in gains)])

    np.testing.assert_array_equal(cw.enhanced_in_series(series, data_range=1000.0), lesion)
    assert not cw.enhanced_in_series(series, data_range=2000.0).any()
    np.testing.assert_array_equal(
        cw.enhanced_in_pair(series[0], series[3], data_range=1000.0), lesion | darker
    )
    with pytest.raises(InputError, match="at least two frames"):
        cw.enhanced_in_series(series[:1], data_range=1000.0)


def test_between_contrasts_the_tenth_that_changes_most_is_enhanced(content: np.ndarray) -> None:
    mask = np.zeros(content.shape, dtype=bool)
    mask[4:20, 5:35, 5:30] = True
    inverted = 1 - content
    changed = np.abs(inverted - content)
    assert (changed[mask] > 20 / 255).mean() > 0.65  # the published threshold would take most

    threshold = cw.pair_threshold(content * 1000, inverted * 1000, data_range=1000.0, mask=mask)

    assert threshold == pytest.approx(255 * np.quantile(changed[mask], 0.9), rel=1e-4)
    enhanced = cw.enhanced_in_pair(content, inverted, data_range=1.0, threshold=threshold)
    assert enhanced[mask].mean() == pytest.approx(0.1, abs=0.01)


def test_small_changes_are_no_enhancement_and_large_ones_keep_the_published_threshold(
    content: np.ndarray, lesion: np.ndarray
) -> None:
    mask = np.ones(content.shape, dtype=bool)
    noise = np.random.default_rng(1).normal(0, 0.01, content.shape)
    for after in (content + noise, content + noise + 0.5 * lesion):
        assert cw.pair_threshold(content, after, data_range=1.0, mask=mask) == cw.ENHANCEMENT_THRESHOLD


def test_weights_reach_1_at_the_farthest_voxel_of_the_mask(lesion: np.ndarray) -> None:
    near = np.zeros(lesion.shape, dtype=bool)
    near[6:16, 8:20, 10:22] = True
    weights, _ = cw.distance_weights(lesion, spacing_mm=SPACING_MM, mask=near)

    assert weights[near].max() == pytest.approx(1.0)
    assert weights.max() == pytest.approx(1.0)
    assert weights[lesion].max() == pytest.approx(0.1)
    # Nothing of the mask is away from enhancement: there is no distance.
    assert (cw.distance_weights(lesion, spacing_mm=SPACING_MM, mask=lesion)[0] == 1).all()


def test_enhanced_voxels_of_another_shape_are_refused(content: np.ndarray) -> None:
    with pytest.raises(InputError, match="enhanced voxels have shape"):
        cw.contrast_weighted_ssim(
            content,
            content,
            None,
            enhanced=np.ones((3, 3, 3), dtype=bool),
            spacing_mm=SPACING_MM,
            data_range=1.0,
            mask=None,
        )
