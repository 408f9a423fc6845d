"""Acquisitions of DICOM headers: single-frame and enhanced multi-frame.

Sources: DICOM PS3.3 C.8.3.1 (MR Image Module), C.8.13.4 and C.8.13.5 (enhanced MR), C.7.6.16 (functional groups). The private
tags are those in which GE and Philips name their sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from .errors import InputError
from .sequence_family import DESCRIPTIONS, NO_AGENT, Findings, SequenceTags, assemble, terms

# (group, creator, element): the names of the pulse sequence, and for GE also of the one it is derived from.
_PRIVATE_NAMES = (
    (0x0019, "GEMS_ACQU_01", 0x9C),
    (0x0019, "GEMS_ACQU_01", 0x9E),
    (0x2001, "Philips Imaging DD 001", 0x20),
)
# Where files that were converted to the enhanced form keep the tags of the single-frame form.
_CONVERTED = ("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence")
_ECHOES = {"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}
# Scanners round, and a gated sequence follows the heart.
_SAME = 0.01


def read_series(path: Path, headers: Sequence[tuple[Path, Dataset]]) -> Findings:
    """What the files of one series, found in ``path``, say about its acquisition.

    Raises:
        InputError: a value is not usable; the message names ``path``.
    """
    try:
        return read_datasets([header for _, header in headers])
    except InputError as error:
        raise InputError(f"{path} is not usable: {error}") from error


def read_datasets(datasets: Sequence[Dataset]) -> Findings:
    """What the headers of one series say about its acquisition; a value that differs between images is unknown.

    Raises:
        InputError: a value is not usable.
    """
    try:
        return _read(datasets)
    except (ValueError, TypeError) as error:
        raise InputError(f"The DICOM tags hold a value that is not a number: {error}.") from error


def _read(datasets: Sequence[Dataset]) -> Findings:
    timing = "MRTimingAndRelatedParametersSequence"
    echoes = _numbers(datasets, "EchoTime") or _numbers(datasets, "EffectiveEchoTime", "MREchoSequence")
    repetitions = _numbers(datasets, "RepetitionTime", timing)
    inversions = _numbers(datasets, "InversionTime") or _numbers(
        datasets, "InversionTimes", "MRModifierSequence"
    )
    flips = _numbers(datasets, "FlipAngle", timing)
    found = assemble(
        _tags(datasets[0]),
        cycle_ms=None,
        repetition_ms=_agreed(repetitions),
        echo_time_ms=_agreed(echoes),
        inversion_time_ms=_agreed(inversions),
        flip_angle_deg=_agreed(flips),
        field_strength_t=_agreed(_numbers(datasets, "MagneticFieldStrength")),
        contrast_agent=_contrast_agent(datasets[0]),
    )
    several = (
        ("echo", "ms", echoes),
        ("repetition", "ms", repetitions),
        ("inversion", "ms", inversions),
        ("flip angle", "deg", flips),
    )
    notes = [
        _several(name, unit, values) for name, unit, values in several if _agreed(values) is None and values
    ]
    return Findings(found.acquisition, (*notes, *found.notes))


def _several(name: str, unit: str, values: list[float]) -> str:
    distinct = sorted(set(values))
    listed = ", ".join(f"{value:g}" for value in distinct[:6]) + (", ..." if len(distinct) > 6 else "")
    noun = name if name == "flip angle" else f"{name} time"
    return f"It holds images of {len(distinct)} {noun}s ({listed} {unit}), so the {noun} is open; choose one of them."


def _tags(dataset: Dataset) -> SequenceTags:
    """Sequence tags; those of enhanced images are put in the terms of single-frame ones."""
    sequence = terms(_value(dataset, "ScanningSequence"))
    variant = terms(_value(dataset, "SequenceVariant"))
    sequence |= _ECHOES.get(str(dataset.get("EchoPulseSequence", "")), set())
    if dataset.get("EchoPlanarPulseSequence") == "YES":
        sequence.add("EP")
    if _value(dataset, "InversionRecovery", "MRModifierSequence") == "YES":
        sequence.add("IR")
    if str(_value(dataset, "Spoiling", "MRModifierSequence")).startswith("RF"):
        variant.add("SP")
    if _value(dataset, "MagnetizationTransfer", "MRModifierSequence") in ("ON_RESONANCE", "OFF_RESONANCE"):
        variant.add("MTC")
    if dataset.get("SteadyStatePulseSequence") == "TIME_REVERSED":
        variant.add("TRSS")
    names = [_value(dataset, "SequenceName"), dataset.get("PulseSequenceName"), *_private_names(dataset)]
    return SequenceTags(
        sequence,
        variant,
        terms(_value(dataset, "ScanOptions")),
        terms(dataset.get("ImageType")) | terms(dataset.get("ComplexImageComponent")),
        " ".join(str(name) for name in names if name),
        " ".join(str(dataset.get(name) or "") for name in DESCRIPTIONS),
        _value(dataset, "MRAcquisitionType") == "3D",
    )


def _private_names(dataset: Dataset) -> Iterator[str]:
    for group, creator, element in _PRIVATE_NAMES:
        try:
            value = dataset.private_block(group, creator)[element].value
        except KeyError:
            continue
        # An implicit transfer syntax leaves the text of a private tag as bytes.
        yield value.decode("ascii", "replace").strip(" \0") if isinstance(value, bytes) else str(value)


def _contrast_agent(dataset: Dataset) -> bool | None:
    agent = dataset.get("ContrastBolusAgent")
    if agent:
        return str(agent).strip().upper() not in NO_AGENT
    return True if dataset.get("ContrastBolusAgentSequence") else None


def _agreed(values: list[float]) -> float | None:
    """The one value, or None if there is none or several."""
    return values[0] if values and max(values) - min(values) <= _SAME * abs(values[0]) else None


def _numbers(datasets: Sequence[Dataset], keyword: str, group: str = "") -> list[float]:
    """The values of a tag in all images; zero, which stands for what does not apply, is left out."""
    found = []
    for dataset in datasets:
        for value in _values(dataset, keyword, group):
            several = list(value) if isinstance(value, (MultiValue, list)) else [value]
            found += [float(each) for each in several if each not in (None, "")]
    return [value for value in found if value != 0]


def _value(dataset: Dataset, keyword: str, group: str = "") -> Any:
    """Value of a tag, if all frames agree on it."""
    values = _values(dataset, keyword, group)
    return values[0] if values and all(value == values[0] for value in values) else None


def _values(dataset: Dataset, keyword: str, group: str = "") -> list[Any]:
    """Values of a tag at the top, or in a functional group of all frames and of each."""
    if keyword in dataset:
        return [dataset.get(keyword)]
    frames = [
        *(dataset.get("SharedFunctionalGroupsSequence") or ()),
        *(dataset.get("PerFrameFunctionalGroupsSequence") or ()),
    ]
    names = (group, *_CONVERTED)
    return [
        item.get(keyword)
        for frame in frames
        for name in names
        if name
        for item in frame.get(name) or ()
        if keyword in item
    ]
