"""A sequence as numbers: what networks are told about it, and back.

Standard library only, because the panels use it, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .acquisition import FAMILIES, Acquisition

SEQUENCE_DIM = 6 + len(FAMILIES)
PARAMETERS = (
    "repetition_time_ms",
    "echo_time_ms",
    "inversion_time_ms",
    "flip_angle_deg",
    "field_strength_t",
)
_DEFAULT_FIELD_T = 3.0


def sequence_vector(acquisition: Acquisition) -> list[float]:
    """``SEQUENCE_DIM`` numbers of order 1: log TR, log TE, whether inverted, log TI, flip angle, field, family one-hot.

    Of a complete acquisition: all that its signal equation needs is known. An unknown field counts as 3 T.
    """
    inversion_time_ms, flip_angle_deg = acquisition.inversion_time_ms, acquisition.flip_angle_deg
    if acquisition.family is None or not acquisition.repetition_time_ms or not acquisition.echo_time_ms:
        raise ValueError(f"not a complete acquisition: {acquisition}")
    inverted = acquisition.family in ("inversion_recovery", "mprage") and inversion_time_ms is not None
    flips = acquisition.family not in ("spin_echo", "inversion_recovery") and flip_angle_deg is not None
    return [
        math.log(acquisition.repetition_time_ms / 1000) / 2,
        math.log(acquisition.echo_time_ms / 20) / 2,
        float(inverted),
        math.log(inversion_time_ms / 1000) if inverted and inversion_time_ms else 0.0,
        flip_angle_deg / 45 if flips and flip_angle_deg else 0.0,
        ((acquisition.field_strength_t or _DEFAULT_FIELD_T) - 2.25) / 2,
        *(float(acquisition.family == family) for family in FAMILIES),
    ]


def parameters_of(acquisition: Acquisition) -> list[float]:
    """Place of the family in ``FAMILIES``, then ``PARAMETERS``, 0 for unknown: an acquisition as an array holds it."""
    family = FAMILIES.index(acquisition.family) if acquisition.family else -1
    return [float(family), *(float(getattr(acquisition, name) or 0) for name in PARAMETERS)]


def acquisition_of(parameters: Sequence[float]) -> Acquisition:
    """The acquisition that `parameters_of` wrote."""
    family = int(parameters[0])
    values: dict[str, Any] = {
        name: float(value) or None for name, value in zip(PARAMETERS, parameters[1:], strict=True)
    }
    return Acquisition(FAMILIES[family] if family >= 0 else None, **values)
