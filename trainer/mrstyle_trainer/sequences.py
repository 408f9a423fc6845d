"""Random acquisitions of the kinds that clinical brain protocols hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Generator

from mrstyle.acquisition import Acquisition

from .fields import uniform

Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of sequence: its share among simulated ones, its family, the ranges of its parameters.

    With ``nulls_csf``, the inversion time is near the one that nulls fluid, whatever the other times.
    """

    share: float
    family: str
    repetition_time_ms: Range
    echo_time_ms: Range
    inversion_time_ms: Range | None = None
    flip_angle_deg: Range | None = None
    nulls_csf: bool = False


# What is common in clinics is common here.
KINDS = {
    "t1_spin_echo": Kind(0.10, "spin_echo", (350, 800), (7, 20)),
    "t1_inversion": Kind(0.10, "inversion_recovery", (1500, 2600), (7, 25), (650, 1000)),
    "mprage": Kind(0.14, "mprage", (1600, 2700), (2, 5), (750, 1150), (7, 12)),
    "spgr": Kind(0.08, "spoiled_gradient_echo", (6, 30), (2, 6), None, (12, 30)),
    "t2": Kind(0.24, "spin_echo", (2500, 9000), (70, 130)),
    "pd": Kind(0.08, "spin_echo", (2000, 6000), (8, 40)),
    "flair": Kind(0.26, "inversion_recovery", (4800, 11000), (80, 160), nulls_csf=True),
}
_CSF_T1_MS = {1.5: 4000.0, 3.0: 4200.0}
_NULLING_SPREAD = (0.92, 1.04)


def nulling_inversion_time_ms(t1_ms: float, repetition_time_ms: float, last_echo_ms: float) -> float:
    """Inversion time at which a tissue gives no signal: T1 (ln 2 - ln(1 + e^(-(TR - TE)/T1))).

    TE is the last echo of a spin-echo train, from which on the longitudinal magnetization recovers; 0 gives the
    null of ``mrstyle.physics.signal.inversion_recovery``, which neglects the train.
    """
    recovery = math.exp(-(repetition_time_ms - last_echo_ms) / t1_ms)
    return t1_ms * (math.log(2) - math.log1p(recovery))


def random_acquisition(generator: Generator, field_strength_t: float) -> Acquisition:
    """Draw a kind by its share, then its parameters from the ranges of clinical protocols."""

    def between(limits: Range | None) -> float | None:
        return uniform(generator, *limits) if limits else None

    kind = _random_kind(generator)
    repetition_time_ms = uniform(generator, *kind.repetition_time_ms)
    echo_time_ms = uniform(generator, *kind.echo_time_ms)
    inversion_time_ms = between(kind.inversion_time_ms)
    if kind.nulls_csf:
        null_ms = nulling_inversion_time_ms(_CSF_T1_MS[field_strength_t], repetition_time_ms, echo_time_ms)
        inversion_time_ms = null_ms * uniform(generator, *_NULLING_SPREAD)
    return Acquisition(
        family=kind.family,
        repetition_time_ms=repetition_time_ms,
        echo_time_ms=echo_time_ms,
        inversion_time_ms=inversion_time_ms,
        flip_angle_deg=between(kind.flip_angle_deg),
        field_strength_t=field_strength_t,
    )


def _random_kind(generator: Generator) -> Kind:
    kinds = list(KINDS.values())
    pick = uniform(generator, 0.0, sum(kind.share for kind in kinds))
    for kind in kinds:
        pick -= kind.share
        if pick < 0:
            return kind
    return kinds[-1]
