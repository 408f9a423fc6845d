"""A model's card as HTML for a panel: what it takes, what it may be used for, how long it takes, how good it is."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from .models import ModelEntry

_HEAD_MEGAVOXELS = 182 * 218 * 182 / 1e6


def describe(entry: ModelEntry) -> str:
    """HTML for a text browser; a card is a stranger's text, so nothing in it is taken for markup."""
    if entry.fault:
        return f"<p>{escape(entry.fault)}</p>"
    card = entry.card
    rows = [
        (_("Accepts"), _accepts(card["accepts"])),
        (_("License"), " ".join(filter(None, (card["license"], card.get("license_note"))))),
        (
            _("Expected time"),
            _expected_time(card.get("seconds_per_megavoxel", {}), card["weights_sha256"] is None),
        ),
        (_("Held-out figures"), _figures(card.get("figures", []))),
        (_("Training data"), _training(card["training"])),
    ]
    table = "".join(
        f"<tr><td><b>{escape(name)}</b>&nbsp;</td><td>{escape(text)}</td></tr>" for name, text in rows
    )
    title = f"<p><b>{escape(entry.title)}</b> ({escape(entry.name)})</p>"
    return f"{title}<p>{escape(card['description'])}</p><table>{table}</table>"


def _accepts(accepts: dict[str, Any]) -> str:
    contrasts = accepts.get("contrasts") or [_("any contrast")]
    skull = {"with": _("with skull"), "without": _("without skull")}.get(
        accepts.get("skull"), _("with or without skull")
    )
    parts = [str(accepts.get("body_part", "")), ", ".join(map(str, contrasts)), skull]
    spacing_mm = accepts.get("spacing_mm")
    if isinstance(spacing_mm, list) and len(spacing_mm) == 2:
        parts.append(_("voxels of {least} to {most} mm").format(least=spacing_mm[0], most=spacing_mm[1]))
    if size := accepts.get("minimum_size_voxels"):
        parts.append(_("at least {size} voxels along an axis").format(size=size))
    return "; ".join(filter(None, parts))


def _expected_time(seconds_per_megavoxel: dict[str, Any], without_weights: bool) -> str:
    measured = {
        name: value for name, value in seconds_per_megavoxel.items() if isinstance(value, (int, float))
    }
    if not measured:
        return _("not measured")
    times = []
    for name, value in measured.items():
        kind = name.upper() if not without_weights else "CPU"
        times.append(
            _("about {time} on {device}").format(time=_duration(value * _HEAD_MEGAVOXELS), device=kind)
        )
    return _("{times}, for a head at 1 mm; computers differ").format(times=", ".join(times))


def _duration(seconds: float) -> str:
    if seconds < 100:
        return _("{count} s").format(count=f"{seconds:.2g}")
    return _("{count} min").format(count=round(seconds / 60))


def _figures(figures: list[Any]) -> str:
    lines = []
    for figure in figures:
        if isinstance(figure, dict) and isinstance(value := figure.get("value"), (int, float)):
            unit = "" if figure.get("unit") in (None, "1") else f" {figure['unit']}"
            lines.append(f"{figure.get('metric', '')}: {value:.4g}{unit} ({figure.get('dataset', '')})")
    return "; ".join(lines) or _("none")


def _training(training: dict[str, Any]) -> str:
    sets = []
    for data in training.get("data") or []:
        if isinstance(data, dict):
            simulated = _("simulated") if data.get("simulated") else _("acquired")
            sets.append(f"{data.get('name', '')} ({simulated}, {data.get('license', '')})")
    return " ".join(filter(None, (str(training.get("description", "")), "; ".join(sets))))
