"""The local structural similarity map of two images in 2D or 3D, about as fast as memory allows on a CPU.

Equation 13 of Wang et al., "Image quality assessment: from error visibility to structural similarity" (IEEE
TIP 2004), with their 11-tap Gaussian window of sigma 1.5 and constants K1 = 0.01, K2 = 0.03. Three things
make it fast:

* With p = x + y and m = x - y, local means P, M and local variances Vp, Vm, SSIM is
  (P^2 - M^2 + 2 C1)(Vp - Vm + 2 C2) / ((P^2 + M^2 + 2 C1)(Vp + Vm + 2 C2)): four filtered fields in place of
  five. Rounding errors of Vp cancel where the images agree, so float32 is enough.
* The window along one axis is a narrow band matrix, so filtering is a few small matrix products.
* Slabs of slices go through all steps while they are in the cache, one slab a thread.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

SIGMA = 1.5
RADIUS = 5
WINDOW = 2 * RADIUS + 1

_SLAB = 16  # slices, and rows or columns, that one matrix product makes
_ROWS = 32  # rows of the slab that are filtered across slices at once


# The threads of the pool are not in inference mode, and there its tensors cannot be written to.
@torch.inference_mode(False)
def local_similarity(
    x: np.ndarray, y: np.ndarray, *, data_range: float, luminance: bool = True
) -> np.ndarray:
    """Structural similarity around each voxel; images are mirrored at their edges, as in scikit-image.

    Args:
        x, y: finite images of one shape (k, j, i); an axis of length 1 is not filtered.
        data_range: the difference of the greatest and smallest possible intensity, in the unit of the images.
        luminance: False leaves out the luminance term, as the finer scales of multi-scale SSIM do.

    Returns:
        float32 (k, j, i), in [-1, 1].
    """
    first, second = (torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32)) for image in (x, y))
    similarity = torch.empty_like(first)
    means = float(x.mean()), float(y.mean())
    task = _Task(first, second, similarity, means[0] + means[1], means[0] - means[1], data_range, luminance)
    threads = torch.get_num_threads()
    starts = np.linspace(0, len(first), min(threads, -(-len(first) // _SLAB)) + 1).astype(int).tolist()
    try:
        # One thread for each range of slices: the matrix products are too small to be split themselves.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(task.run, starts[:-1], starts[1:]))
    finally:
        torch.set_num_threads(threads)
    return similarity.numpy()


@dataclass(frozen=True)
class _Band:
    """Rows ``outputs`` of an axis's filter matrix, and the columns ``inputs`` where they are not zero."""

    outputs: slice
    inputs: slice
    weights: torch.Tensor


def _bands(length: int, start: int = 0, stop: int | None = None) -> list[_Band]:
    """The filter matrix of an axis, its ends mirrored (d c b a | a b c d), in bands of ``_SLAB`` outputs."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    window /= window.sum()
    outputs = np.arange(length)
    matrix = np.zeros((length, length))
    for offset, weight in zip(offsets, window, strict=True):
        source = (outputs + offset) % (2 * length)
        np.add.at(matrix, (outputs, np.where(source < length, source, 2 * length - 1 - source)), weight)
    bands = []
    stop = length if stop is None else stop
    for first in range(start, stop, _SLAB):
        rows = slice(first, min(first + _SLAB, stop))
        columns = slice(max(rows.start - RADIUS, 0), min(rows.stop + RADIUS, length))
        bands.append(_Band(rows, columns, torch.from_numpy(matrix[rows, columns].astype(np.float32))))
    return bands


@dataclass(frozen=True)
class _Task:
    first: torch.Tensor
    second: torch.Tensor
    similarity: torch.Tensor
    sum_center: float
    difference_center: float
    data_range: float
    luminance: bool

    def run(self, start: int, stop: int) -> None:
        """Fill slices ``start`` to ``stop``; filtered slices stay in a ring until no slab needs them."""
        slices, rows, columns = self.first.shape
        # Not empty: slots that are not filled yet meet weights of 0, and 0 x NaN is NaN.
        ring = torch.zeros(min(slices, _SLAB + 2 * RADIUS), rows * 4 * columns)
        in_plane = _InPlane(rows, columns)
        bands = _bands(slices, start, stop)
        done = bands[0].inputs.start
        for band in bands:
            for k in range(done, band.inputs.stop):
                self._fields(k, in_plane.fields)
                in_plane.filter(ring[k % len(ring)])
            done = band.inputs.stop
            weights = torch.zeros(len(band.weights), len(ring))
            weights[:, torch.arange(band.inputs.start, band.inputs.stop) % len(ring)] = band.weights
            for row in range(0, rows, _ROWS):
                strip = slice(row, min(row + _ROWS, rows))
                fields = weights @ ring[:, strip.start * 4 * columns : strip.stop * 4 * columns]
                self._similarity(
                    fields.view(len(weights), -1, 4, columns), self.similarity[band.outputs, strip]
                )

    def _fields(self, k: int, fields: torch.Tensor) -> None:
        """Centered sum and difference of slice k, and their squares, as (rows, 4, columns)."""
        torch.add(self.first[k], self.second[k], out=fields[:, 0])
        torch.sub(self.first[k], self.second[k], out=fields[:, 1])
        fields[:, 0] -= self.sum_center
        fields[:, 1] -= self.difference_center
        torch.mul(fields[:, :2], fields[:, :2], out=fields[:, 2:])

    def _similarity(self, fields: torch.Tensor, out: torch.Tensor) -> None:
        """The map from the filtered fields (slices, rows, 4, columns), which are overwritten."""
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        means, variances = fields[:, :, :2], fields[:, :, 2:]
        variances.addcmul_(means, means, value=-1)
        of_sum, of_difference = variances.unbind(2)
        of_sum += 2 * c2
        if not self.luminance:
            torch.div(of_sum - of_difference, of_sum + of_difference, out=out)
            return
        means[:, :, 0] += self.sum_center
        means[:, :, 1] += self.difference_center
        sum_squared, difference_squared = means.square_().unbind(2)
        sum_squared += 2 * c1
        numerator = (sum_squared - difference_squared).mul_(of_sum - of_difference)
        torch.div(numerator, (sum_squared + difference_squared).mul_(of_sum + of_difference), out=out)


class _InPlane:
    """Filters the four fields of one slice along its rows and columns, in buffers that stay in the cache."""

    def __init__(self, rows: int, columns: int) -> None:
        self.fields = torch.empty(rows, 4, columns)
        filtered = torch.empty(rows * 4, columns)
        lines = self.fields.view(-1, columns)
        # Views are made once: making them costs as much as the small products themselves.
        self._across_columns = [
            (lines[:, band.inputs], band.weights.T.contiguous(), filtered[:, band.outputs])
            for band in _bands(columns)
        ]
        lines = filtered.view(rows, -1)
        self._across_rows = [(band.weights, lines[band.inputs], band.outputs) for band in _bands(rows)]

    def filter(self, out: torch.Tensor) -> None:
        """Write the filtered fields to ``out``, which has as many elements."""
        for source, weights, target in self._across_columns:
            torch.mm(source, weights, out=target)
        lines = out.view(len(self.fields), -1)
        for weights, source, rows in self._across_rows:
            torch.mm(weights, source, out=lines[rows])
