"""Metrics and model cards in words, the same on the command line and in reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.card import Figure, ModelCard
    from .evaluate import Row

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
