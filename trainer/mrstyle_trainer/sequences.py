"""Random acquisitions of the kinds that clinical brain protocols hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Generator

from mrstyle.acquisition import Acquisition
from mrstyle.physics.signal import nulling_inversion_time_ms
from mrstyle.sequence_range import Family, SequenceRange
from mrstyle.sequence_vector import parameters_of

from .fields import uniform

Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of sequence: its share among simulated ones, its family, the ranges of its parameters.

    With ``nulls_csf``, the inversion time is near the one that nulls fluid, whatever the other times.
    """

    share: float
    family: Family
    repetition_time_ms: Range
    echo_time_ms: Range
    inversion_time_ms: Range | None = None
    flip_angle_deg: Range | None = None
    nulls_csf: bool = False

    def draw(self, generator: Generator, field_strength_t: float, nulling_spread: Range) -> Acquisition:
        """An acquisition of this kind; ``nulling_spread`` is about the inversion time that nulls fluid."""

        def between(limits: Range | None) -> float | None:
            return uniform(generator, *limits) if limits else None

        repetition_time_ms = uniform(generator, *self.repetition_time_ms)
        echo_time_ms = min(uniform(generator, *self.echo_time_ms), 0.6 * repetition_time_ms)
        inversion_time_ms = between(self.inversion_time_ms)
        if self.nulls_csf:
            null_ms = nulling_inversion_time_ms(
                _CSF_T1_MS[field_strength_t], repetition_time_ms, echo_time_ms
            )
            inversion_time_ms = null_ms * uniform(generator, *nulling_spread)
        return Acquisition(
            family=self.family,
            repetition_time_ms=repetition_time_ms,
            echo_time_ms=echo_time_ms,
            inversion_time_ms=inversion_time_ms,
            flip_angle_deg=between(self.flip_angle_deg),
            field_strength_t=field_strength_t,
        )


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

# For synthesis from parameters: by the names of mrstyle.presets, wider than clinics vary, because users move sliders.
# Spin echoes of 32 to 68 ms are left out, so that figures can tell how a model does where it saw nothing.
SYNTHESIS_KINDS = {
    "T1w": Kind(0.10, "spin_echo", (350, 900), (7, 22)),
    "T1-FLAIR": Kind(0.13, "inversion_recovery", (1500, 2900), (7, 28), (500, 1150)),
    "MPRAGE": Kind(0.14, "mprage", (1500, 2900), (2, 20), (650, 1200), (6, 14)),
    "SPGR": Kind(0.10, "spoiled_gradient_echo", (5, 45), (2, 14), None, (4, 35)),
    "PDw": Kind(0.12, "spin_echo", (1900, 8500), (8, 32)),
    "T2w": Kind(0.19, "spin_echo", (2500, 9000), (68, 140)),
    "FLAIR": Kind(0.16, "inversion_recovery", (4800, 11500), (70, 170), nulls_csf=True),
    "STIR": Kind(0.04, "inversion_recovery", (2800, 8500), (10, 110), (110, 1300)),
    "bSSFP": Kind(0.02, "bssfp", (3.2, 8), (1.5, 3), None, (20, 70)),
}


def _fse(repetition_time_ms: float, echo_time_ms: float, inversion_time_ms: float | None) -> Acquisition:
    family = "spin_echo" if inversion_time_ms is None else "inversion_recovery"
    return Acquisition(family, repetition_time_ms, echo_time_ms, inversion_time_ms, field_strength_t=3.0)


# The nine fast spin echoes of Xiong et al., MICCAI 2024, table 1 (3 T). The fourth and the sixth are for testing alone.
FSE = {
    "fse-1": _fse(2479, 9.62, 1055),
    "fse-2": _fse(2479, 10.42, None),
    "fse-3": _fse(6777, 10.42, None),
    "fse-4": _fse(6777, 62.52, None),
    "fse-5": _fse(8000, 10.42, None),
    "fse-6": _fse(8000, 39.92, None),
    "fse-7": _fse(8142, 104.2, None),
    "fse-8": _fse(8000, 99.98, 1030),
    "fse-9": _fse(8000, 98.78, 2025),
}
_FSE_KINDS = {"fse-1": "T1-FLAIR", "fse-7": "T2w", "fse-8": "STIR", "fse-9": "FLAIR"}
FSE_TRAINING = ("fse-1", "fse-2", "fse-3", "fse-5", "fse-7", "fse-8", "fse-9")
_CSF_T1_MS = {1.5: 4000.0, 3.0: 4200.0}
_NULLING_SPREAD = (0.92, 1.04)
_WIDE_NULLING_SPREAD = (0.86, 1.06)


def random_acquisition(generator: Generator, field_strength_t: float) -> Acquisition:
    """Draw a clinical kind by its share, then its parameters from the ranges of clinical protocols."""
    return KINDS[_random_kind(generator, KINDS)].draw(generator, field_strength_t, _NULLING_SPREAD)


def random_synthesis(
    generator: Generator, field_strength_t: float, fse_share: float
) -> tuple[str, Acquisition]:
    """A sequence for synthesis and the name of its kind: one of ``FSE_TRAINING`` in ``fse_share`` of the draws at 3 T."""
    if field_strength_t == 3.0 and uniform(generator, 0, 1) < fse_share:
        name = FSE_TRAINING[int(uniform(generator, 0, len(FSE_TRAINING)))]
        return fse_kind(name), FSE[name]
    kind = _random_kind(generator, SYNTHESIS_KINDS)
    return kind, SYNTHESIS_KINDS[kind].draw(generator, field_strength_t, _WIDE_NULLING_SPREAD)


def fse_kind(name: str) -> str:
    """What kind one of ``FSE`` is."""
    return _FSE_KINDS.get(name, "PDw")


def _random_kind(generator: Generator, kinds: dict[str, Kind]) -> str:
    pick = uniform(generator, 0.0, sum(kind.share for kind in kinds.values()))
    for name, kind in kinds.items():
        pick -= kind.share
        if pick < 0:
            return name
    return list(kinds)[-1]


def seen_sequences(names: tuple[str, ...]) -> list[SequenceRange]:
    """What a model sees that is trained on the sequences of ``names``, or on random ones where there are none."""
    if names:
        return [_only(name) for name in names]
    return [*(_range(name, kind) for name, kind in SYNTHESIS_KINDS.items()), *map(_only, FSE_TRAINING)]


def _range(name: str, kind: Kind) -> SequenceRange:
    inversion_ms = kind.inversion_time_ms
    if kind.nulls_csf:
        nulls = [
            nulling_inversion_time_ms(t1_ms, repetition_ms, echo_ms)
            for t1_ms in _CSF_T1_MS.values()
            for repetition_ms in kind.repetition_time_ms
            for echo_ms in kind.echo_time_ms
        ]
        low, high = _WIDE_NULLING_SPREAD
        inversion_ms = (round(low * min(nulls)), round(high * max(nulls)))
    return SequenceRange(
        name,
        kind.family,
        kind.repetition_time_ms,
        kind.echo_time_ms,
        inversion_ms,
        kind.flip_angle_deg,
    )


def _only(name: str) -> SequenceRange:
    _, *values = parameters_of(FSE[name])
    repetition, echo, inversion = ((value, value) if value else None for value in values[:3])
    family = cast(Family, FSE[name].family)
    return SequenceRange(name, family, cast(Range, repetition), cast(Range, echo), inversion)
