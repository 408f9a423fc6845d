"""Overlapping windows that tile an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Window(NamedTuple):
    """Where a window reads (``source``), which part of it counts (``inner``) and where that part goes (``place``)."""

    source: tuple[slice, slice]
    inner: tuple[slice, slice]
    place: tuple[slice, slice]


def windows(height: int, width: int, size: int, halo: int) -> Iterator[Window]:
    """Windows of ``size`` pixels that tile the image with their inner parts, each seeing ``halo`` pixels around it.

    ``size``, ``halo``, ``height`` and ``width`` are multiples of the network's divisor, so that every window starts on its
    grid. A window at the border reaches to it and needs no halo there.
    """
    for rows in _spans(height, size, halo):
        for columns in _spans(width, size, halo):
            source, inner, place = zip(rows, columns, strict=True)
            yield Window(source, inner, place)


def _spans(length: int, size: int, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    step = size - 2 * halo
    if step <= 0:
        raise ValueError(f"a window of {size} pixels has no room inside a halo of {halo}")
    for start in range(0, length, step):
        stop = min(start + step, length)
        first, last = max(0, start - halo), min(length, stop + halo)
        yield slice(first, last), slice(start - first, stop - first), slice(start, stop)


def padded(image: Tensor, divisor: int) -> tuple[Tensor, tuple[int, int]]:
    """(B, C, H, W) padded by zeros at the end to multiples of ``divisor``, and the size before."""
    height, width = image.shape[-2:]
    image = F.pad(image, (0, -width % divisor, 0, -height % divisor))
    return image, (height, width)
