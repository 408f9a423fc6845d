"""The report of a cohort: whether sites differ less after harmonization than before, as one self-contained HTML page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from ..cohort_group import Cohort, Row, target_text
from ..cohort_scan import HISTOGRAM_BINS, HISTOGRAM_RANGE, Record
from .report import require_libraries

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLICKER_LIMIT = 1.1
WHENS = ("before", "after")
_WIDTH_INCH, _DPI = 10.0, 130
_DOT_SPREAD = 0.25
_FLICKER_SHOWN = (0.5, 1.3)


@dataclass(frozen=True)
class SiteRow:
    """A line of the table of sites.

    Attributes:
        name: of the site.
        scans: how many there are.
        harmonized: how many of them were.
        median_flicker, greatest_flicker: ratios, in words; "" where there is none.
        distances: how far the intensities of the site are from those of the other sites, before and after, in words.
        looks_like: the site that most of its scans look like, before and after; "" without a classifier.
    """

    name: str
    scans: int
    harmonized: int
    median_flicker: str
    greatest_flicker: str
    distances: tuple[str, ...]
    looks_like: tuple[str, ...]


def cohort_page(cohort: Cohort) -> str:
    """The report as HTML.

    Raises:
        InputError: jinja2 or matplotlib is missing.
    """
    require_libraries()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mrstyle.qa", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    records = cohort.harmonized()
    made = {(record.request["model"], target_text(record)) for record in records}
    flickering = sum((record.flicker_ratio or 0) > FLICKER_LIMIT for record in records)
    return environment.get_template("cohort_report.html.j2").render(
        title=f"Harmonization of {cohort.name}",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        counts=cohort.counts().most_common(),
        made=sorted(made),
        flickering=flickering,
        flicker_limit=FLICKER_LIMIT,
        sites=list(_site_rows(cohort)),
        intensities=_picture(_intensities(cohort)) if records else None,
        flicker=_picture(_flicker(cohort)) if records else None,
        probabilities=_picture(_probabilities(cohort)) if any(record.sites for record in records) else None,
        problems=[row for row in cohort.rows if row.record is not None and not row.is_harmonized],
        noted=[row for row in cohort.rows if row.record is not None and _notes(row)],
        notes=_notes,
    )


def site_distance(own: np.ndarray, others: np.ndarray) -> float:
    """Wasserstein distance of two distributions of intensities (shares by `HISTOGRAM_RANGE`), in units of the 99.5th
    percentile of the head: how far intensities must be moved to make one the other.
    """
    width = (HISTOGRAM_RANGE[1] - HISTOGRAM_RANGE[0]) / HISTOGRAM_BINS
    own, others = (shares / shares.sum() for shares in (own, others))
    return float(np.abs(np.cumsum(own - others)).sum() * width)


def _site_rows(cohort: Cohort) -> Iterator[SiteRow]:
    for site in cohort.sites():
        rows = [row for row in cohort.rows if row.site == site]
        records = cohort.harmonized(site)
        rest = [record for other in cohort.sites() if other != site for record in cohort.harmonized(other)]
        ratios = [record.flicker_ratio for record in records if record.flicker_ratio is not None]
        both = bool(records and rest)
        yield SiteRow(
            name=site,
            scans=len(rows),
            harmonized=len(records),
            median_flicker=f"{np.median(ratios):.2f}" if ratios else "",
            greatest_flicker=f"{max(ratios):.2f}" if ratios else "",
            distances=tuple(
                f"{site_distance(_mean_histogram(records, when), _mean_histogram(rest, when)):.3f}"
                if both
                else ""
                for when in WHENS
            ),
            looks_like=tuple(_most_alike(rows, when) for when in WHENS),
        )


def _most_alike(rows: Sequence[Row], when: str) -> str:
    """The site that most scans look like, and how many of them do."""
    named = [site for row in rows if row.is_harmonized and (site := row.looks_like(when))]
    if not named:
        return ""
    first = max(sorted(set(named)), key=named.count)
    return f"{first} ({named.count(first)} of {len(named)})"


def _mean_histogram(records: Sequence[Record], when: str) -> np.ndarray:
    mean: np.ndarray = np.mean([record.histograms[when] for record in records], axis=0)
    return mean


def _intensities(cohort: Cohort) -> Figure:
    """Mean distribution of the intensities of each site, before and after."""
    figure = _figure(3.1)
    edges = np.linspace(*HISTOGRAM_RANGE, HISTOGRAM_BINS + 1)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, when in zip(panels, WHENS, strict=True):
        for site, color in _colors(cohort).items():
            if records := cohort.harmonized(site):
                axes.stairs(_mean_histogram(records, when), edges, color=color, linewidth=1.5, label=site)
        axes.set(title=when.capitalize(), xlabel="intensity (99.5th percentile of the head = 1)", yticks=[])
        _plain(axes)
    panels[0].set_ylabel("voxels of the head (share)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=min(4, len(labels)))
    return figure


def _flicker(cohort: Cohort) -> Figure:
    """Flicker ratio of each scan by site."""
    colors = _colors(cohort)
    sites = [site for site in colors if cohort.harmonized(site)]
    figure = _figure(0.9 + 0.32 * len(sites))
    axes = figure.subplots()
    for place, site in enumerate(sites):
        ratios = [
            record.flicker_ratio for record in cohort.harmonized(site) if record.flicker_ratio is not None
        ]
        spread = (
            np.linspace(-_DOT_SPREAD, _DOT_SPREAD, len(ratios)) if len(ratios) > 1 else np.zeros(len(ratios))
        )
        axes.plot(ratios, place + spread, "o", markersize=4, color=colors[site], alpha=0.8)
    greatest = max((record.flicker_ratio or 0 for record in cohort.harmonized()), default=0)
    axes.set_xlim(_FLICKER_SHOWN[0], max(_FLICKER_SHOWN[1], 1.05 * greatest))
    axes.axvline(FLICKER_LIMIT, color="#8a4b08", linestyle="--", linewidth=1)
    axes.set(yticks=range(len(sites)), yticklabels=sites, xlabel="flicker ratio")
    axes.set_ylim(len(sites) - 0.5, -0.5)
    _plain(axes)
    return figure


def _probabilities(cohort: Cohort) -> Figure:
    """Mean probability of each site that the classifier knows, for the scans of each site."""
    told = {site: [each for each in cohort.harmonized(site) if each.sites] for site in cohort.sites()}
    told = {site: records for site, records in told.items() if records}
    known = list(next(iter(told.values()))[0].sites["before"])
    figure = _figure(1.9 + 0.32 * len(told))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, when in zip(panels, WHENS, strict=True):
        shares = [
            [np.mean([record.sites[when].get(name, 0.0) for record in records]) for name in known]
            for records in told.values()
        ]
        image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        for (row, column), share in np.ndenumerate(np.array(shares)):
            ink = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color=ink)
        axes.set(title=when.capitalize(), xlabel="looks like")
        axes.set_xticks(range(len(known)), known, rotation=30, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(len(told)), list(told))
    panels[0].set_ylabel("site")
    figure.colorbar(image, ax=list(panels), label="mean probability", fraction=0.03)
    return figure


def _colors(cohort: Cohort) -> dict[str, tuple[float, ...]]:
    from matplotlib import colormaps

    sites = cohort.sites()
    if len(sites) <= 10:
        return {site: colormaps["tab10"](index) for index, site in enumerate(sites)}
    return {site: colormaps["turbo"](index / (len(sites) - 1)) for index, site in enumerate(sites)}


def _figure(height_inch: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCH, height_inch), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)


def _picture(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _notes(row: Row) -> list[str]:
    """What is to be careful about; where the model ran is no such thing."""
    return [note for note in (row.record.notes if row.record else []) if not note.startswith("Device:")]
