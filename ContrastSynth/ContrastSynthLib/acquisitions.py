"""How a volume of the scene was acquired: as its file says, as typed, or as estimated; kept with the volume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slicer.i18n import tr as _

from mrstyle.acquisition import FAMILIES, Acquisition, missing
from mrstyle.errors import InputError
from MRStyleLib.volume_inputs import file_of

ATTRIBUTE = "MRStyle.Acquisition"
TIMES = ("repetition_time_ms", "echo_time_ms", "inversion_time_ms")
NUMBERS = (*TIMES, "flip_angle_deg", "field_strength_t")
ENTERED, ESTIMATED, SYNTHETIC = "entered", "estimated", "synthetic"
_ORIGIN_LENGTH = 40


@dataclass(frozen=True)
class Known:
    """What is known about the sequence of a volume; the values may contradict each other.

    Args:
        values: by field of `Acquisition`; a field that is absent is unknown.
        origins: where each value came from, by field: "DICOM", "sidecar", "entered" or "estimated".
        note: what the file is doubtful about, as sentences; empty if nothing.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def with_values(self, changes: Mapping[str, Any], origin: str) -> Known:
        """The same with other values; None makes one unknown."""
        values = {**self.values, **changes}
        origins = {**self.origins, **dict.fromkeys(changes, origin)}
        known = {name: value for name, value in values.items() if value is not None}
        return replace(self, values=known, origins={name: origins[name] for name in known})

    def acquisition(self) -> Acquisition:
        """The values as an acquisition.

        Raises:
            InputError: they are out of range or contradict each other.
        """
        return Acquisition(**self.values)

    def missing(self) -> tuple[str, ...]:
        """The fields that a model needs and that are unknown."""
        return missing(_Fields(self.values))


class _Fields:
    """Values that need not be consistent, as attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.family = None
        for name in ("family", *NUMBERS):
            setattr(self, name, values.get(name))


def of_volume(node) -> Known:
    """What the volume itself keeps, else what its file says, else nothing."""
    return _kept(node) or read_again(node)


def read_again(node) -> Known:
    """What the file of a volume says, whatever was typed since."""
    path = file_of(node)
    if path is None:
        return Known(
            note=_("The file of {name} is not known, so its sequence is not.").format(name=node.GetName())
        )
    # pydicom takes its time to load.
    from mrstyle.acquisition_origin import read_acquisition

    try:
        reading = read_acquisition(path)
    except InputError as error:
        return Known(note=str(error))
    values = {name: value for name, value in reading.acquisition.as_dict().items() if value is not None}
    note = reading.notes if isinstance(reading.notes, str) else " ".join(reading.notes)
    return Known(values, {name: reading.origins.get(name, "") for name in values}, note)


def keep(node, known: Known) -> None:
    """Remember with the volume, and so in a saved scene."""
    node.SetAttribute(ATTRIBUTE, json.dumps({"values": known.values, "origins": known.origins}))


def keep_synthetic(node, target: Acquisition) -> None:
    """Remember that a volume looks as if it had been acquired like this."""
    values = {name: value for name, value in target.as_dict().items() if value is not None}
    keep(node, Known(values, dict.fromkeys(values, SYNTHETIC)))


def synthetic_sequence_of(node) -> Acquisition | None:
    """What `keep_synthetic` has kept; None for other volumes."""
    known = _kept(node)
    if known is None or SYNTHETIC not in known.origins.values() or known.missing():
        return None
    try:
        return known.acquisition()
    except InputError:
        return None


def _kept(node) -> Known | None:
    """None also where a scene file holds anything but what `keep` wrote."""
    try:
        data = json.loads(node.GetAttribute(ATTRIBUTE) or "")
        values, origins = data["values"], data["origins"]
        is_usable = (
            values.get("family") in (None, *FAMILIES)
            and set(values) <= {"family", "contrast_agent", *NUMBERS}
            and all(type(values.get(name, 0.0)) in (int, float) for name in NUMBERS)
            and all(isinstance(text, str) and len(text) < _ORIGIN_LENGTH for text in origins.values())
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Known(values, {name: origins.get(name, "") for name in values}) if is_usable else None
