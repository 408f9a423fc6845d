"""Sequences in the words of the panel."""

from __future__ import annotations

from collections.abc import Iterable

from slicer.i18n import tr as _


def family_text(family: str) -> str:
    """Name of a sequence family."""
    return {
        "spin_echo": _("Spin echo"),
        "inversion_recovery": _("Inversion recovery"),
        "spoiled_gradient_echo": _("Spoiled gradient echo"),
        "mprage": _("MPRAGE"),
        "bssfp": _("Balanced SSFP"),
    }[family]


def field_text(name: str) -> str:
    """Name of a parameter within a sentence."""
    return {
        "family": _("sequence family"),
        "repetition_time_ms": _("repetition time"),
        "echo_time_ms": _("echo time"),
        "inversion_time_ms": _("inversion time"),
        "flip_angle_deg": _("flip angle"),
        "field_strength_t": _("field strength"),
    }[name]


def field_texts(names: Iterable[str]) -> str:
    """Names of parameters, listed; empty for none."""
    texts = [field_text(name) for name in names]
    return _(" and ").join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def value_text(name: str, value: float) -> str:
    """A value with its unit."""
    unit = {"ms": "ms", "deg": "°", "t": "T"}[name.rsplit("_", 1)[1]]
    return f"{value:g}{'' if unit == '°' else ' '}{unit}"


def origin_text(origin: str) -> str:
    """Where a value came from, in brackets beside it."""
    return {
        "DICOM": _("from DICOM"),
        "sidecar": _("from sidecar"),
        "entered": _("entered"),
        "estimated": _("estimated from the image"),
        "synthetic": _("of a synthetic image"),
    }.get(origin, origin)
