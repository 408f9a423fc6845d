"""Rock and flicker as arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from MRStyleLib.comparison import INTERVAL_MS, Alternation, foreground_opacity

SECONDS = np.arange(0, 12, INTERVAL_MS / 1000)


@pytest.mark.parametrize("alternation", Alternation)
def test_starts_with_the_original_and_shows_each_volume_half_the_time(alternation):
    opacities = np.array([foreground_opacity(alternation, seconds) for seconds in SECONDS])
    assert opacities[0] == 0.0 and opacities.max() == 1.0
    assert opacities.mean() == pytest.approx(0.5, abs=0.01)
    assert opacities.min() >= 0.0


def test_rocking_is_smooth():
    opacities = [foreground_opacity(Alternation.ROCK, seconds) for seconds in SECONDS]
    assert np.abs(np.diff(opacities)).max() < 0.1


def test_flicker_is_all_or_nothing_and_slower_than_three_flashes_a_second():
    opacities = np.array([foreground_opacity(Alternation.FLICKER, seconds) for seconds in SECONDS])
    assert set(opacities) == {0.0, 1.0}
    assert np.count_nonzero(np.diff(opacities)) / 12 < 3
