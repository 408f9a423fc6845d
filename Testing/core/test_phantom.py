"""The digital head: plausible anatomy, right contrasts, one person a seed at any voxel size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrstyle.acquisition import Acquisition
from mrstyle.errors import InputError
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.physics.tissues import TISSUES

SHAPE_2MM = (96, 112, 96)
MPRAGE = Acquisition(
    family="mprage", repetition_time_ms=2300, echo_time_ms=3, inversion_time_ms=900, flip_angle_deg=9
)
T2 = Acquisition(family="spin_echo", repetition_time_ms=5000, echo_time_ms=95)
FLAIR = Acquisition(
    family="inversion_recovery", repetition_time_ms=9000, echo_time_ms=110, inversion_time_ms=2450
)


@pytest.fixture(scope="module")
def head() -> HeadPhantom:
    return head_phantom(1)


@pytest.fixture(scope="module")
def coarse_head() -> HeadPhantom:
    return head_phantom(1, SHAPE_2MM, 2.0, lesions=8)


def milliliters(head: HeadPhantom, *names: str) -> float:
    voxel_mm3 = float(abs(np.linalg.det(head.affine[:3, :3])))
    return head.mask(*names).sum() * voxel_mm3 / 1000


def median_signal(head: HeadPhantom, acquisition: Acquisition) -> dict[str, float]:
    """Median over the inside of each structure, away from the partial volume at its border."""
    image = head.render(acquisition, noise=0, bias=0).array
    names = ("white_matter", "gray_matter", "csf", "fat", "bone")
    inside = {name: ndimage.binary_erosion(head.mask(name)) for name in names}
    return {name: float(np.median(image[mask])) for name, mask in inside.items()}


def test_same_seed_same_head(coarse_head: HeadPhantom) -> None:
    again = head_phantom(1, SHAPE_2MM, 2.0, lesions=8)
    assert np.array_equal(again.labels, coarse_head.labels)
    assert np.array_equal(again.t1_ms, coarse_head.t1_ms)
    assert np.array_equal(again.render(MPRAGE, seed=3).array, coarse_head.render(MPRAGE, seed=3).array)


def test_other_seed_other_head(coarse_head: HeadPhantom) -> None:
    other = head_phantom(2, SHAPE_2MM, 2.0)
    brain, other_brain = coarse_head.mask("gray_matter"), other.mask("gray_matter")
    dice = 2 * (brain & other_brain).sum() / (brain.sum() + other_brain.sum())
    assert dice < 0.7  # the folds of two people do not coincide


def test_render_seed_changes_noise_alone(coarse_head: HeadPhantom) -> None:
    first, second = (coarse_head.render(MPRAGE, bias=0, seed=seed).array for seed in (0, 1))
    clean = coarse_head.render(MPRAGE, bias=0, noise=0).array
    inside = coarse_head.mask("white_matter")
    assert not np.array_equal(first, second)
    assert np.std((first - clean)[inside]) == pytest.approx(20, rel=0.1)  # 2 % of the scale of 1000


# Of the first two dozen, 2 has the smallest brain, 12 and 17 have the largest.
@pytest.mark.parametrize("seed", [0, 2, 4, 12, 17])
def test_volumes_are_those_of_an_adult(seed: int) -> None:
    head = head_phantom(seed, SHAPE_2MM, 2.0)
    gray = milliliters(
        head, "gray_matter", "deep_gray_matter", "thalamus", "pallidum", "cerebellar_gray_matter"
    )
    white = milliliters(head, "white_matter", "corpus_callosum", "cerebellar_white_matter")
    assert 500 < gray < 800
    assert 350 < white < 650
    assert 10 < milliliters(head, "ventricle", "choroid_plexus") < 60
    assert 80 < milliliters(head, "cerebellar_gray_matter", "cerebellar_white_matter") < 180


def test_cortical_ribbon_is_two_to_three_and_a_half_millimeters(head: HeadPhantom) -> None:
    white = head.mask("white_matter", "corpus_callosum")
    to_white = ndimage.distance_transform_edt(~white)
    # The pial side of the ribbon: gray voxels that touch fluid; a voxel center lies half a voxel inside it.
    pial = head.mask("gray_matter") & ndimage.binary_dilation(head.mask("csf"))
    assert 2.0 < float(to_white[pial].mean()) < 3.5


def test_every_structure_is_present(coarse_head: HeadPhantom) -> None:
    present = {coarse_head.names[value] for value in np.unique(coarse_head.labels)}
    assert present == set(coarse_head.names)
    assert set(coarse_head.tissues) <= set(TISSUES)


def test_lesions_only_when_asked() -> None:
    assert milliliters(head_phantom(1, SHAPE_2MM, 2.0), "lesion") == 0


def test_white_matter_is_one_piece(head: HeadPhantom) -> None:
    white = head.mask(
        "white_matter", "corpus_callosum", "brainstem", "thalamus", "deep_gray_matter", "pallidum"
    )
    pieces, _ = ndimage.label(white)
    sizes = np.bincount(pieces.ravel())[1:]
    assert sizes.max() > 0.97 * sizes.sum()


def test_fluid_lies_between_cortex_and_skull(head: HeadPhantom) -> None:
    touching = ndimage.binary_dilation(head.mask("bone", "marrow")) & head.mask("gray_matter")
    assert touching.sum() < 0.001 * head.mask("gray_matter").sum()


def test_cortex_is_folded(head: HeadPhantom) -> None:
    """Sulci bury most of the cortex: far more pial surface than a smooth envelope would have."""
    cerebrum = head.mask(
        "gray_matter", "white_matter", "corpus_callosum", "deep_gray_matter", "thalamus", "ventricle"
    )
    envelope = ndimage.binary_closing(np.pad(cerebrum, 12), iterations=10)[12:-12, 12:-12, 12:-12]

    def surface(mask: np.ndarray) -> int:
        return int((mask & ~ndimage.binary_erosion(mask)).sum())

    assert surface(cerebrum) > 1.8 * surface(envelope)


def test_contrast_orders(head: HeadPhantom) -> None:
    t1, t2, flair = (median_signal(head, acquisition) for acquisition in (MPRAGE, T2, FLAIR))
    assert t1["fat"] > t1["white_matter"] > t1["gray_matter"] > t1["csf"] > t1["bone"]
    assert t2["csf"] > t2["gray_matter"] > t2["white_matter"] > t2["bone"]
    assert flair["gray_matter"] > flair["white_matter"] > 3 * flair["csf"]


def test_same_anatomy_at_one_and_two_millimeters(head: HeadPhantom, coarse_head: HeadPhantom) -> None:
    for name in ("gray_matter", "csf", "ventricle", "fat", "cerebellar_white_matter"):
        assert milliliters(coarse_head, name) == pytest.approx(milliliters(head, name), rel=0.15), name
    coarse, fine = (milliliters(each, "white_matter", "lesion") for each in (coarse_head, head))
    assert coarse == pytest.approx(fine, rel=0.15)


def test_shape_spacing_and_affine_are_honored(coarse_head: HeadPhantom) -> None:
    assert coarse_head.labels.shape == coarse_head.pd.shape == SHAPE_2MM
    assert coarse_head.labels.dtype == np.uint8
    assert {coarse_head.pd.dtype, coarse_head.t1_ms.dtype, coarse_head.t2_ms.dtype} == {np.dtype(np.float32)}
    volume = coarse_head.render(MPRAGE)
    assert volume.array.shape == SHAPE_2MM
    assert np.allclose(np.diag(volume.affine), [2, 2, 2, 1])
    # The front of the head (eyes) and its top (cortex above brainstem) are where the affine says.
    centers = {
        name: volume.affine[:3] @ [*ndimage.center_of_mass(coarse_head.mask(name))[::-1], 1]
        for name in ("vitreous", "gray_matter", "brainstem")
    }
    assert centers["vitreous"][1] > centers["gray_matter"][1] + 50
    assert centers["gray_matter"][2] > centers["brainstem"][2] + 20


def test_without_skull_only_brain_and_fluid_remain(coarse_head: HeadPhantom) -> None:
    bare = coarse_head.render(MPRAGE, skull=False).array
    assert not bare[~(coarse_head.brain_mask() | coarse_head.mask("csf"))].any()
    assert (bare[coarse_head.mask("white_matter")] > 0).all()


def test_texture_keeps_tissues_from_being_flat(coarse_head: HeadPhantom) -> None:
    for values in (coarse_head.pd, coarse_head.t1_ms, coarse_head.t2_ms):
        inside = values[coarse_head.mask("white_matter")]
        assert 0.01 < inside.std() / inside.mean() < 0.06


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (40, 112, 96), "spacing_mm": 2.0},
        {"shape": (96, 112), "spacing_mm": 2.0},
        {"spacing_mm": 0.0},
        {"spacing_mm": -1.0},
        {"shape": SHAPE_2MM, "spacing_mm": 2.0, "lesions": -1},
        {"shape": SHAPE_2MM, "spacing_mm": 2.0, "field_strength_t": 7.0},
    ],
)
def test_bad_arguments_are_refused(arguments: dict) -> None:
    with pytest.raises(InputError):
        head_phantom(0, **arguments)


def test_bad_rendering_is_refused(coarse_head: HeadPhantom) -> None:
    with pytest.raises(InputError, match="0 or more"):
        coarse_head.render(MPRAGE, noise=-0.1)
    with pytest.raises(InputError, match="inversion_time_ms"):
        coarse_head.render(
            Acquisition(family="mprage", repetition_time_ms=2300, echo_time_ms=3, flip_angle_deg=9)
        )
    with pytest.raises(InputError, match="cortex_of_gold"):
        coarse_head.mask("cortex_of_gold")
