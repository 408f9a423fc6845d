"""The tone curve against what it promises: the reference's own histogram, and air that stays air."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.engine.tone import ToneCurve

REFERENCE = np.random.default_rng(0).gamma(3.0, 0.12, 20_000).astype(np.float32)


def test_a_reconstruction_gets_the_histogram_of_the_reference() -> None:
    made = 0.2 + 0.4 * np.sqrt(REFERENCE)
    corrected = ToneCurve.between(made, REFERENCE)(made)
    low, high = np.quantile(REFERENCE, (0.01, 0.99))
    inner = (low < REFERENCE) & (high > REFERENCE)
    assert np.abs(corrected - REFERENCE)[inner].max() < 0.01


def test_a_perfect_reconstruction_is_left_alone() -> None:
    curve = ToneCurve.between(REFERENCE, REFERENCE)
    values = np.linspace(0, 2, 100)
    assert curve(values) == pytest.approx(values, abs=1e-6)


def test_air_stays_air_and_order_is_kept() -> None:
    curve = ToneCurve.between(0.3 + 0.5 * REFERENCE, REFERENCE)
    values = np.linspace(-0.2, 3.0, 400)
    assert curve(np.zeros(1)) == 0
    assert np.all(np.diff(curve(values)) >= 0)
    assert curve(np.array([-0.1])) == pytest.approx([-0.1])


def test_a_reconstruction_without_contrast_does_not_break_it() -> None:
    curve = ToneCurve.between(np.full(50, 0.5), REFERENCE)
    assert np.isfinite(curve(np.linspace(0, 1, 10))).all()
