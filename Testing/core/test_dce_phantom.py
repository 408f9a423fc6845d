"""Digital bodies under contrast agent: their truths agree with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrstyle.errors import InputError
from mrstyle.physics.dce_bodies import BODIES
from mrstyle.physics.dce_phantom import BASELINE_S, DCEPhantom, Protocol, dce_phantom
from mrstyle.physics.dce_tissues import LESIONS
from mrstyle.physics.kinetics import concentration_of, fitted

STILL = Protocol(np.arange(0, 300, 5.0), echo_time_ms=0.0, noise=0.0, shading=0.0, breathing_mm=0.0)


@pytest.fixture(scope="module", params=list(BODIES))
def phantom(request: pytest.FixtureRequest) -> DCEPhantom:
    return dce_phantom(request.param, 3)


def test_a_seed_is_a_person(phantom: DCEPhantom) -> None:
    body = next(name for name in BODIES if phantom.shares.shape[1:] == BODIES[name][1])
    again, other = dce_phantom(body, 3), dce_phantom(body, 4)
    np.testing.assert_array_equal(phantom.shares, again.shares)
    assert phantom.tissues == again.tissues
    assert np.abs(phantom.shares[0] - other.shares[0]).max() > 0.5
    np.testing.assert_allclose(phantom.shares.sum(axis=0), 1, atol=1e-4)
    assert all((phantom.labels == number).any() for number in range(len(phantom.names)))


def test_truths_agree_where_nothing_moves(phantom: DCEPhantom) -> None:
    """Before the bolus the frames are the baseline, at its height the enhanced ones, and in air there is nothing."""
    series = phantom.series(STILL)
    before = series.times_s < BASELINE_S - 5
    np.testing.assert_allclose(series.frames[before], series.baseline[before], atol=1e-5)
    assert (np.ptp(series.baseline, axis=0) < 1e-6).all()
    artery = phantom.labels == phantom.names.index("artery")
    assert series.frames[:, artery].mean(axis=1).max() > 1.5 * series.baseline[0, artery].mean()
    air = phantom.shares[0] > 0.999
    assert series.frames[:, air].max() < 1e-3


def test_breath_moves_organs_and_not_the_spine_of_numbers() -> None:
    """The frames of one breathing position have the same anatomy with and without agent."""
    kidney = dce_phantom("kidney", 5)
    series = kidney.series(replace(STILL, breathing_mm=12.0))
    assert np.ptp(series.baseline, axis=0).max() > 0.2
    wall = kidney.mobility == 0
    assert np.ptp(series.baseline[:, wall], axis=0).max() < 1e-5


@pytest.mark.parametrize("body", ["prostate", "breast"])
def test_kinetics_of_a_lesion_are_found_in_its_signal(body: str) -> None:
    phantom = dce_phantom(body, 2)
    lesion = next(number for number, name in enumerate(phantom.names) if name in LESIONS)
    series = phantom.series(STILL)
    pure = phantom.shares[lesion] > 0.999
    tissue = phantom.tissues[lesion]
    curve = series.frames[:, pure].mean(axis=1)
    concentration = concentration_of(
        curve, curve[0], tissue.t1_ms[1], repetition_time_ms=4.0, flip_angle_deg=15.0
    )
    # T2* shortens little in 0 ms, and the arterial curve arrives a little later in the lesion.
    late = np.interp(series.times_s - tissue.delay_s, series.times_s, series.plasma, left=0)
    kinetics = fitted(series.times_s, concentration, late)
    assert kinetics.ktrans_per_min == pytest.approx(tissue.exchange_per_min, rel=0.15)
    assert kinetics.ve == pytest.approx(tissue.ve, rel=0.1)
    assert phantom.parameter_map("ve")[pure] == pytest.approx(tissue.ve)


def test_an_unknown_body_is_refused() -> None:
    with pytest.raises(InputError, match="no digital body 'elbow'; choose kidney, prostate, breast"):
        dce_phantom("elbow", 1)
