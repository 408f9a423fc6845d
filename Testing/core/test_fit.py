"""Tissue maps from several volumes: what is found, how certain, and what is left to the prior or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrstyle.acquisition import Acquisition
from mrstyle.errors import InputError
from mrstyle.physics.fit import Maps, fit
from mrstyle.physics.recovery import fit_recovery
from mrstyle.physics.signal import signal
from mrstyle.volume import read_volume

PDW = Acquisition("spin_echo", 4000, 15)
T1W = Acquisition("spin_echo", 600, 12)
T2W = Acquisition("spin_echo", 4000, 100)
FLAIR = Acquisition("inversion_recovery", 9000, 110, 2450)
MPRAGE = Acquisition("mprage", 2300, 3, 900, 9)
UNKNOWN = np.inf

# Volumes that tell all three maps, for each family of sequences.
DETERMINING = {
    "spin_echo": [PDW, T1W, T2W, Acquisition("spin_echo", 1500, 40)],
    "inversion_recovery": [
        Acquisition("inversion_recovery", 5000, echo, inversion)
        for inversion, echo in ((150, 12), (500, 12), (1100, 12), (2200, 12), (2200, 60))
    ],
    "spoiled_gradient_echo": [
        Acquisition("spoiled_gradient_echo", 25, echo, None, flip)
        for flip in (6, 21)
        for echo in (2.3, 9.2, 18.4)
    ],
    "mprage": [
        *(Acquisition("mprage", 2600, 3, inversion, 9) for inversion in (700, 1000, 1400)),
        Acquisition("mprage", 2600, 30, 1400, 9),
    ],
    # At one echo time, balanced sequences tell little more than T2/T1.
    "bssfp": [*(Acquisition("bssfp", 6, 3, None, flip) for flip in (8, 20, 35, 60)), PDW, T2W],
}


def tissue(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PD, T1 and T2 in ms of random soft tissue."""
    rng = np.random.default_rng(seed)
    return rng.uniform(400, 1200, count), rng.uniform(500, 1800, count), rng.uniform(40, 150, count)


def scan(
    truth: tuple[np.ndarray, ...], acquisitions: Sequence[Acquisition], noise_sd: float = 0.0
) -> np.ndarray:
    volumes = np.stack([signal(*truth, each) for each in acquisitions])
    return np.abs(volumes + np.random.default_rng(1).normal(0, 1, volumes.shape) * noise_sd)


def logs(maps: Maps) -> np.ndarray:
    return np.log([maps.pd, maps.r1_per_s, maps.r2_per_s])


def deviations(maps: Maps) -> np.ndarray:
    return np.array([maps.sd_log_pd, maps.sd_log_r1, maps.sd_log_r2])


def true_logs(truth: tuple[np.ndarray, ...]) -> np.ndarray:
    pd, t1_ms, t2_ms = truth
    return np.log([pd, 1000 / t1_ms, 1000 / t2_ms])


def cramer_rao(
    truth: tuple[np.ndarray, ...], acquisitions: Sequence[Acquisition], noise_sd: float
) -> np.ndarray:
    """Least standard deviations (3, voxels) that any unbiased estimate of the logarithms can have."""
    step = 1e-4
    slopes = []
    for factors in ((1 + step, 1, 1), (1, 1 / (1 + step), 1), (1, 1, 1 / (1 + step))):
        moved = tuple(part * factor for part, factor in zip(truth, factors, strict=True))
        slopes.append((scan(moved, acquisitions) - scan(truth, acquisitions)) / np.log1p(step))
    information = np.einsum("jnv,knv->vjk", slopes, slopes) / noise_sd**2
    return np.sqrt(np.linalg.inv(information)[:, range(3), range(3)].T)


@pytest.mark.parametrize("family", DETERMINING)
def test_without_noise_the_tissue_is_found(family: str) -> None:
    truth = tissue(300)
    found = fit(scan(truth, DETERMINING[family]), DETERMINING[family])
    off = np.abs(logs(found) - true_logs(truth))
    assert np.quantile(off, 0.99) < 0.01
    assert found.pd.dtype == np.float32


@pytest.mark.parametrize("family", DETERMINING)
def test_with_noise_the_error_is_near_the_least_possible_and_is_told(family: str) -> None:
    acquisitions, count = DETERMINING[family], 4000
    truth = tuple(np.full(count, value) for value in (800.0, 1000.0, 80.0))
    noise_sd = 0.004 * float(scan(truth, acquisitions).max())
    found = fit(scan(truth, acquisitions, noise_sd), acquisitions)
    error = (logs(found) - true_logs(truth)).std(axis=1)
    bound = cramer_rao(truth, acquisitions, noise_sd)[:, 0]
    assert np.all(error < 1.15 * bound)
    assert np.median(deviations(found), axis=1) == pytest.approx(error, rel=0.15)


def test_it_keeps_the_shape_of_the_volumes_and_draws_other_sequences() -> None:
    truth = tuple(part.reshape(4, 5, 6) for part in tissue(120))
    found = fit(list(scan(truth, [PDW, T1W, T2W])), [PDW, T1W, T2W])
    assert np.shape(found.sd_log_r1) == (4, 5, 6)
    assert np.allclose(found.signal(FLAIR), signal(*truth, FLAIR), rtol=0.02, atol=2)


def test_a_prior_stays_where_the_volumes_do_not_tell() -> None:
    truth = tissue(500)
    shifted = np.exp(true_logs(truth) + np.array([[0.0], [0.3], [-0.4]]))
    prior = Maps(*shifted, 0.2, 0.2, 0.3)
    found = fit(scan(truth, [PDW, T2W]), [PDW, T2W], prior=prior, noise_sd=2.0)
    # Two echoes tell R2 exactly, whatever the prior says; T1 hardly matters at this repetition time.
    assert np.abs(np.log(found.r2_per_s) - true_logs(truth)[2]).max() < 0.05
    assert np.median(np.abs(np.log(found.r1_per_s / shifted[1]))) < 0.1
    assert np.median(found.sd_log_r1) == pytest.approx(0.2, rel=0.1)


def test_data_outweigh_a_wrong_prior_that_is_unsure() -> None:
    truth = tissue(300)
    prior = Maps(300.0, 3.0, 40.0, 2.0, 2.0, 2.0)
    acquisitions = DETERMINING["spin_echo"]
    found = fit(scan(truth, acquisitions), acquisitions, prior=prior, noise_sd=1.0)
    assert np.abs(logs(found) - true_logs(truth)).max() < 0.05


def test_of_prior_and_data_the_deviations_are_those_of_the_posterior() -> None:
    truth, count = tuple(np.full(6000, value) for value in (800.0, 1000.0, 80.0)), 6000
    rng = np.random.default_rng(5)
    spread = np.array([[0.1], [0.15], [0.2]])
    prior = Maps(*np.exp(true_logs(truth) + spread * rng.normal(size=(3, count))), *spread)
    found = fit(scan(truth, [T1W, T2W], 10.0), [T1W, T2W], prior=prior, noise_sd=10.0)
    standardized = (logs(found) - true_logs(truth)) / deviations(found)
    assert standardized.std(axis=1) == pytest.approx(np.ones(3), abs=0.08)
    assert np.all(np.median(deviations(found), axis=1) < spread.ravel())


def test_a_map_that_is_told_for_certain_is_held() -> None:
    truth = tissue(200)
    told = Maps(1.0, 1000 / truth[1], 1.0, UNKNOWN, 0.0, UNKNOWN)
    found = fit(scan(truth, [PDW, T2W]), [PDW, T2W], prior=told)
    assert np.allclose(found.r1_per_s, told.r1_per_s, rtol=1e-5)
    assert np.all(found.sd_log_r1 == 0)
    assert np.allclose(found.pd, truth[0], rtol=0.01)


def test_what_nothing_tells_is_not_invented() -> None:
    truth = tissue(50)
    echoes = [Acquisition("spoiled_gradient_echo", 25, echo, None, 6) for echo in (2.3, 9.2, 18.4)]
    found = fit(scan(truth, echoes), echoes)
    assert np.isnan(found.pd).all()
    assert np.isnan(found.r1_per_s).all()
    assert np.isinf(found.sd_log_r1).all()
    assert np.allclose(found.r2_per_s, 1000 / truth[2], rtol=0.01)
    one_echo = fit(scan(truth, [PDW, T1W]), [PDW, Acquisition("spin_echo", 600, 15)])
    assert np.isnan(one_echo.r2_per_s).all()


def test_a_prior_of_a_part_of_the_voxels_helps_these_alone() -> None:
    truth = tissue(10)
    r1 = np.where(np.arange(10) < 5, 1000 / truth[1], np.nan)
    found = fit(scan(truth, [PDW, T2W]), [PDW, T2W], prior=Maps(1, r1, 1, UNKNOWN, 0.0, UNKNOWN))
    assert np.isfinite(found.pd[:5]).all()
    assert np.isnan(found.pd[5:]).all()


def test_air_is_dark_and_disturbs_nothing() -> None:
    truth = tissue(100)
    volumes = scan(truth, [PDW, T1W, T2W])
    volumes[:, 50:] = 0
    found = fit(volumes, [PDW, T1W, T2W])
    assert np.all(found.pd[50:] < 1)
    assert np.allclose(found.pd[:50], truth[0][:50], rtol=0.01)
    assert np.isfinite(found.signal(MPRAGE)).all()


def test_a_prior_that_is_dark_in_air_is_no_hindrance() -> None:
    truth = tissue(100)
    volumes = scan(truth, [T1W, T2W])
    volumes[:, 50:] = 0
    prior = Maps(np.where(np.arange(100) < 50, truth[0], 0), 1000 / truth[1], 1000 / truth[2], 0.1, 0.1, 0.1)
    found = fit(volumes, [T1W, T2W], prior=prior, noise_sd=1.0)
    assert np.allclose(found.pd[:50], truth[0][:50], rtol=0.02)
    assert np.all(found.pd[50:] < 1)
    assert np.allclose(found.r1_per_s[50:], prior.r1_per_s[50:], rtol=1e-3)


def test_gains_are_found_and_taken_out() -> None:
    truth = tissue(3000)
    acquisitions = [*DETERMINING["spin_echo"], FLAIR]
    real = np.array([1.0, 3.0, 0.5, 1.7, 0.2])
    volumes = scan(truth, acquisitions, 2.0) * real[:, None]
    volumes[1, :200] *= 4  # vessels, say: not what the equation says
    rng = np.random.default_rng(2)
    prior = Maps(*np.exp(true_logs(truth) + 0.1 * rng.normal(size=(3, 3000))), 0.1, 0.1, 0.1)
    found = fit(volumes, acquisitions, prior=prior, noise_sd=2 * real, relative_error=0.01, gains=True)
    assert found.gains == pytest.approx(real, rel=0.02)
    assert np.median(np.abs(logs(found) - true_logs(truth))) < 0.03


def test_gains_that_tissue_could_explain_are_refused() -> None:
    truth = tissue(3000)
    with pytest.raises(InputError, match="cannot be told from the tissue"):
        fit(scan(truth, [T1W, T2W]), [T1W, T2W], gains=True)


def test_signed_images_tell_tissue_apart_that_magnitudes_confuse() -> None:
    acquisition = Acquisition("inversion_recovery", 6000, 12, 700)
    times = (np.array([600.0, 1600.0]), np.array([80.0, 80.0]))
    unit = signal(1.0, *times, acquisition)
    inverted = np.array([unit[0], -unit[1]])  # one before, one after its null
    prior = Maps(1.0, 1.0, 1000 / 80, 0.01, 1.0, 0.01)
    found = fit([inverted], [acquisition], prior=prior, noise_sd=0.005, signed=True)
    assert 1000 / found.r1_per_s == pytest.approx(times[0], rel=0.05)


def test_relative_error_gives_the_prior_more_weight() -> None:
    truth = tissue(200)
    prior = Maps(truth[0], 1000 / truth[1], 1.3 * 1000 / truth[2], 0.1, 0.1, 0.1)
    volumes = scan(truth, [PDW, T2W])
    sure = fit(volumes, [PDW, T2W], prior=prior, noise_sd=1.0)
    unsure = fit(volumes, [PDW, T2W], prior=prior, noise_sd=1.0, relative_error=0.2)
    assert np.median(sure.r2_per_s / prior.r2_per_s) < np.median(unsure.r2_per_s / prior.r2_per_s) < 1


@settings(max_examples=25, deadline=None)
@given(
    pd=st.floats(1e-2, 1e6),
    t1_ms=st.floats(200, 3500),
    t2_ms=st.floats(20, 400),
    gain=st.floats(1e-3, 1e4),
)
def test_only_pd_follows_the_unit_of_the_signals(pd: float, t1_ms: float, t2_ms: float, gain: float) -> None:
    acquisitions = DETERMINING["spin_echo"]
    volumes = scan((np.full(3, pd), np.full(3, t1_ms), np.full(3, t2_ms)), acquisitions)
    plain, scaled = fit(volumes, acquisitions), fit(gain * volumes, acquisitions)
    assert np.allclose(logs(scaled), logs(plain) + np.array([[np.log(gain)], [0], [0]]), atol=0.01)
    assert np.allclose(logs(plain)[:, 0], np.log([pd, 1000 / t1_ms, 1000 / t2_ms]), atol=0.02)


def recovery(times_ms: Sequence[float], efficiency: np.ndarray, t1_star_ms: np.ndarray) -> np.ndarray:
    return np.stack([500 * np.abs(1 - (1 + efficiency) * np.exp(-time / t1_star_ms)) for time in times_ms])


def test_an_imperfect_inversion_does_not_bias_t1() -> None:
    t1_ms, efficiency = np.linspace(300, 2500, 60), np.full(60, 0.85)
    found = fit_recovery(recovery(range(100, 1900, 100), efficiency, t1_ms), list(range(100, 1900, 100)))
    assert found.t1_ms == pytest.approx(t1_ms, rel=0.01)
    assert found.efficiency == pytest.approx(efficiency, rel=0.01)
    assert found.signal(450) == pytest.approx(recovery([450], efficiency, t1_ms)[0], rel=0.01, abs=1)


def test_molli_corrects_for_its_readout() -> None:
    times = [100, 180, 1100, 1180, 2100, 2180, 3100, 4100]
    t1_ms, ratio = np.linspace(600, 1900, 2000), np.full(2000, 1.25)
    series = recovery(times, ratio, t1_ms / ratio) + np.random.default_rng(3).normal(0, 3, (8, 2000))
    found = fit_recovery(np.abs(series), times, look_locker=True)
    error = np.log(found.t1_ms / t1_ms)
    assert abs(np.median(error)) < 0.003
    assert np.median(np.abs(error)) / 0.6745 == pytest.approx(np.median(found.sd_log_t1), rel=0.15)
    assert found.t1_star_ms == pytest.approx(found.t1_ms / found.efficiency, rel=1e-4)


def test_a_signed_recovery_is_read_with_its_sign() -> None:
    times, t1_ms = [100, 400, 900, 2000], np.linspace(400, 1500, 30)
    series = np.stack([500 * (1 - 2 * np.exp(-time / t1_ms)) for time in times])
    assert fit_recovery(series, times, signed=True).t1_ms == pytest.approx(t1_ms, rel=0.01)


def test_two_flip_angles_give_the_published_r1(shared_data: Path) -> None:
    folder = shared_data / "brain" / "mpm_wias" / "extdata"
    inside = read_volume(folder / "mask0.nii.gz").array > 0.5
    b1, r1 = (read_volume(folder / f"{name}map.nii.gz").array[inside] for name in ("B1", "R1"))
    names = [f"{weighting}_{echo}" for weighting in ("pdw", "t1w") for echo in (1, 3, 5, 8)]
    volumes = [read_volume(folder / f"{name}.nii.gz").array[inside] for name in names]
    echoes = [
        Acquisition("spoiled_gradient_echo", 25, 2.3 * echo, None, flip * float(np.median(b1)) / 100)
        for flip in (6, 21)
        for echo in (1, 3, 5, 8)
    ]
    found = fit(volumes, echoes)
    assert np.corrcoef(found.r1_per_s, r1)[0, 1] > 0.8
    assert np.median(found.r1_per_s / r1) == pytest.approx(1, abs=0.06)


VOLUMES = scan(tissue(20), [PDW, T2W])
PRIOR = Maps(500.0, 1.0, 12.0, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"acquisitions": [PDW]}, "2 volumes and 1 acquisitions"),
        ({"signals": [VOLUMES[0], VOLUMES[1, :5]]}, "Volume 2 and volume 1 differ in shape .5 and 20."),
        ({"signals": [VOLUMES[0], VOLUMES[1] * np.nan]}, "Volume 2 has voxels that are not numbers"),
        ({"signals": [VOLUMES[0], -VOLUMES[1]]}, "Volume 2 has negative voxels"),
        ({"acquisitions": [PDW, Acquisition("spin_echo", None, 90)]}, "Volume 2: .*repetition_time_ms"),
        ({"acquisitions": [Acquisition(), T2W]}, "Volume 1: No signal equation"),
        ({"prior": PRIOR}, "give noise_sd"),
        ({"prior": PRIOR, "noise_sd": 0.0}, "noise_sd must be one number above 0"),
        ({"prior": PRIOR, "noise_sd": [1.0, 1.0, 1.0]}, "one for each of the 2 volumes"),
        ({"prior": Maps(np.ones(3), 1, 1, 1, 1, 1), "noise_sd": 1.0}, "does not have the shape"),
        ({"prior": Maps(1, 1, 1, 1, -1, 1), "noise_sd": 1.0}, "standard deviation of the prior"),
        ({"relative_error": -0.1}, "relative error"),
        ({"gains": True}, "too few to find the gains"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_sentence(arguments: dict, words: str) -> None:
    arguments = {"signals": VOLUMES, "acquisitions": [PDW, T2W]} | arguments
    with pytest.raises(InputError, match=words) as caught:
        fit(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([100, 200], "3 volumes and 2"),
        ([100, 200, 200], "at least 3 different"),
        ([0, 100, 200], "above 0"),
    ],
)
def test_bad_inversion_times(times: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit_recovery(np.ones((3, 4)), times)
