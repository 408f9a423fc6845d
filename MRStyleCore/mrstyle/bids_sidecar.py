"""An acquisition as the keys of a BIDS sidecar; `acquisition.from_bids` reads them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .acquisition import Acquisition

# What tells the families apart, in the terms of DICOM and BIDS.
FAMILY_KEYS: dict[str, dict[str, Any]] = {
    "spin_echo": {"ScanningSequence": "SE", "PulseSequenceType": "Spin echo"},
    "inversion_recovery": {
        "ScanningSequence": ["SE", "IR"],
        "PulseSequenceType": "Inversion recovery spin echo",
    },
    "spoiled_gradient_echo": {
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "PulseSequenceType": "Spoiled gradient echo",
    },
    "mprage": {
        "ScanningSequence": ["GR", "IR"],
        "SequenceVariant": ["SP", "MP"],
        "MRAcquisitionType": "3D",
        "PulseSequenceType": "MPRAGE",
    },
    "bssfp": {"ScanningSequence": "GR", "SequenceVariant": "SS", "PulseSequenceType": "Balanced SSFP"},
}
_SECONDS = {
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "inversion_time_ms": "InversionTime",
}
_AS_THEY_ARE = {"flip_angle_deg": "FlipAngle", "field_strength_t": "MagneticFieldStrength"}


def to_bids(acquisition: Acquisition) -> dict[str, Any]:
    """BIDS keys (times in seconds) of all that is known of an acquisition."""
    keys = dict(FAMILY_KEYS.get(acquisition.family or "", {}))
    for name, key in _SECONDS.items():
        if (time_ms := getattr(acquisition, name)) is not None:
            keys[key] = round(time_ms / 1000, 9)
    for name, key in _AS_THEY_ARE.items():
        if (value := getattr(acquisition, name)) is not None:
            keys[key] = value
    if acquisition.contrast_agent is not None:
        keys["ContrastBolusIngredient"] = "GADOLINIUM" if acquisition.contrast_agent else "NONE"
    return keys
