"""What is wrong with a sequence that a person typed, and what they may have meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from mrstyle.acquisition import entered
from mrstyle.errors import InputError

from .acquisitions import NUMBERS, TIMES, Known
from .wording import field_texts, value_text

_OFFERED = 2


@dataclass(frozen=True)
class Correction:
    """A change that makes the sequence possible.

    Args:
        text: of the button.
        changes: new values by field; None makes one unknown.
    """

    text: str
    changes: dict[str, Any]


def fault_of(known: Known) -> str:
    """Why these values cannot be, as a sentence; empty if they can. What is unknown is no fault."""
    values = known.values
    try:
        if values.get("family") is None:
            known.acquisition()
        else:
            entered(
                values["family"],
                **(_fillers(values) | {name: values[name] for name in NUMBERS if name in values}),
            )
    except InputError as error:
        return str(error)
    return ""


def missing_text(known: Known) -> str:
    """Which values a model needs and nobody knows, as the middle of a sentence; empty if there is none."""
    return field_texts(known.missing())


def corrections_of(known: Known) -> list[Correction]:
    """At most two changes after which nothing is wrong, the likeliest first; none where nothing is wrong."""
    if not fault_of(known):
        return []
    possible = (
        each for each in _candidates(known.values) if not fault_of(known.with_values(each.changes, ""))
    )
    return [correction for correction, _count in zip(possible, range(_OFFERED), strict=False)]


def _candidates(values: Mapping[str, Any]) -> Iterator[Correction]:
    times = {name: round(1000 * values[name], 6) for name in TIMES if name in values}
    for name, value in times.items():
        yield _as_milliseconds({name: value})
    yield _as_milliseconds(times)
    if "inversion_time_ms" in values:
        yield Correction(_("Leave the inversion time out"), {"inversion_time_ms": None})
        yield Correction(_("It is an inversion recovery"), {"family": "inversion_recovery"})
        yield Correction(_("It is an MPRAGE"), {"family": "mprage"})
    if "repetition_time_ms" in values and "echo_time_ms" in values:
        swapped = {"repetition_time_ms": values["echo_time_ms"], "echo_time_ms": values["repetition_time_ms"]}
        yield Correction(_("Exchange repetition and echo time"), swapped)


def _as_milliseconds(changes: dict[str, Any]) -> Correction:
    # Short, because it is the text of a button in a narrow panel.
    names = {"repetition_time_ms": "TR", "echo_time_ms": "TE", "inversion_time_ms": "TI"}
    parts = [f"{names[name]} {value_text(name, value)}" for name, value in changes.items()]
    return Correction(_("Use {values}").format(values=", ".join(parts)), changes)


def _fillers(values: Mapping[str, Any]) -> dict[str, float]:
    """Values that contradict nothing, for those that are unknown."""
    has_long_echo = values["family"] in ("spin_echo", "inversion_recovery")
    fillers = {
        "repetition_time_ms": 60_000.0,
        "echo_time_ms": 2.0 if has_long_echo else 0.25,
        "flip_angle_deg": 10.0,
    }
    if values["family"] in ("inversion_recovery", "mprage"):
        fillers["inversion_time_ms"] = 20.0
    return fillers
