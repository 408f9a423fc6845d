"""The report of one translation: one self-contained HTML page that a browser shows and prints anywhere."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import atomic_path
from ..models.card import ModelCard
from ..translate import Result
from ..volume import Volume
from .evaluate import Evaluation
from .wording import accepts_text, distinct_notes, figure_text, value_text

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from .pictures import Panel, View

_LIBRARIES = ("jinja2", "matplotlib")
_ROOM_FOR_LETTERS = 1.08
_SIMILARITIES = {
    "cw_ssim_content": ("CW-SSIM, content", "Local similarity to the content: is the anatomy kept?"),
    "cw_ssim_style": ("CW-SSIM, style", "Local similarity to the style volume: is its look reached?"),
}


def missing_libraries() -> list[str]:
    """Names of what only reports need and is not installed."""
    return [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]


def require_libraries() -> None:
    """Check for what only reports need.

    Raises:
        InputError: it is not installed.
    """
    if missing := missing_libraries():
        raise InputError(f'A report needs {" and ".join(missing)}; run pip install "mrstyle[qa]" first.')


@dataclass(frozen=True)
class Strip:
    """The three mid-slices of a volume with their caption, and a color bar where colors mean numbers."""

    title: str
    caption: str
    panels: list[Panel]
    bar: str | None = None
    ticks: tuple[str, ...] = ()
    unit: str = ""


def write_report(
    path: str | Path,
    *,
    content: Volume,
    style: Volume,
    result: Result,
    evaluation: Evaluation,
    card: ModelCard,
) -> None:
    """Write the report of a translation, whole or not at all.

    Args:
        path: the HTML file.
        content: what was translated.
        style: what it should look like, on any grid.
        result: what `translate` returned for them.
        evaluation: of the result's image against both.
        card: of the model.

    Raises:
        InputError: jinja2 or matplotlib is missing, or the file cannot be written.
    """
    require_libraries()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mrstyle.qa", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        _values(content, style, result, evaluation, card)
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _values(
    content: Volume, style: Volume, result: Result, evaluation: Evaluation, card: ModelCard
) -> dict[str, Any]:
    """What the template fills in."""
    from .pictures import View, gray_window, histograms, panels

    view, style_view = View.of(content), View.of(style)
    window, style_window = gray_window(content, view), gray_window(style, style_view)
    volumes = [
        Strip("Content", _facts(content, window), panels(content, view, window)),
        Strip("Style", _facts(style, style_window), panels(style, style_view, style_window)),
        Strip(
            "Output",
            f"Grid of the content, {_shown(style_window)} as the style.",
            panels(result.image, view, style_window),
        ),
    ]
    maps = [*_map_strips(evaluation, view), *_uncertainty_strip(result, view)]
    sizes = [(panel.width_mm, panel.height_mm) for strip in (*volumes, *maps) for panel in strip.panels]
    box_mm = [_ROOM_FOR_LETTERS * max(lengths) for lengths in zip(*sizes, strict=True)]
    return {
        "title": f"{content.name} in the style of {style.name}",
        "card": card,
        "accepts": accepts_text(card),
        "figures": [figure_text(figure) for figure in card.figures],
        "volumes": volumes,
        "maps": maps,
        "box_mm": box_mm,
        "histograms": histograms(content, result.image, style, view, style_view),
        "rows": evaluation.rows,
        "value_text": value_text,
        "footnotes": distinct_notes(evaluation.rows),
        "run_notes": result.notes,
        "history": result.history.to_dict(),
        "history_json": json.dumps(result.history.to_dict(), indent=2),
    }


def _facts(volume: Volume, window: tuple[float, float]) -> str:
    size = " x ".join(str(count) for count in volume.shape[::-1])
    spacing = " x ".join(f"{spacing:.3g}" for spacing in volume.spacing_mm)
    return f"{volume.name}: {size} voxels of {spacing} mm, {_shown(window)}."


def _shown(window: tuple[float, float]) -> str:
    return f"window {window[0]:.4g} to {window[1]:.4g}"


def _map_strips(evaluation: Evaluation, view: View) -> Iterator[Strip]:
    from . import pictures

    if (difference := evaluation.maps.get("difference_content")) is not None:
        change = np.percentile(np.abs(pictures.foreground_values(difference, view)), 99.5)
        limit = max(math.ceil(change * 10), 1) / 10
        yield _colored(
            "Difference",
            "Output minus content, each scaled so that its 99.5th percentile in the mask is 1.",
            difference,
            view,
            (-limit, limit),
            pictures.DIFFERENCE,
            "of the 99.5th percentile",
        )
    for name, (title, caption) in _SIMILARITIES.items():
        if (found := evaluation.maps.get(name)) is not None:
            yield _colored(title, caption, found, view, (0.0, 1.0), pictures.SIMILARITY, "SSIM")


def _uncertainty_strip(result: Result, view: View) -> Iterator[Strip]:
    from . import pictures

    if result.uncertainty is not None:
        limit = float(np.percentile(pictures.foreground_values(result.uncertainty, view), 99.5))
        caption = f"Standard deviation over {result.history.samples} samples."
        yield _colored(
            "Uncertainty",
            caption,
            result.uncertainty,
            view,
            (0.0, limit),
            pictures.UNCERTAINTY,
            "style intensity",
        )


def _colored(
    title: str,
    caption: str,
    volume: Volume,
    view: View,
    window: tuple[float, float],
    colors: Colormap,
    unit: str,
) -> Strip:
    from .pictures import color_bar, panels

    ticks = tuple(f"{value:.3g}" for value in (window[0], sum(window) / 2, window[1]))
    return Strip(
        title, caption, panels(volume, view, window, colors, masked=True), color_bar(colors), ticks, unit
    )
