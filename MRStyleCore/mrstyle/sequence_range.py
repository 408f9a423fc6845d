"""Which sequences a model saw in training, and whether a wanted one is among them. Standard library alone: panels use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from .acquisition import Acquisition

Limits = tuple[float, float]
Family = Literal["spin_echo", "inversion_recovery", "spoiled_gradient_echo", "mprage", "bssfp"]

_PARAMETERS = ("repetition_time_ms", "echo_time_ms", "inversion_time_ms", "flip_angle_deg")
_TOLERANCE = 0.2


@dataclass(frozen=True)
class SequenceRange:
    """One kind of sequence that a model saw in training: the least and the greatest value of each parameter.

    ``inversion_time_ms`` and ``flip_angle_deg`` are None where the signal equation of the family has none.

    Raises:
        ValueError: a range is not two positive numbers, the lesser one first.
    """

    # Read by pydantic where a model card is checked.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    name: str
    family: Family
    repetition_time_ms: Limits
    echo_time_ms: Limits
    inversion_time_ms: Limits | None = None
    flip_angle_deg: Limits | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a sequence needs a name")
        for parameter in _PARAMETERS:
            limits = getattr(self, parameter)
            if limits is None and parameter in ("inversion_time_ms", "flip_angle_deg"):
                continue
            if limits is None or len(limits) != 2 or not 0 < limits[0] <= limits[1] < math.inf:
                raise ValueError(f"{parameter} of {self.name} must be two positive numbers, the lesser first")
            object.__setattr__(self, parameter, (float(limits[0]), float(limits[1])))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, which ``SequenceRange(**data)`` reads back, also from JSON."""
        return asdict(self)

    def limits(self) -> dict[str, Limits]:
        """The ranges that there are, by the name of the parameter."""
        limits = {parameter: getattr(self, parameter) for parameter in _PARAMETERS}
        return {parameter: pair for parameter, pair in limits.items() if pair is not None}


def outside(acquisition: Acquisition, ranges: Sequence[SequenceRange]) -> str | None:
    """A sentence that warns where an acquisition is unlike all that a model saw; None where it is like one of them.

    Up to 20 % below the least or above the greatest value is still like it. Parameters that are unknown do not count, and
    neither does an acquisition without a family, nor a model that lists no ranges.
    """
    if acquisition.family is None or not ranges:
        return None
    family = acquisition.family.replace("_", " ")
    same_family = [each for each in ranges if each.family == acquisition.family]
    if not same_family:
        seen = ", ".join(dict.fromkeys(each.name for each in ranges))
        return f"The model saw no {family} sequence in training, only {seen}; judge the image with care."
    nearest = min(same_family, key=lambda each: sum(_excesses(acquisition, each).values()))
    excesses = _excesses(acquisition, nearest)
    parameter = max(excesses, key=lambda name: excesses[name], default=None)
    if parameter is None:
        return None
    label, unit = parameter.rsplit("_", 1)
    low, high = nearest.limits()[parameter]
    had = f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"
    return (
        f"The {label.replace('_', ' ')} {getattr(acquisition, parameter):g} {unit} is outside of what the model saw in "
        f"training: {nearest.name}, the nearest, had {had}; judge the image with care."
    )


def _excesses(acquisition: Acquisition, seen: SequenceRange) -> dict[str, float]:
    """How far each parameter is outside, as the logarithm of its ratio to the nearest limit; only those that are."""
    excesses = {}
    for parameter, (low, high) in seen.limits().items():
        value = getattr(acquisition, parameter)
        if value is not None and not (1 - _TOLERANCE) * low <= value <= (1 + _TOLERANCE) * high:
            excesses[parameter] = abs(math.log(value / (low if value < low else high)))
    return excesses
