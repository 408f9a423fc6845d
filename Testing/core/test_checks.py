"""Scans that a model was not made for are refused in one sentence; doubtful ones get a warning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from mrstyle.acquisition import Acquisition
from mrstyle.checks import check_harmonizable, looks_t2_weighted
from mrstyle.errors import InputError
from mrstyle.intensity import foreground_mask
from mrstyle.models.card import ModelCard, load_card
from mrstyle.models.catalogue import bundled_models_folder
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.volume import Volume, to_canonical


def card_of(**accepts: Any) -> ModelCard:
    card = load_card(bundled_models_folder() / "brain-reference")
    accepted = card.accepts.model_copy(update={"contrasts": ("T1w",)} | accepts)
    return card.model_copy(update={"id": "head-model", "accepts": accepted})


CARD = card_of()


@pytest.fixture(scope="module")
def phantom() -> HeadPhantom:
    return head_phantom(31, (96, 112, 96), 2.0)


def scan(phantom: HeadPhantom, sequence: str = "MPRAGE", name: str = "scan", **options: Any) -> Volume:
    """Without an acquisition, as a file without sidecar."""
    image = phantom.render(preset_acquisition(sequence), **options)
    return replace(image, name=name, acquisition=None)


@pytest.fixture(scope="module")
def t1(phantom: HeadPhantom) -> Volume:
    return scan(phantom, name="sub-01_T1w")


def test_a_t1_weighted_head_passes_without_a_word(t1: Volume) -> None:
    assert check_harmonizable(t1, CARD) == []


def test_an_unnamed_scan_is_taken_for_what_the_model_wants_and_that_is_said(t1: Volume) -> None:
    notes = check_harmonizable(replace(t1, name="scan7"), CARD)
    assert notes == ["Nothing says of what contrast scan7 is; it is taken for T1w."]


@pytest.mark.parametrize(
    ("name", "contrast"),
    [("sub-01_T2w", "T2w"), ("AX T2 FLAIR", "FLAIR"), ("sub-2_PDw", "PDw"), ("sub-01_dir-AP_dwi", "dwi")],
)
def test_another_contrast_by_name_is_refused(t1: Volume, name: str, contrast: str) -> None:
    with pytest.raises(InputError, match=f"is {contrast} by its name, but head-model takes T1w"):
        check_harmonizable(replace(t1, name=name), CARD)


@pytest.mark.parametrize(("preset", "contrast"), [("T2w", "T2w"), ("FLAIR", "FLAIR"), ("PDw", "PDw")])
def test_the_sequence_decides_whatever_the_name_says(t1: Volume, preset: str, contrast: str) -> None:
    taken = replace(t1, acquisition=preset_acquisition(preset))
    with pytest.raises(InputError, match=f"is {contrast} by its sequence parameters"):
        check_harmonizable(taken, CARD)


@pytest.mark.parametrize("preset", ["MPRAGE", "SPGR", "T1w", "T1-FLAIR"])
def test_t1_weighted_sequences_pass(t1: Volume, preset: str) -> None:
    assert check_harmonizable(replace(t1, name="x", acquisition=preset_acquisition(preset)), CARD) == []


@pytest.mark.parametrize("skull", [True, False], ids=["with skull", "without skull"])
def test_a_t2_weighted_scan_without_a_name_is_refused_by_its_look(phantom: HeadPhantom, skull: bool) -> None:
    with pytest.raises(InputError, match="T2w by its look"):
        check_harmonizable(scan(phantom, "T2w", skull=skull), CARD)


@pytest.mark.parametrize("skull", [True, False], ids=["with skull", "without skull"])
def test_shading_does_not_make_a_t1_weighted_scan_look_otherwise(phantom: HeadPhantom, skull: bool) -> None:
    for bias in (0.0, 0.5):
        volume = scan(phantom, "MPRAGE", bias=bias, noise=0.04, skull=skull)
        assert not looks_t2_weighted(to_canonical(volume), foreground_mask(volume.array))


def test_a_model_for_any_contrast_takes_them_all(phantom: HeadPhantom) -> None:
    assert check_harmonizable(scan(phantom, "T2w", "sub-01_T2w"), card_of(contrasts=())) == []


@pytest.mark.parametrize("name", ["sub-01_ce-gadolinium_T1w", "T1POST", "t1_gd_axial", "AX T1 POST"])
def test_a_scan_after_contrast_agent_is_refused(t1: Volume, name: str) -> None:
    with pytest.raises(InputError, match=r"contrast agent by its name .* choose the scan before it"):
        check_harmonizable(replace(t1, name=name), CARD)


def test_the_header_decides_about_a_contrast_agent(t1: Volume) -> None:
    with pytest.raises(InputError, match="contrast agent by its header"):
        check_harmonizable(replace(t1, acquisition=Acquisition(contrast_agent=True)), CARD)
    without = replace(t1, name="T1POST_plain_T1w", acquisition=Acquisition(contrast_agent=False))
    assert check_harmonizable(without, CARD) == []


def test_a_model_for_any_contrast_warns_of_a_contrast_agent(t1: Volume) -> None:
    notes = check_harmonizable(replace(t1, name="T1POST"), card_of(contrasts=()))
    assert len(notes) == 1
    assert "contrast agent" in notes[0]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ((slice(55, 90), slice(None), slice(None)), "from bottom to top"),
        ((slice(None), slice(40, 80), slice(None)), "from back to front"),
        ((slice(None), slice(None), slice(30, 60)), "from left to right"),
    ],
)
def test_partial_coverage_is_refused(t1: Volume, part: tuple[slice, ...], words: str) -> None:
    array = np.ascontiguousarray(t1.array[part])
    with pytest.raises(InputError, match=f"{words}, less than the 110 mm"):
        check_harmonizable(replace(t1, array=array), CARD)


def test_a_brain_that_the_border_cuts_is_refused(t1: Volume, phantom: HeadPhantom) -> None:
    crown = int(np.flatnonzero(phantom.brain_mask().any(axis=(1, 2)))[-1])
    array = np.ascontiguousarray(t1.array[: crown - 8])
    mask = replace(t1, array=phantom.brain_mask()[: crown - 8].astype(np.float32), name="mask")
    with pytest.raises(InputError, match="The top of sub-01_T1w cuts the brain"):
        check_harmonizable(replace(t1, array=array), CARD, mask=mask)


def test_a_brain_inside_of_the_image_is_fine(t1: Volume, phantom: HeadPhantom) -> None:
    mask = t1.with_array(phantom.brain_mask().astype(np.float32), "mask")
    assert check_harmonizable(t1, CARD, mask=mask) == []


@pytest.mark.parametrize("name", ["sub-01_cspine_T1w", "T1 knee sag", "liver_T1w"])
def test_another_body_part_by_name_is_refused(t1: Volume, name: str) -> None:
    with pytest.raises(InputError, match="choose a scan of the brain"):
        check_harmonizable(replace(t1, name=name), CARD)


def test_something_as_wide_as_a_trunk_is_refused(t1: Volume) -> None:
    wide = replace(t1, affine=t1.affine @ np.diag([2.2, 1, 1, 1]))
    with pytest.raises(InputError, match="mm wide, which is no head"):
        check_harmonizable(wide, CARD)


def test_warnings_of_skull_and_voxels(t1: Volume, phantom: HeadPhantom) -> None:
    extract = check_harmonizable(t1, card_of(skull="without"))
    assert len(extract) == 1
    assert "extract it" in extract[0]
    parts, _ = ndimage.label(phantom.brain_mask())
    cerebrum = parts == np.bincount(parts[parts > 0]).argmax()
    brain = t1.with_array(np.where(cerebrum, t1.array, 0))
    stripped = check_harmonizable(brain, card_of(skull="with"))
    assert len(stripped) == 1
    assert "brain alone" in stripped[0]
    coarse = check_harmonizable(t1, card_of(spacing_mm=(0.5, 1.5)))
    assert len(coarse) == 1
    assert "2 x 2 x 2 mm" in coarse[0]


def test_nan_is_refused(t1: Volume) -> None:
    broken = t1.array.copy()
    broken[3, 3, 3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        check_harmonizable(t1.with_array(broken), CARD)
