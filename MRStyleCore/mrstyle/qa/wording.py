"""Metrics and model cards in words, the same on the command line and in reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..models.card import Figure, ModelCard
    from ..sequence_range import SequenceRange
    from .evaluate import Row

_FAMILIES = {"mprage": "MPRAGE", "bssfp": "balanced SSFP"}
_PARAMETERS = {
    "repetition_time_ms": ("TR", "ms"),
    "echo_time_ms": ("TE", "ms"),
    "inversion_time_ms": ("TI", "ms"),
    "flip_angle_deg": ("flip angle", "deg"),
    "field_strength_t": ("", "T"),
}
_SKULL = {"with": "whole heads", "without": "brain-extracted", "any": "with or without skull"}


def value_text(row: Row) -> str:
    """The number with as many digits as are worth reading."""
    if row.value is None:
        return "n/a"
    return f"{row.value:.2f}" if row.unit else f"{row.value:.4f}"


def distinct_notes(rows: list[Row]) -> list[str]:
    """The notes of all rows, each once, to be numbered from 1."""
    return list(dict.fromkeys(row.note for row in rows if row.note))


def accepts_text(card: ModelCard) -> str:
    """The inputs that a model was made for, in one line."""
    accepts = card.accepts
    low, high = accepts.spacing_mm
    body_part = "any body part" if accepts.body_part == "any" else accepts.body_part
    contrasts = ", ".join(accepts.contrasts) or "any contrast"
    size = f"at least {accepts.minimum_size_voxels} along two axes"
    return f"{body_part}, {contrasts}, {_SKULL[accepts.skull]}, voxels of {low:g} to {high:g} mm, {size}"


def figure_text(figure: Figure) -> str:
    """A held-out figure with all that tells what it means."""
    unit = "" if figure.unit == "1" else f" {figure.unit}"
    data_range = f", data range {figure.data_range:g}" if figure.data_range is not None else ""
    return f"{figure.metric} {figure.value:g}{unit} ({figure.dataset}; {figure.mask}{data_range})"


def sequence_text(seen: SequenceRange) -> str:
    """A kind of sequence that a model saw in training, in one line."""
    parts = [family_text(seen.family)]
    for parameter, (low, high) in seen.limits().items():
        label, unit = _PARAMETERS[parameter]
        parts.append(f"{label} {low:g} to {high:g} {unit}" if low < high else f"{label} {low:g} {unit}")
    return f"{seen.name} ({', '.join(parts)})"


def acquisition_text(acquisition: Acquisition, origins: Mapping[str, str] | None = None) -> str:
    """A family and its parameters in one line; ``origins`` tell in brackets where each of them comes from."""
    parts = {"family": family_text(acquisition.family)} if acquisition.family else {}
    for parameter, (label, unit) in _PARAMETERS.items():
        if (value := getattr(acquisition, parameter)) is not None:
            parts[parameter] = f"{label} {value:g} {unit}".strip()
    known = origins or {}
    return ", ".join(f"{text} ({known[name]})" if name in known else text for name, text in parts.items())


def family_text(family: str) -> str:
    """The name of a sequence family as people write it."""
    return _FAMILIES.get(family, family.replace("_", " "))
