"""Nonlinear least squares with three parameters for every voxel of a volume at once.

Levenberg-Marquardt (Marquardt, J Soc Ind Appl Math 11:431, 1963) with damping, steps and convergence of each voxel's own. A
Gaussian prior on the parameters enters as further observations. Arrays are (3, voxels) for parameters and (sources, voxels)
for what was measured, float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

Gradient = tuple[np.ndarray, np.ndarray, np.ndarray]
Model = Callable[[np.ndarray], Iterable[tuple[np.ndarray, Gradient]]]
"""Parameters (3, voxels) to what each source should measure (voxels) and its derivatives by the three parameters."""

_PAIRS = ((0, 1), (0, 2), (1, 2))
_STEPS = 30
_GREATEST_STEP = 1.0
_LEAST_DAMPING, _GREATEST_DAMPING = 1e-6, 1e8
_RIDGE, _GREATEST_INFLATION = 1e-10, 1e8  # of variances, by parameters that can make up for each other
_CHUNK = 16384  # arrays of this many voxels stay in the cache


class Observations(NamedTuple):
    """What the parameters of each voxel have to explain.

    signals (sources, voxels), weights (the same; 1 over the variance of the noise), mean and precision of the prior (3,
    voxels; precision 0: no prior).
    """

    signals: np.ndarray
    weights: np.ndarray
    prior_mean: np.ndarray
    prior_precision: np.ndarray

    def of(self, voxels: slice | np.ndarray) -> Observations:
        """Those of some voxels."""
        return Observations(*(array[:, voxels] for array in self))


class _Normal(NamedTuple):
    """Normal equations: diagonal (3, v) and upper triangle (3, v) of the information, gradient (3, v), cost (v)."""

    diagonal: np.ndarray
    mixed: np.ndarray
    gradient: np.ndarray
    cost: np.ndarray

    def keep(self, better: np.ndarray, other: _Normal) -> None:
        """Takes over the columns of ``other`` where it is better."""
        for mine, new in zip(self, other, strict=True):
            np.copyto(mine, new, where=better)


def minimize(
    model: Model, data: Observations, start: np.ndarray, limits: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Parameters (3, voxels) that explain the observations best, from ``start`` (3, voxels) on.

    ``limits`` are the least and greatest value of each parameter (3). Parameters should be logarithms or of order 1.
    """
    low, high = (limit[:, None] for limit in limits)
    result = np.clip(start, low, high)
    active, theta = np.arange(result.shape[1]), result.copy()
    normal = _normal(model, data, theta)
    damping = np.full(len(active), 1e-3)
    for _ in range(_STEPS):
        trial = np.clip(theta + _step(normal, damping), low, high)
        attempt = _normal(model, data, trial)
        better = attempt.cost <= normal.cost
        moved = np.abs(trial - theta).max(axis=0)
        gained = normal.cost - attempt.cost
        done = better & ((moved < 1e-3) | (gained <= 1e-5 * attempt.cost))
        np.copyto(theta, trial, where=better)
        normal.keep(better, attempt)
        damping = np.where(better, damping * 0.1, damping * 10).clip(_LEAST_DAMPING)
        done |= damping > _GREATEST_DAMPING
        result[:, active] = theta
        going = ~done
        if not going.any():
            break
        if going.mean() < 0.7:
            active, theta, damping = active[going], theta[:, going], damping[going]
            data = data.of(going)
            normal = _Normal(*(array[..., going] for array in normal))
    return result


def variance(model: Model, data: Observations, parameters: np.ndarray) -> np.ndarray:
    """Variances of the parameters (3, voxels) at the minimum; infinite where sources and prior leave one open.

    Without a prior this is the Cramer-Rao bound; with one, the variance of the posterior (Laplace's approximation).
    """
    scale, (c01, c02, c12) = _scaled(_normal(model, data, parameters))
    d = 1 + _RIDGE  # keeps what is determined finite where the others are not
    determinant = d * (d * d - c01 * c01 - c02 * c02 - c12 * c12) + 2 * c01 * c02 * c12
    minors = np.stack([d * d - c12 * c12, d * d - c02 * c02, d * d - c01 * c01])
    inflation = minors / np.maximum(determinant, 1e-16)
    return np.where(inflation < _GREATEST_INFLATION, scale * scale * inflation, np.inf)


def _normal(model: Model, data: Observations, theta: np.ndarray) -> _Normal:
    off = data.prior_mean - theta
    diagonal = data.prior_precision.copy()
    mixed = np.zeros_like(theta)
    gradient = data.prior_precision * off
    cost = (gradient * off).sum(axis=0)
    for observed, weight, (expected, slopes) in zip(data.signals, data.weights, model(theta), strict=True):
        residual = observed - expected
        weighted = [weight * slope for slope in slopes]
        for j in range(3):
            diagonal[j] += weighted[j] * slopes[j]
            gradient[j] += weighted[j] * residual
        for pair, (j, k) in enumerate(_PAIRS):
            mixed[pair] += weighted[j] * slopes[k]
        residual *= residual
        residual *= weight
        cost += residual
    return _Normal(diagonal, mixed, gradient, cost)


def _scaled(normal: _Normal) -> tuple[np.ndarray, np.ndarray]:
    """Scale that makes the diagonal 1 (3, v), and the correlations that then are the triangle (3, v)."""
    scale = 1 / np.sqrt(normal.diagonal + 1e-30)
    correlation = normal.mixed.copy()
    for pair, (j, k) in enumerate(_PAIRS):
        correlation[pair] *= scale[j] * scale[k]
    return scale, correlation


def _step(normal: _Normal, damping: np.ndarray) -> np.ndarray:
    scale, (c01, c02, c12) = _scaled(normal)
    g0, g1, g2 = normal.gradient * scale
    d = 1 + damping
    determinant = d * (d * d - c01 * c01 - c02 * c02 - c12 * c12) + 2 * c01 * c02 * c12
    m01, m02, m12 = c02 * c12 - d * c01, c01 * c12 - d * c02, c01 * c02 - d * c12
    step = np.stack(
        [
            (d * d - c12 * c12) * g0 + m01 * g1 + m02 * g2,
            m01 * g0 + (d * d - c02 * c02) * g1 + m12 * g2,
            m02 * g0 + m12 * g1 + (d * d - c01 * c01) * g2,
        ]
    )
    step *= scale / np.maximum(determinant, 1e-18)
    return np.clip(step, -_GREATEST_STEP, _GREATEST_STEP, out=step)


def best_atoms(signals: np.ndarray, weights: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which row of ``atoms`` (atoms, sources) is most like each voxel's signals, and the factor that scales it to them.

    ``weights`` are (sources); a factor is 0 where nothing fits.
    """
    root = np.sqrt(weights)
    norms = np.linalg.norm(atoms * root, axis=1).clip(1e-300)
    shapes = (atoms * (root * root) / norms[:, None]).T
    index = np.empty(signals.shape[1], np.intp)
    factor = np.empty(signals.shape[1])
    for first in range(0, len(index), 1024):  # a table of all voxels and atoms would not stay in the cache
        part = slice(first, first + 1024)
        likeness = signals[:, part].T @ shapes
        index[part] = likeness.argmax(axis=1)
        factor[part] = likeness.max(axis=1).clip(0) / norms[index[part]]
    return index, factor


def in_chunks(work: Callable[[slice], None], voxels: int) -> None:
    """Calls ``work`` for all voxels, some thousands at a time, in as many threads as there are cores."""
    chunks = [slice(first, min(first + _CHUNK, voxels)) for first in range(0, voxels, _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(work, chunks):
            pass


def misfit(model: Model, data: Observations, parameters: np.ndarray) -> np.ndarray:
    """Weighted sum of squares (voxels) that the parameters leave unexplained of the signals."""
    parts = zip(data.signals, data.weights, model(parameters), strict=True)
    return np.sum([weight * (signal - value) ** 2 for signal, weight, (value, _) in parts], axis=0)


def noise_scale(misfits: np.ndarray, free: int) -> float:
    """Factor from the standard deviations for the given weights to those for the noise that the misfits (voxels) show.

    ``free`` is the number of signals less that of parameters; NaN when none is left. Robust: from the median.
    """
    if free < 1 or not misfits.size:
        return float("nan")
    median_chi_square = free * (1 - 2 / (9 * free)) ** 3
    return float(np.sqrt(np.median(misfits) / median_chi_square))
