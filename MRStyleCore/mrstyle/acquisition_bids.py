"""Acquisitions of BIDS sidecars, also as dcm2niix writes them.

Source: BIDS specification, MRI common metadata (times in seconds).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .sequence_family import DESCRIPTIONS, NO_AGENT, Findings, SequenceTags, assemble, terms

_NAMES = (
    "SequenceName",
    "PulseSequenceName",
    "PulseSequenceType",
    "PulseSequenceDetails",
    "ScanningSequence",
)
_LONGEST_S = {"EchoTime": 2.0, "InversionTime": 20.0}
_LONGEST_REPETITION_S = 60.0


def read_sidecar(sidecar: Mapping[str, Any] | str | Path) -> Findings:
    """What a sidecar, given as its content or its path, says about the acquisition.

    Raises:
        InputError: the file is not readable JSON, or a value is not usable; the message names file and key.
    """
    if isinstance(sidecar, Mapping):
        return _read(sidecar, "The BIDS sidecar")
    path = Path(sidecar)
    return _read(load_sidecar(path), f"The sidecar {path}")


def load_sidecar(path: Path) -> dict[str, Any]:
    """Content of a sidecar.

    Raises:
        InputError: it is not a readable JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"The sidecar {path} is not readable JSON; correct it or rename it.") from error
    if not isinstance(content, dict):
        raise InputError(f"The sidecar {path} is not a JSON object of BIDS keys; correct it or rename it.")
    return content


def _read(data: Mapping[str, Any], source: str) -> Findings:
    variant = terms(data.get("SequenceVariant"))
    if str(data.get("SpoilingType", "")).upper() in ("RF", "COMBINED"):
        variant.add("SP")
    if data.get("MTState") is True:
        variant.add("MTC")
    tags = SequenceTags(
        terms(data.get("ScanningSequence")),
        variant,
        terms(data.get("ScanOptions")),
        terms(data.get("ImageType")),
        " ".join(str(data.get(name, "")) for name in _NAMES),
        " ".join(str(data.get(name, "")) for name in DESCRIPTIONS),
        data.get("MRAcquisitionType") == "3D",
    )
    try:
        agent = data.get("ContrastBolusIngredient")
        return assemble(
            tags,
            cycle_ms=_ms(data, "RepetitionTimePreparation") or _ms(data, "RepetitionTimeInversion"),
            repetition_ms=_ms(data, "RepetitionTimeExcitation") or _ms(data, "RepetitionTime"),
            echo_time_ms=_ms(data, "EchoTime"),
            inversion_time_ms=_ms(data, "InversionTime"),
            flip_angle_deg=_number(data, "FlipAngle"),
            field_strength_t=_number(data, "MagneticFieldStrength"),
            contrast_agent=None if agent is None else str(agent).strip().upper() not in NO_AGENT,
        )
    except InputError as error:
        raise InputError(f"{source} is not usable (BIDS times are in seconds): {error}") from error


def _ms(data: Mapping[str, Any], key: str) -> float | None:
    seconds = _number(data, key)
    if seconds is None:
        return None
    if seconds > _LONGEST_S.get(key, _LONGEST_REPETITION_S):
        raise InputError(f"{key} is {seconds:g}, which looks like milliseconds; write {seconds / 1000:g}.")
    return float(round(seconds * 1000, 9))


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{key} is {value!r}, which is not a number.")
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{key} is {value:g}, which is not a positive number.")
    return float(value)
