"""ComBat takes out what sites add to regional values, and leaves what people differ by."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.errors import InputError
from mrstyle.qa.combat import combat

pytest.importorskip("neuroCombat", reason="ComBat is optional")

SITES = [site for site in "abc" for _ in range(10)]


@pytest.fixture
def thickness_mm() -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Regional thickness of 30 people of known age without and with what their sites add."""
    rng = np.random.default_rng(2)
    age = rng.uniform(20, 80, len(SITES))
    true = 2.6 - 0.006 * age[:, None] + rng.normal(0, 0.05, (len(SITES), 34))
    offsets = np.array([0.0, 0.25, -0.15])[np.repeat([0, 1, 2], 10), None] * rng.uniform(0.7, 1, 34)
    return true, true + offsets, age.tolist()


def test_sites_go_and_age_stays(thickness_mm: tuple[np.ndarray, np.ndarray, list[float]]) -> None:
    true, measured, age = thickness_mm
    before = measured.copy()
    found = combat(measured, SITES, {"age": age, "sex": ["F", "M"] * 15})
    assert np.array_equal(measured, before)
    by_site = [found.reshape(3, 10, 34)[site].mean() for site in range(3)]
    true_by_site = [true.reshape(3, 10, 34)[site].mean() for site in range(3)]
    assert np.ptp(np.subtract(by_site, true_by_site)) < 0.04 < np.ptp(measured.reshape(3, -1).mean(axis=1))
    slope = np.polyfit(age, found.mean(axis=1), 1)[0]
    assert slope == pytest.approx(np.polyfit(age, true.mean(axis=1), 1)[0], abs=0.001)


def test_a_region_that_never_varies_stays(thickness_mm: tuple[np.ndarray, np.ndarray, list[float]]) -> None:
    measured = thickness_mm[1]
    measured[:, 3] = 2.0
    found = combat(measured, SITES, {})
    assert (found[:, 3] == 2.0).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("sites", "covariates", "said"),
    [
        (["a"] * 30, {}, "two sites or more"),
        (["a"] * 29 + ["b"], {}, "b has one"),
        (SITES, {"field": [{"a": 1.5, "b": 3.0, "c": 7.0}[site] for site in SITES]}, "cannot tell the sites"),
        (SITES, {"scanner": SITES}, "cannot tell the sites"),
        (SITES[:-1], {}, "one site"),
    ],
)
def test_bad_designs_are_refused(
    thickness_mm: tuple[np.ndarray, np.ndarray, list[float]],
    sites: list[str],
    covariates: dict,
    said: str,
) -> None:
    with pytest.raises(InputError, match=said):
        combat(thickness_mm[1], sites, covariates)
