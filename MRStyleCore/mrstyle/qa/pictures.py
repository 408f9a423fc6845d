"""Pictures of the report: mid-slices as small PNGs at the volume's own resolution, color bars, histograms.

Slices are shown as radiologists read them: the patient's left on the right of axial and coronal ones,
anterior on the left of sagittal ones.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from PIL import Image

from ..intensity import IntensityMap, foreground_mask
from ..volume import Volume, to_canonical

# Black in the middle, because a white one would outshine the slices beside it.
DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference", ["#9be7ff", "#2f7fd0", "#000000", "#d8562b", "#ffe08a"]
)
GRAY, SIMILARITY, UNCERTAINTY = colormaps["gray"], colormaps["viridis"], colormaps["inferno"]
_PLANES = (
    ("axial", 0, ("R", "L", "A", "P")),
    ("coronal", 1, ("R", "L", "S", "I")),
    ("sagittal", 2, ("A", "P", "S", "I")),
)
_MARGIN_MM = 6.0
_HISTOGRAM_BINS = 120


@dataclass(frozen=True)
class Panel:
    """One slice.

    Attributes:
        plane: "axial", "coronal" or "sagittal".
        uri: the picture, a PNG as data URI.
        width_mm, height_mm: its size.
        edges: what is at its left, right, top and bottom edge (R, L, A, P, S, I).
    """

    plane: str
    uri: str
    width_mm: float
    height_mm: float
    edges: tuple[str, str, str, str]


@dataclass(frozen=True)
class View:
    """Where the mid-slices of a volume are: its foreground, along the axes of the patient."""

    mask: np.ndarray
    center: tuple[int, int, int]
    box: tuple[slice, slice, slice]

    @classmethod
    def of(cls, volume: Volume) -> View:
        """The middle of the foreground, and a box around it."""
        canonical = to_canonical(volume)
        mask = foreground_mask(canonical.array)
        center, box = [], []
        for axis, spacing in enumerate(canonical.spacing_mm[::-1]):
            inside = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
            margin = round(_MARGIN_MM / spacing)
            box.append(slice(max(0, int(inside[0]) - margin), int(inside[-1]) + 1 + margin))
            counts = np.cumsum(mask.sum(axis=tuple({0, 1, 2} - {axis})))
            center.append(int(np.searchsorted(counts, counts[-1] / 2)))
        return cls(mask, (center[0], center[1], center[2]), (box[0], box[1], box[2]))


def foreground_values(volume: Volume, view: View) -> np.ndarray:
    """Values in the foreground of a volume on the grid of ``view``."""
    return to_canonical(volume).array[view.mask]


def panels(
    volume: Volume, view: View, window: tuple[float, float], colors: Colormap = GRAY, *, masked: bool = False
) -> list[Panel]:
    """Axial, coronal and sagittal mid-slice.

    Args:
        volume: what to show.
        view: of it, or of a volume on the same grid.
        window: intensities that are the first and the last color.
        colors: the color map.
        masked: show nothing outside the foreground.
    """
    canonical = to_canonical(volume)
    array = np.where(view.mask, canonical.array, np.nan) if masked else canonical.array
    found = []
    for plane, axis, edges in _PLANES:
        rows, columns = (other for other in range(3) if other != axis)
        image = array.take(view.center[axis], axis)[view.box[rows], view.box[columns]][::-1, ::-1]
        height, width = np.array(image.shape) * np.array(canonical.spacing_mm[::-1])[[rows, columns]]
        found.append(Panel(plane, _png(image, window, colors), float(width), float(height), edges))
    return found


def color_bar(colors: Colormap) -> str:
    """The colors from first to last, as a data URI of a picture to be stretched."""
    return _png(np.linspace(0, 1, 256)[None], (0, 1), colors)


def gray_window(volume: Volume, view: View) -> tuple[float, float]:
    """Intensities to show as black and white: the background, and the 99.5th percentile of the foreground."""
    canonical = to_canonical(volume)
    intensity = IntensityMap.robust(canonical.array, view.mask)
    return intensity.offset, intensity.offset + intensity.scale


def histograms(content: Volume, output: Volume, style: Volume, content_view: View, style_view: View) -> str:
    """Foreground histograms before, and after with the style's, as a data URI."""
    figure = Figure(figsize=(10, 2.9), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    before, after = figure.subplots(1, 2)
    own, styles = _spread(content, content_view), _spread(style, style_view)
    _histogram(before, content, content_view, own, color="#4c78a8", fill=True, label="content")
    _histogram(after, style, style_view, styles, color="#f0b27a", fill=True, label="style")
    _histogram(after, output, content_view, styles, color="#222222", linewidth=1.5, label="output")
    before.set(title="Before", xlabel="intensity (content)")
    after.set(title="After", xlabel="intensity (style)")
    for axes in (before, after):
        axes.set(yticks=[], ylabel="voxels (share)")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.legend(frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130)
    return _data_uri(stream.getvalue())


def _spread(volume: Volume, view: View) -> tuple[float, float]:
    low, high = np.percentile(foreground_values(volume, view), (0.1, 99.8))
    return float(low), float(high)


def _histogram(axes: Axes, volume: Volume, view: View, spread: tuple[float, float], **look: Any) -> None:
    values = foreground_values(volume, view)
    counts, edges = np.histogram(values, bins=_HISTOGRAM_BINS, range=spread)
    axes.stairs(counts / values.size, edges, **look)


def _png(image: np.ndarray, window: tuple[float, float], colors: Colormap) -> str:
    """A palette PNG, one color map entry a gray level: a third of the size of RGB; NaN is black."""
    low, high = window
    levels = np.asarray(Normalize(low, max(high, low + 1e-12), clip=True)(np.nan_to_num(image, nan=low)))
    indices = 1 + np.round(levels * 254).astype(np.uint8)
    indices[np.isnan(image)] = 0
    palette = np.zeros((256, 3), np.uint8)
    palette[1:] = np.round(colors(np.linspace(0, 1, 255))[:, :3] * 255)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return _data_uri(stream.getvalue())


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
