"""How an image was taken: sequence family and parameters, as far as the file says.

Sources: DICOM PS3.3 C.8.3.1 (MR Image Module), C.8.13.4 and C.8.13.5 (enhanced MR); BIDS specification, MRI
common metadata. What a file leaves open stays None; nothing is guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from .errors import InputError

FAMILIES = ("spin_echo", "inversion_recovery", "spoiled_gradient_echo", "mprage", "bssfp")

# Wide enough for zero echo time and ultra-low field; narrow enough to catch most seconds typed as ms.
_RANGES = {
    "repetition_time_ms": (0.3, 60_000.0),
    "echo_time_ms": (0.005, 2_000.0),
    "inversion_time_ms": (1.0, 20_000.0),
    "flip_angle_deg": (0.01, 360.0),
    "field_strength_t": (0.001, 25.0),
}
_BALANCED = re.compile(r"true?fisp|trufi|fiesta|bssfp|balanced|b-?[ft]fe|(?<![a-z])tfi[23]d", re.IGNORECASE)
_ECHO_PLANAR = re.compile(r"epi(?![a-z])|(?<![a-z])ep2d", re.IGNORECASE)
_MPRAGE = re.compile(r"mp-?rage", re.IGNORECASE)
# Typed by people: good enough to doubt what the other tags say, never to decide.
_DESCRIPTIONS = ("ProtocolName", "SeriesDescription")
_NO_AGENT = {"", "0", "NO", "NONE", "N", "FALSE"}


@dataclass(frozen=True)
class Acquisition:
    """Sequence family and parameters of one MR volume; None is unknown.

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

    def __post_init__(self) -> None:
        if self.family is not None and self.family not in FAMILIES:
            raise InputError(f"Unknown sequence family {self.family!r}; choose one of {', '.join(FAMILIES)}.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                label, unit = name.rsplit("_", 1)
                raise InputError(
                    f"The {label.replace('_', ' ')} {value:g} {unit} is not between {low:g} and {high:g} "
                    f"{unit}; check the value and its unit."
                )
        for name in ("inversion_time_ms", "echo_time_ms"):
            self._check_fits(name)

    def _check_fits(self, name: str) -> None:
        """Echo and inversion come within one repetition in each of the families."""
        value = getattr(self, name)
        if self.family and value and self.repetition_time_ms and value >= self.repetition_time_ms:
            label = name.removesuffix("_ms").replace("_", " ")
            raise InputError(
                f"The {label} {value:g} ms is not shorter than the repetition time "
                f"{self.repetition_time_ms:g} ms; check the values and their units."
            )

    def as_dict(self) -> dict[str, Any]:
        """All fields by name as plain JSON data."""
        return asdict(self)


class _Tags(NamedTuple):
    """What both kinds of files say about the sequence, in the words of the DICOM standard."""

    scanning_sequence: set[str]
    sequence_variant: set[str]
    names: str
    descriptions: str
    is_3d: bool


def from_bids(sidecar: Mapping[str, Any] | str | Path) -> Acquisition:
    """Acquisition of a BIDS sidecar (times in seconds), given as its content or its path.

    A parameter with several values (one for each echo or volume) counts as unknown.

    Raises:
        InputError: the file is not readable JSON, or a value is not usable; the message names file and key.
    """
    if isinstance(sidecar, Mapping):
        return _from_bids(sidecar, "The BIDS sidecar")
    path = Path(sidecar)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"The sidecar {path} is not readable JSON; correct it or rename it.") from error
    if not isinstance(content, dict):
        raise InputError(f"The sidecar {path} is not a JSON object of BIDS keys; correct it or rename it.")
    return _from_bids(content, f"The sidecar {path}")


def from_dicom(dataset: Dataset) -> Acquisition:
    """Acquisition of a DICOM image, single-frame or enhanced multi-frame.

    A zero is unknown: vendors write it for what does not apply, and the standard for a single excitation.
    So is a value that differs between frames.

    Raises:
        InputError: a value is not usable.
    """
    try:
        return _from_dicom(dataset)
    except (ValueError, TypeError) as error:
        raise InputError(f"The DICOM tags hold a value that is not a number: {error}.") from error


def _from_bids(data: Mapping[str, Any], source: str) -> Acquisition:
    names = ("SequenceName", "PulseSequenceType", "PulseSequenceDetails", "ScanningSequence")
    tags = _Tags(
        _terms(data.get("ScanningSequence")),
        _terms(data.get("SequenceVariant")),
        " ".join(str(data.get(name, "")) for name in names),
        " ".join(str(data.get(name, "")) for name in _DESCRIPTIONS),
        data.get("MRAcquisitionType") == "3D",
    )
    try:
        agent = data.get("ContrastBolusIngredient")
        return _acquisition(
            tags,
            cycle_ms=_bids_number(data, "RepetitionTimePreparation", 1000),
            repetition_ms=_bids_number(data, "RepetitionTimeExcitation", 1000)
            or _bids_number(data, "RepetitionTime", 1000),
            echo_time_ms=_bids_number(data, "EchoTime", 1000),
            inversion_time_ms=_bids_number(data, "InversionTime", 1000),
            flip_angle_deg=_bids_number(data, "FlipAngle"),
            field_strength_t=_bids_number(data, "MagneticFieldStrength"),
            contrast_agent=None if agent is None else str(agent).strip().upper() not in _NO_AGENT,
        )
    except InputError as error:
        raise InputError(f"{source} is not usable (BIDS times are in seconds): {error}") from error


def _bids_number(data: Mapping[str, Any], key: str, factor: float = 1) -> float | None:
    value = data.get(key)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{key} is {value!r}, which is not a number.")
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{key} is {value:g}, which is not a positive number.")
    return float(round(value * factor, 9))


def _from_dicom(dataset: Dataset) -> Acquisition:
    agent = dataset.get("ContrastBolusAgent")
    agent_listed = True if dataset.get("ContrastBolusAgentSequence") else None
    return _acquisition(
        _dicom_tags(dataset),
        cycle_ms=None,
        repetition_ms=_dicom_number(dataset, "RepetitionTime", "MRTimingAndRelatedParametersSequence"),
        echo_time_ms=_dicom_number(dataset, "EchoTime")
        or _dicom_number(dataset, "EffectiveEchoTime", "MREchoSequence"),
        inversion_time_ms=_dicom_number(dataset, "InversionTime")
        or _dicom_number(dataset, "InversionTimes", "MRModifierSequence"),
        flip_angle_deg=_dicom_number(dataset, "FlipAngle", "MRTimingAndRelatedParametersSequence"),
        field_strength_t=_dicom_number(dataset, "MagneticFieldStrength"),
        contrast_agent=str(agent).strip().upper() not in _NO_AGENT if agent else agent_listed,
    )


def _dicom_tags(dataset: Dataset) -> _Tags:
    """Sequence tags; those of enhanced images are put in the terms of single-frame ones."""
    sequence = _terms(dataset.get("ScanningSequence"))
    variant = _terms(dataset.get("SequenceVariant"))
    echo = {"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}
    sequence |= echo.get(dataset.get("EchoPulseSequence", ""), set())
    if dataset.get("EchoPlanarPulseSequence") == "YES":
        sequence.add("EP")
    if _dicom_value(dataset, "InversionRecovery", "MRModifierSequence") == "YES":
        sequence.add("IR")
    if str(_dicom_value(dataset, "Spoiling", "MRModifierSequence")).startswith("RF"):
        variant.add("SP")
    if dataset.get("SteadyStatePulseSequence") == "TIME_REVERSED":
        variant.add("TRSS")
    names = " ".join(str(dataset.get(name) or "") for name in ("SequenceName", "PulseSequenceName"))
    descriptions = " ".join(str(dataset.get(name) or "") for name in _DESCRIPTIONS)
    return _Tags(sequence, variant, names, descriptions, dataset.get("MRAcquisitionType") == "3D")


def _dicom_number(dataset: Dataset, keyword: str, group: str = "") -> float | None:
    value = _dicom_value(dataset, keyword, group)
    if isinstance(value, (MultiValue, list)):
        value = value[0] if len(value) == 1 else None
    return float(value) if value else None


def _dicom_value(dataset: Dataset, keyword: str, group: str = "") -> Any:
    """Value of a tag at the top or in a functional group, if all frames agree on it."""
    if keyword in dataset:
        return dataset.get(keyword)
    groups = [
        *dataset.get("SharedFunctionalGroupsSequence", ()),
        *dataset.get("PerFrameFunctionalGroupsSequence", ()),
    ]
    values = [item.get(keyword) for frame in groups for item in frame.get(group, ()) if keyword in item]
    return values[0] if values and all(value == values[0] for value in values) else None


def _terms(value: Any) -> set[str]:
    """Terms of a DICOM code string; dcm2niix joins them by a backslash, in old versions by an underscore."""
    values = [str(value)] if value is None or isinstance(value, str) else [str(term) for term in value]
    return {term for text in values for term in re.split(r"[\\_/,; ]+", text.upper())} - {"", "NONE"}


def _acquisition(
    tags: _Tags, *, cycle_ms: float | None, repetition_ms: float | None, **values: Any
) -> Acquisition:
    """Acquisition of what a file says, with the repetition time that its family's signal equation needs.

    Args:
        cycle_ms: from preparation to preparation, where that is recorded by itself.
        repetition_ms: as the vendor counts it.
    """
    inversion_ms, echo_ms = values["inversion_time_ms"], values["echo_time_ms"]
    family = _family(tags, inversion_ms is not None)
    if family in ("mprage", "inversion_recovery"):
        # Siemens counts from inversion to inversion; GE, Philips and UIH between excitations of the train.
        is_excitation = None not in (repetition_ms, inversion_ms) and repetition_ms <= inversion_ms
        repetition_ms = cycle_ms or (None if is_excitation else repetition_ms)
    if echo_ms and repetition_ms and echo_ms >= repetition_ms:
        family = None  # an echo-shifted sequence, which none of the families describes
    return Acquisition(family=family, repetition_time_ms=repetition_ms, **values)


def _family(tags: _Tags, has_inversion_time: bool) -> str | None:
    """The sequence family where the tags leave no doubt, else None."""
    sequence, variant = tags.scanning_sequence, tags.sequence_variant
    if sequence & {"EP", "RM"} or "TRSS" in variant or _ECHO_PLANAR.search(tags.names + tags.descriptions):
        return None
    inverted = has_inversion_time or "IR" in sequence
    if _BALANCED.search(tags.names):
        return None if inverted else "bssfp"
    if _MPRAGE.search(tags.names):
        return "mprage" if has_inversion_time else None
    if sequence in ({"IR"}, {"SE", "IR"}):
        return "inversion_recovery"
    if sequence == {"SE"}:
        return None if inverted else "spin_echo"
    if sequence in ({"GR"}, {"GR", "IR"}):
        return _gradient_echo_family(tags, has_inversion_time)
    return None


def _gradient_echo_family(tags: _Tags, has_inversion_time: bool) -> str | None:
    """An inversion time alone may be that of a fat suppression; SS without SP may be a balanced sequence."""
    prepared = "IR" in tags.scanning_sequence or "MP" in tags.sequence_variant
    is_spoiled = "SP" in tags.sequence_variant
    if prepared:
        may_be_balanced = "SS" in tags.sequence_variant and not is_spoiled
        return "mprage" if has_inversion_time and tags.is_3d and not may_be_balanced else None
    return "spoiled_gradient_echo" if is_spoiled and not has_inversion_time else None
