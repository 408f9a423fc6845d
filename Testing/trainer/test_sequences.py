"""Random acquisitions are such as a scanner could run, and FLAIR suppresses fluid."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from torch import Generator

from mrstyle.acquisition import Acquisition
from mrstyle.physics.signal import inversion_recovery, signal
from mrstyle.physics.tissues import TISSUES
from mrstyle_trainer.sequences import KINDS, nulling_inversion_time_ms, random_acquisition


def draws(field_strength_t: float, count: int = 400) -> list[Acquisition]:
    generator = Generator().manual_seed(0)
    return [random_acquisition(generator, field_strength_t) for _ in range(count)]


@pytest.mark.parametrize("repetition_time_ms", [3000.0, 6000.0, 11000.0])
@pytest.mark.parametrize("t1_ms", [900.0, 4200.0])
def test_the_nulling_inversion_time_nulls(repetition_time_ms: float, t1_ms: float) -> None:
    times = {"repetition_time_ms": repetition_time_ms, "echo_time_ms": 90.0}
    null_ms = nulling_inversion_time_ms(t1_ms, repetition_time_ms, last_echo_ms=0.0)
    assert inversion_recovery(1.0, t1_ms, 2000.0, inversion_time_ms=null_ms, **times) == pytest.approx(
        0, abs=1e-9
    )
    assert inversion_recovery(1.0, t1_ms, 2000.0, inversion_time_ms=1.3 * null_ms, **times) > 0.02


@pytest.mark.parametrize("field_strength_t", [1.5, 3.0])
def test_drawn_flair_suppresses_fluid(field_strength_t: float) -> None:
    flair = [a for a in draws(field_strength_t) if a.family == "inversion_recovery" and a.echo_time_ms > 70]
    csf, gray, lesion = (
        np.array([signal(*TISSUES[name].at(field_strength_t), acquisition) for acquisition in flair])
        for name in ("csf", "gray_matter", "lesion")
    )
    assert len(flair) > 50
    assert np.median(csf / gray) < 0.35
    assert (lesion > csf).all()


@pytest.mark.parametrize("field_strength_t", [1.5, 3.0])
def test_every_draw_gives_a_signal(field_strength_t: float) -> None:
    for acquisition in draws(field_strength_t):
        for tissue in TISSUES.values():
            value = signal(*tissue.at(field_strength_t), acquisition)
            assert np.isfinite(value)
            assert value >= 0


def test_kinds_come_in_their_shares() -> None:
    families = Counter(acquisition.family for acquisition in draws(3.0, 4000))
    for family in {kind.family for kind in KINDS.values()}:
        share = sum(kind.share for kind in KINDS.values() if kind.family == family)
        assert families[family] / 4000 == pytest.approx(share, abs=0.03)
