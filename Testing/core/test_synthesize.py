"""From scans to contrasts: grids, units, several sources, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tissue_fixtures import AFFINE, FLAIR, T1W, T2W, scan, tiny_package

from mrstyle.acquisition import Acquisition
from mrstyle.engine.fusion import fused
from mrstyle.errors import Cancelled, InputError
from mrstyle.estimate import _most_likely
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.synthesize import encode, estimate, synthesize
from mrstyle.translate import translate

METHODS = ("relaxometry", "crl")
MOVED = AFFINE + np.array([[0, 0, 0, 3.0]] * 3 + [[0, 0, 0, 0]])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    folder = tmp_path_factory.mktemp("packages")
    return {method: tiny_package(folder, method) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_each_target_is_an_image_on_the_grid_of_the_source(packages, method: str) -> None:
    source = scan(T1W)
    results = synthesize([source], packages[method], [T2W, FLAIR])
    assert len(results) == 2
    for result, target in zip(results, (T2W, FLAIR), strict=True):
        assert result.image.has_grid_of(source)
        assert result.image.array.dtype == np.float32 and np.isfinite(result.image.array).all()
        assert result.image.acquisition == target
        assert result.history.target["echo_time_ms"] == target.echo_time_ms
        assert result.history.content["acquisition"]["repetition_time_ms"] == 600.0
    assert not np.array_equal(results[0].image.array, results[1].image.array)


def test_translate_is_the_same_door(packages) -> None:
    source = scan(T1W)
    by_translate = translate(source, packages["crl"], T2W)
    np.testing.assert_array_equal(
        by_translate.image.array, synthesize([source], packages["crl"], [T2W])[0].image.array
    )


def test_an_orientation_is_kept(packages) -> None:
    """A volume stored along other axes gives the same image along those axes."""
    source = scan(T1W)
    turned = replace(source, array=source.array.transpose(2, 0, 1).copy(), affine=AFFINE[:, [1, 2, 0, 3]])
    plain, other = (encode([each], packages["relaxometry"]).render(T2W) for each in (source, turned))
    np.testing.assert_allclose(other, plain.transpose(2, 0, 1), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_intensities_follow_those_of_the_source(packages, method: str) -> None:
    one = synthesize([scan(T1W, gain=100.0)], packages[method], [T2W])[0].image.array
    ten = synthesize([scan(T1W, gain=1000.0)], packages[method], [T2W])[0].image.array
    np.testing.assert_allclose(ten, 10 * one, rtol=2e-2, atol=0.02 * ten.max())


@pytest.mark.parametrize("method", METHODS)
def test_no_tissue_is_made_of_the_noise_in_air(packages, method: str) -> None:
    source = scan(T1W)
    air = np.zeros(source.shape, bool)
    air[:2], air[-2:], air[:, :2], air[:, -2:] = True, True, True, True
    image = synthesize([source], packages[method], [T2W])[0].image.array
    assert image[air].max() <= 3 * source.array[air].max()


def test_relaxometry_knows_how_sure_it_is_and_crl_by_samples(packages) -> None:
    source = scan(T1W)
    result = synthesize([source], packages["relaxometry"], [T2W])[0]
    assert result.uncertainty is not None and result.uncertainty.array.max() > 0
    assert synthesize([source], packages["crl"], [T2W])[0].uncertainty is None
    sampled = synthesize([source], packages["crl"], [T2W], samples=3, seed=5)[0]
    assert sampled.uncertainty is not None and sampled.uncertainty.array.max() > 0
    again = synthesize([source], packages["crl"], [T2W], samples=3, seed=5)[0]
    np.testing.assert_array_equal(sampled.image.array, again.image.array)


@pytest.mark.parametrize("method", METHODS)
def test_a_second_scan_adds_to_the_first(packages, method: str) -> None:
    sources = [scan(T1W, "one"), scan(T2W, "two", gain=90.0)]
    both = synthesize(sources, packages[method], [FLAIR])[0]
    assert both.history.content["others"][0]["name"] == "two"
    alone = synthesize(sources[:1], packages[method], [FLAIR])[0]
    assert not np.array_equal(both.image.array, alone.image.array)


def test_fused_maps_lean_to_the_surer_scan_and_gains_do_not_matter() -> None:
    mask = np.ones((2, 2, 2), bool)
    sure, unsure = np.zeros((8, 2, 2, 2), np.float32), np.zeros((8, 2, 2, 2), np.float32)
    sure[1], unsure[1] = 1.0, 2.0
    sure[3:6], unsure[3:6] = np.log(0.1), np.log(0.3)
    unsure[0] = np.log(7.0)  # another receiver gain
    code = fused([sure, unsure], mask)
    np.testing.assert_allclose(code[1], 1.1, atol=1e-5)
    np.testing.assert_allclose(code[0], 0.0, atol=1e-5)
    np.testing.assert_allclose(code[3:6], np.log(0.3 / np.sqrt(10)), atol=1e-5)


def test_where_a_target_is_unlike_what_the_model_saw_it_warns_and_goes_on(packages) -> None:
    result = synthesize([scan(T1W)], packages["crl"], [replace(T2W, echo_time_ms=400.0)])[0]
    assert any("400 ms is outside of what the model saw" in note for note in result.notes)


@pytest.mark.parametrize(
    ("sources", "targets", "sentence"),
    [
        ([], [T2W], "at least one scan"),
        ([scan(None, "mine")], [T2W], "The scan mine lacks its sequence family"),
        ([scan(Acquisition("spin_echo", 600.0), "mine")], [T2W], "The scan mine lacks its echo time"),
        (
            [scan(T1W)],
            [Acquisition("inversion_recovery", 9000.0, 90.0)],
            "The target lacks its inversion time",
        ),
        (
            [scan(T1W), replace(scan(T2W, "far"), affine=MOVED)],
            [FLAIR],
            "far is not on the grid of scan",
        ),
    ],
)
def test_what_cannot_be_done_is_said(packages, sources, targets, sentence: str) -> None:
    for package in packages.values():
        with pytest.raises(InputError, match=sentence):
            synthesize(sources, package, targets)


def test_another_patient_is_noticed(packages) -> None:
    other = scan(T2W, "other")
    smaller = np.zeros_like(other.array)
    smaller[8:20, 12:28, 10:26] = 50
    notes = synthesize([scan(T1W), replace(other, array=smaller)], packages["crl"], [FLAIR])[0].notes
    assert any("same outline" in note for note in notes)


def test_a_model_for_references_takes_no_parameters() -> None:
    with pytest.raises(InputError, match="not sequence parameters"):
        synthesize([scan(T1W)], load_package(find("histogram-matching")), [T2W])


def test_crl_has_no_maps(packages) -> None:
    with pytest.raises(InputError, match="no tissue maps"):
        encode([scan(T1W)], packages["crl"])


def test_cancel_ends_it(packages) -> None:
    with pytest.raises(Cancelled):
        synthesize([scan(T1W)], packages["relaxometry"], [T2W], cancel=lambda: True)


def test_an_estimate_is_complete_says_so_and_keeps_what_is_known(packages) -> None:
    acquisition, sentence = estimate(scan(None, "mine"), packages["relaxometry"])
    assert acquisition.family and acquisition.repetition_time_ms and acquisition.echo_time_ms
    assert (
        re.match("mine (looks|may look) like ", sentence)
        and "estimated" in sentence
        and "assumed" in sentence
    )
    known = Acquisition("mprage", None, 2.9, 880.0, field_strength_t=3.0)
    acquisition, sentence = estimate(scan(known), packages["crl"])
    assert (acquisition.family, acquisition.echo_time_ms, acquisition.inversion_time_ms) == (
        "mprage",
        2.9,
        880.0,
    )
    assert acquisition.repetition_time_ms == 2300.0 and "MPRAGE" in sentence


def test_kinds_that_look_alike_are_counted_together() -> None:
    shares = {"FLAIR": 0.3, "T1w": 0.2, "MPRAGE": 0.25, "SPGR": 0.15, "PDw": 0.1}
    assert _most_likely(shares) == ("MPRAGE", pytest.approx(0.6))
    assert _most_likely({"FLAIR": 0.6, "T1w": 0.2, "MPRAGE": 0.2}) == ("FLAIR", pytest.approx(0.6))


def test_windows_give_what_whole_slices_give(packages, monkeypatch) -> None:
    """A volume that does not fit at once is encoded in windows, with the same maps."""
    source = scan(T1W)
    whole = encode([source], packages["relaxometry"])
    monkeypatch.setattr("mrstyle.engine.tiles._HALO_PX", 8)
    monkeypatch.setattr("mrstyle.synthesize.first_plan", _in_windows)
    windowed = encode([source], packages["relaxometry"])
    inside = whole.pd > 0.1 * whole.pd.max()
    difference = np.abs(np.log(windowed.r1_per_s) - np.log(whole.r1_per_s))[inside]
    assert np.median(difference) < 0.02


def _in_windows(device):
    from mrstyle.engine.plan import Plan

    return Plan(device, "float32", 1, 24)
