"""Pieces of a report as one self-contained HTML page, without any library beyond Slicer's own."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

_STYLE = """
body { margin: 0 auto; max-width: 1080px; padding: 28px; color: #1c2126; background: #fff;
  font: 15px/1.5 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 24px; margin: 0; border-bottom: 2px solid #1c2126; padding-bottom: 12px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 30px 0 8px; }
p { margin: 6px 0; max-width: 80ch; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; padding: 4px 18px 4px 0; border-bottom: 1px solid #d9dee2; vertical-align: top; }
th { color: #5d6770; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.figures { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 0; }
figcaption { color: #5d6770; font-size: 13px; max-width: 340px; }
.warning { color: #8a4b08; font-weight: 600; }
"""
_FRAME = (48, 12, 300, 240)  # left, top, width, height of a chart's area in pixels
_INK, _QUIET, _BEFORE, _AFTER = "#1c2126", "#5d6770", "#737373", "#1a73cc"


def page(title: str, parts: Sequence[str]) -> str:
    """A whole page of parts, which are HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """The title of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; ``kind`` "warning" makes it stand out."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of texts; the columns in ``numbers`` are aligned to the right."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = ""
    for row in rows:
        cells = (
            f'<td class="number">{escape(text)}</td>' if column in numbers else f"<td>{escape(text)}</td>"
            for column, text in enumerate(row)
        )
        body += f"<tr>{''.join(cells)}</tr>\n"
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"


def figures(parts: Sequence[str]) -> str:
    """Figures beside each other."""
    return f'<div class="figures">{"".join(parts)}</div>'


def picture(rgb: np.ndarray, caption: str, width: int = 330) -> str:
    """A picture: uint8 (height, width, 3), top row first."""
    uri = "data:image/png;base64," + base64.b64encode(_png(rgb)).decode("ascii")
    return (
        f'<figure><img src="{uri}" width="{width}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def scatter(x: Sequence[float], y: Sequence[float], x_title: str, y_title: str, caption: str) -> str:
    """Points with the line of equal values, on the same scale in both directions."""
    left, top, width, height = _FRAME
    values = np.array([*x, *y], float)
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def at(value_x: float, value_y: float) -> tuple[float, float]:
        return (
            left + (value_x - low) / (high - low) * width,
            top + height - (value_y - low) / (high - low) * height,
        )

    (x0, y0), (x1, y1) = at(low, low), at(high, high)
    body = f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{_QUIET}" stroke-dasharray="4 3"/>'
    for point in zip(x, y, strict=True):
        across, down = at(*point)
        body += f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{_AFTER}" fill-opacity="0.75"/>'
    for value in np.linspace(low, high, 3):
        across, down = at(value, value)
        body += _text(across, top + height + 16, f"{value:.2f}", "middle")
        body += _text(left - 5, down + 4, f"{value:.2f}", "end")
    return _chart(body, x_title, y_title, caption)


def bars(before: Mapping[str, float], after: Mapping[str, float], y_title: str, caption: str) -> str:
    """Two bars, of values from 0 to 1, for each name."""
    left, top, width, height = _FRAME
    step = width / max(len(after), 1)
    body = ""
    for number, name in enumerate(after):
        for offset, values, color in ((0.12, before, _BEFORE), (0.5, after, _AFTER)):
            tall = height * min(max(values.get(name, 0.0), 0.0), 1.0)
            body += (
                f'<rect x="{left + (number + offset) * step:.1f}" y="{top + height - tall:.1f}" '
                f'width="{0.38 * step:.1f}" height="{tall:.1f}" fill="{color}"/>'
            )
        middle = left + (number + 0.5) * step
        body += (
            f'<text x="{middle:.1f}" y="{top + height + 14}" font-size="11" fill="{_INK}" text-anchor="end" '
            f'transform="rotate(-28 {middle:.1f} {top + height + 14})">{escape(name)}</text>'
        )
    for value in (0.0, 0.5, 1.0):
        body += _text(left - 5, top + height - height * value + 4, f"{value:g}", "end")
    return _chart(body, "", y_title, caption, below=90)


def _chart(body: str, x_title: str, y_title: str, caption: str, below: int = 40) -> str:
    left, top, width, height = _FRAME
    frame = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="{_INK}"/>'
    titles = _text(left + width / 2, top + height + below - 6, x_title, "middle") + (
        f'<text x="12" y="{top + height / 2}" font-size="12" fill="{_INK}" text-anchor="middle" '
        f'transform="rotate(-90 12 {top + height / 2})">{escape(y_title)}</text>'
    )
    size = f'width="{left + width + 12}" height="{top + height + below}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Arial, sans-serif">{frame}{body}{titles}</svg>'
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{_INK}" text-anchor="{anchor}">{escape(text)}</text>'


def _png(rgb: np.ndarray) -> bytes:
    height, width, _channels = rgb.shape
    image = vtk.vtkImageData()
    image.SetDimensions(width, height, 1)
    pixels = np.ascontiguousarray(rgb[::-1]).reshape(-1, 3)
    image.GetPointData().SetScalars(numpy_to_vtk(pixels, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    writer = vtk.vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.Write()
    return vtk_to_numpy(writer.GetResult()).tobytes()
