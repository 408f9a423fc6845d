"""How an image was taken: sequence family and parameters.

What a file says of them is read by `acquisition_dicom` and `acquisition_bids`; what it leaves open stays None, and
nothing is guessed. This module needs the standard library alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_EXTRA = {
    "spin_echo": (),
    "inversion_recovery": ("inversion_time_ms",),
    "spoiled_gradient_echo": ("flip_angle_deg",),
    "mprage": ("inversion_time_ms", "flip_angle_deg"),
    "bssfp": ("flip_angle_deg",),
}
FAMILIES = tuple(_EXTRA)

# Wide enough for zero echo time and ultra-low field; narrow enough to catch most seconds typed as ms.
_RANGES = {
    "repetition_time_ms": (0.3, 60_000.0),
    "echo_time_ms": (0.005, 2_000.0),
    "inversion_time_ms": (1.0, 20_000.0),
    "flip_angle_deg": (0.01, 360.0),
    "field_strength_t": (0.001, 25.0),
}
# Shorter than in any clinical protocol, by family; such a value is meant in seconds.
_SHORTEST_MS = {
    "repetition_time_ms": {"spin_echo": 25.0, "inversion_recovery": 25.0, "mprage": 60.0},
    "echo_time_ms": {"spin_echo": 0.8, "inversion_recovery": 0.8},
    "inversion_time_ms": {"inversion_recovery": 6.0, "mprage": 6.0},
}
_SHORTEST_GRADIENT_ECHO_MS = {"repetition_time_ms": 1.0, "echo_time_ms": 0.05}
# Between the excitations of an MPRAGE train: too long for seconds between inversions.
_TRAIN_MS = 5.0


@dataclass(frozen=True)
class Acquisition:
    """Sequence family and parameters of one MR volume; None is unknown. As a target: look like such an image.

    For "mprage" and "inversion_recovery", `repetition_time_ms` runs from inversion to inversion.

    Raises:
        InputError: a value is not a finite number in the range of real scanners, or two values contradict
            each other.
    """

    family: str | None = None
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    field_strength_t: float | None = None
    contrast_agent: bool | None = None
    kind = "acquisition"

    def __post_init__(self) -> None:
        if self.family is not None:
            required(self.family)
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                unit = _unit(name)
                raise InputError(
                    f"The {label(name)} {value:g} {unit} is not between {low:g} and {high:g} {unit}; "
                    f"{_correction(name, value)}."
                )
        for name in ("inversion_time_ms", "echo_time_ms"):
            self._check_fits(name)

    def _check_fits(self, name: str) -> None:
        """Echo and inversion come within one repetition in each of the families."""
        value = getattr(self, name)
        if self.family and value and self.repetition_time_ms and value >= self.repetition_time_ms:
            raise InputError(
                f"The {label(name)} {value:g} ms is not shorter than the repetition time "
                f"{self.repetition_time_ms:g} ms; check the values and their units."
            )

    def as_dict(self) -> dict[str, Any]:
        """All fields by name as plain JSON data."""
        return asdict(self)


def required(family: str) -> tuple[str, ...]:
    """Names of the parameters that the signal equation of ``family`` needs.

    Raises:
        InputError: the family is not one of `FAMILIES`.
    """
    if family not in _EXTRA:
        raise InputError(f"Unknown sequence family {family!r}; choose one of {', '.join(FAMILIES)}.")
    return ("repetition_time_ms", "echo_time_ms", *_EXTRA[family])


def missing(acquisition: Acquisition) -> tuple[str, ...]:
    """Names of the fields that the signal equation needs and that are unknown; empty when it can be evaluated.

    Without a family it begins with "family", and holds of the times those that every family needs.
    """
    family = acquisition.family
    names = required(family) if family else ("family", "repetition_time_ms", "echo_time_ms")
    return tuple(name for name in names if getattr(acquisition, name) is None)


def entered(
    family: str,
    *,
    repetition_time_ms: float | None = None,
    echo_time_ms: float | None = None,
    inversion_time_ms: float | None = None,
    flip_angle_deg: float | None = None,
    field_strength_t: float | None = None,
) -> Acquisition:
    """A complete acquisition of values that a person typed: times in ms, the flip angle in degrees, the field in T.

    Raises:
        InputError: a value is missing, not positive, out of range, most likely in seconds (the message offers the
            value in ms), or does not go with the others (an echo after the repetition, an inversion time without
            an inversion).
    """
    needed = required(family)
    typed = {
        "repetition_time_ms": repetition_time_ms,
        "echo_time_ms": echo_time_ms,
        "inversion_time_ms": inversion_time_ms,
        "flip_angle_deg": flip_angle_deg,
        "field_strength_t": field_strength_t,
    }
    for name, value in typed.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"The {label(name)} {value:g} {_unit(name)} is not above zero; enter its value.")
    if inversion_time_ms is not None and "inversion_time_ms" not in needed:
        raise InputError(
            f"The inversion time {inversion_time_ms:g} ms does not go with {family}, which has no inversion; "
            "leave it out, or choose inversion_recovery or mprage."
        )
    for name in ("repetition_time_ms", "echo_time_ms", "inversion_time_ms"):
        _refuse_seconds(family, name, typed[name])
    if absent := [label(name) for name in needed if typed[name] is None]:
        raise InputError(f"The signal of {family} needs the {' and the '.join(absent)}; enter it.")
    return Acquisition(
        family, repetition_time_ms, echo_time_ms, inversion_time_ms, flip_angle_deg, field_strength_t
    )


def from_bids(sidecar: Mapping[str, Any] | str | Path) -> Acquisition:
    """Acquisition of a BIDS sidecar (times in seconds), given as its content or its path.

    A parameter with several values (one for each echo or volume) counts as unknown.

    Raises:
        InputError: the file is not readable JSON, or a value is not usable; the message names file and key.
    """
    from .acquisition_bids import read_sidecar

    return read_sidecar(sidecar).acquisition


def from_dicom(dataset: Dataset) -> Acquisition:
    """Acquisition of a DICOM image, single-frame or enhanced multi-frame.

    A zero is unknown: vendors write it for what does not apply, and the standard for a single excitation.
    So is a value that differs between frames.

    Raises:
        InputError: a value is not usable.
    """
    from .acquisition_dicom import read_datasets

    return read_datasets([dataset]).acquisition


def label(name: str) -> str:
    """A field of `Acquisition` in the words of a sentence: "echo time"; "sequence family"."""
    if name == "family":
        return "sequence family"
    return name.rsplit("_", 1)[0].replace("_", " ") if name in _RANGES else name.replace("_", " ")


def _unit(name: str) -> str:
    unit = name.rsplit("_", 1)[1]
    return unit.upper() if unit == "t" else unit


def _correction(name: str, value: float) -> str:
    """What to do about a value that is out of range."""
    low, high = _RANGES[name]
    if name.endswith("_ms") and low <= value * 1000 <= high:
        return f"it looks like seconds, which are {value * 1000:g} ms"
    return "check the value and its unit"


def looks_like_seconds(family: str, name: str, value_ms: float) -> bool:
    """Whether no scanner does so short a time in a sequence of ``family``, but a thousand times it would be usual."""
    if name not in _SHORTEST_MS:
        return False
    low, high = _RANGES[name]
    shortest = _SHORTEST_MS[name].get(family, _SHORTEST_GRADIENT_ECHO_MS.get(name, 0.0))
    return 0 < value_ms < shortest and low <= value_ms * 1000 <= high


def _refuse_seconds(family: str, name: str, value: float | None) -> None:
    if value is None or not looks_like_seconds(family, name, value):
        return
    if family == "mprage" and name == "repetition_time_ms" and value >= _TRAIN_MS:
        raise InputError(
            f"The repetition time {value:g} ms is that between the excitations of an MPRAGE; "
            "enter the time from inversion to inversion, often 1800 to 2500 ms."
        )
    raise InputError(f"The {label(name)} {value:g} ms looks like seconds; enter {value * 1000:g}.")
