"""Contrast agent kinetics: against integrals done by brute force, and against public digital reference objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy import io

from mrstyle.errors import InputError
from mrstyle.physics.kinetics import (
    arriving,
    concentration_of,
    enhanced_t1_ms,
    extended_tofts,
    fitted,
    population_input,
    two_compartment_exchange,
)
from mrstyle.physics.signal import spoiled_gradient_echo

TIMES_S = np.arange(0, 300, 2.0)
SEQUENCE = {"repetition_time_ms": 5.0, "flip_angle_deg": 30.0}


def test_the_population_input_has_the_published_peak() -> None:
    """Parker et al., figure 3: about 6 mM in blood, some 10 s after arrival, and 1 mM after a minute and a half."""
    blood = (1 - 0.42) * population_input(np.arange(0, 300, 0.5), arrival_s=20)
    assert blood.max() == pytest.approx(6.0, abs=0.3)
    assert 0.5 * blood.argmax() - 20 == pytest.approx(10, abs=1.5)
    assert (blood[: 2 * 20] == 0).all()
    assert blood[2 * (20 + 90)] == pytest.approx(0.84, abs=0.1)


@pytest.mark.parametrize("rate_per_min", [0.0, 0.05, 2.0])
def test_the_tofts_model_is_its_integral(rate_per_min: float) -> None:
    """Against a sum over steps of a hundredth of a second, for frames that are not evenly spaced."""
    times_s = np.concatenate([np.arange(0, 60, 1.5), np.arange(60, 300, 7.0)])
    plasma = population_input(times_s, 10)
    fine_s = np.arange(0, times_s[-1] + 0.005, 0.01)
    fine = np.interp(fine_s, times_s, plasma)
    ve = 0.3
    found = extended_tofts(times_s, plasma, rate_per_min * ve, ve, 0.05)
    for index in (20, 50, len(times_s) - 1):
        past = fine_s <= times_s[index] + 1e-6
        decay = np.exp(-rate_per_min / 60 * (times_s[index] - fine_s[past]))
        leaked = rate_per_min * ve / 60 * np.trapezoid(fine[past] * decay, fine_s[past])
        assert found[index] == pytest.approx(0.05 * plasma[index] + leaked, rel=2e-3, abs=1e-6)


def test_exchange_fills_both_compartments_and_becomes_tofts_for_fast_flow() -> None:
    steady = np.ones_like(TIMES_S)
    filled = two_compartment_exchange(20 * TIMES_S, steady, 0.5, 0.2, 0.25, 0.08)
    assert filled[-1] == pytest.approx(0.25 + 0.08, rel=1e-3)
    plasma = population_input(TIMES_S, 10)
    fast = two_compartment_exchange(TIMES_S, plasma, 200.0, 0.1, 0.25, 0.02)
    assert fast == pytest.approx(extended_tofts(TIMES_S, plasma, 0.1, 0.25, 0.02), rel=0.01, abs=2e-3)


def test_parameters_are_found_again_in_every_voxel() -> None:
    plasma = population_input(TIMES_S, 20)
    ktrans, ve, vp = np.meshgrid([0.05, 0.2], [0.2, 0.4], [0.01, 0.1], indexing="ij")
    kinetics = fitted(TIMES_S, extended_tofts(TIMES_S, plasma, ktrans, ve, vp), plasma)
    assert kinetics.ktrans_per_min == pytest.approx(ktrans, rel=0.02)
    assert kinetics.ve == pytest.approx(ve, rel=0.02)
    assert kinetics.vp == pytest.approx(vp, rel=0.05, abs=5e-4)


def test_curves_that_are_no_uptake_are_marked() -> None:
    plasma = population_input(TIMES_S, 20)
    curves = np.stack([np.full_like(TIMES_S, np.nan), np.linspace(0, 5, len(TIMES_S)) ** 3], axis=1)
    assert np.isnan(fitted(TIMES_S, curves, plasma).ktrans_per_min).all()


def test_the_signal_tells_the_concentration() -> None:
    concentration = np.linspace(0, 5, 20)[:, None] * np.array([1.0, 0.2])
    t1_ms = np.array([1400.0, 800.0])
    image = spoiled_gradient_echo(
        700.0, enhanced_t1_ms(t1_ms, concentration), 1e9, echo_time_ms=0.0, **SEQUENCE
    )
    np.testing.assert_allclose(concentration_of(image, image[0], t1_ms, **SEQUENCE), concentration, atol=1e-9)
    assert np.isnan(concentration_of(100 * image, image[0], t1_ms, **SEQUENCE)).all()


def test_a_bolus_arrives_late_and_broad_and_whole() -> None:
    early = population_input(TIMES_S, 10) * np.exp(-TIMES_S / 20)
    late = arriving(early, TIMES_S, 20.0, 6.0)
    assert np.trapezoid(late, TIMES_S) == pytest.approx(np.trapezoid(early, TIMES_S), rel=0.01)
    assert late.max() < 0.8 * early.max()
    middle_s = [(TIMES_S * curve).sum() / curve.sum() for curve in (early, late)]
    assert middle_s[1] - middle_s[0] == pytest.approx(26, abs=1.0)


@pytest.mark.parametrize(
    ("times_s", "said"), [([0.0, 2.0, 1.0, 3.0], "must rise"), ([0.0, 1.0], "one value a time")]
)
def test_times_that_cannot_be(times_s: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        extended_tofts(times_s, np.ones(4), 0.1, 0.2)


def test_the_reference_object_of_qiba(shared_data: Path) -> None:
    """Version 6: Ktrans by row, ve by column, vp 0; its signals are rounded to integers."""
    known = io.loadmat(shared_data / "body" / "dro_qiba" / "qiba6.mat")
    times_s, plasma = known["t"].ravel(), known["Cp"].ravel()
    ktrans, ve = np.meshgrid([0.01, 0.02, 0.05, 0.1, 0.2, 0.35], [0.01, 0.05, 0.1, 0.2, 0.5], indexing="ij")
    t1_ms = 1000 / known["R10"]
    sequence = {"repetition_time_ms": 1000 * known["TR"].item(), "flip_angle_deg": known["DCEflip"].item()}
    relaxivity = known["relaxivity"].item()
    concentration = extended_tofts(times_s, plasma, ktrans, ve)
    made = spoiled_gradient_echo(
        known["S0"], enhanced_t1_ms(t1_ms, concentration, relaxivity), 1e9, echo_time_ms=0.0, **sequence
    )
    np.testing.assert_allclose(made, known["DCEdata"], rtol=0.01)
    baseline = known["DCEdata"][:20].mean(axis=0)
    measured = concentration_of(known["DCEdata"], baseline, t1_ms, relaxivity=relaxivity, **sequence)
    kinetics = fitted(times_s, measured, plasma)
    # In the first column, contrast comes and goes within a sample or two.
    np.testing.assert_allclose(kinetics.ktrans_per_min[:, 1:], ktrans[:, 1:], rtol=0.01)
    np.testing.assert_allclose(kinetics.ve[:, 1:], ve[:, 1:], rtol=0.01)


def test_the_phantom_with_a_frame_each_half_minute(shared_data: Path) -> None:
    """Ktrans and ve of muscle; vp cannot be had from frames that are 33 s apart."""
    folder = shared_data / "body" / "dce_phantom_rocketship_sub08"

    def read(name: str) -> np.ndarray:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name))).astype(np.float64)

    dce = read("dce/sub-01_ses-01_DCE.nii.gz")
    ktrans, ve, t1_ms, tissue = (
        read(f"gt/sub-01_ses-01_desc-gt{name}.nii.gz")
        for name in ("Ktrans_map", "Ve_map", "T1_T1map", "TissueClass_mask")
    )
    table = np.loadtxt(folder / "gt" / "sub-01_ses-01_desc-gtAIF_timeseries.txt")
    muscle = tissue == 1
    curves = concentration_of(
        dce[:, muscle],
        dce[:4, muscle].mean(axis=0),
        t1_ms[muscle],
        repetition_time_ms=8.579,
        flip_angle_deg=17.021,
        relaxivity=5.2096,
    )
    kinetics = fitted(60 * table[:, 1], curves, table[:, 2])
    for found, true in ((kinetics.ktrans_per_min, ktrans[muscle]), (kinetics.ve, ve[muscle])):
        low, middle, high = np.nanpercentile(found / true, [25, 50, 75])
        assert middle == pytest.approx(1.0, abs=0.01)
        assert 0.97 < low < high < 1.03
