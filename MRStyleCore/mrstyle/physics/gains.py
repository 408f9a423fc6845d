"""Receiver gains of volumes that were scaled apart from each other: one number a volume, the first volume's is 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import InputError
from .voxelwise import Model, Observations, minimize

_VOXELS = 20_000
_FEWEST = 50
_ROUNDS = 30
_HUBER = 1.5


def estimate_gains(
    volumes: np.ndarray,
    model: Model,
    observe: Callable[[np.ndarray, np.ndarray], Observations],
    start: Callable[[Observations], np.ndarray],
    limits: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Gains (volumes) that explain bright voxels of all volumes (n, voxels) best, together with the maps of these voxels.

    Gauss-Newton steps for the gains with the maps of all voxels eliminated (Schur complement); voxels that the equations
    explain badly count less (Huber). ``observe`` gives what some voxels show at some gains; ``start`` their first maps.

    Raises:
        InputError: too few voxels are bright in all volumes, or tissue could explain any gain.
    """
    voxels = _bright(volumes)
    gains = np.ones(len(volumes))
    theta = start(observe(voxels, gains))
    theta[0] = 0.0
    ratios = np.array([np.median(y / m) for y, (m, _) in zip(volumes[:, voxels], model(theta), strict=True)])
    gains = ratios / ratios[0]
    if not (np.isfinite(gains).all() and (gains > 0).all()):
        raise InputError("The gains of the volumes were not found: one of them is mostly negative.")
    theta = start(observe(voxels, gains))
    for _ in range(_ROUNDS):
        data = observe(voxels, gains)
        theta = minimize(model, data, theta, limits)
        step = np.clip(_step(model, data, theta), -0.7, 0.7)
        gains[1:] *= np.exp(step)
        if np.abs(step).max() < 1e-4:
            break
    return gains


def _bright(volumes: np.ndarray) -> np.ndarray:
    """Indices of voxels with signal in every volume, evenly spread."""
    inside = np.ones(volumes.shape[1], bool)
    for volume in volumes:
        inside &= volume > 0.2 * np.percentile(volume[:: max(1, volume.size // 1_000_000)], 99)
    indices = np.flatnonzero(inside)
    if len(indices) < _FEWEST:
        raise InputError(
            f"Only {len(indices)} voxels have signal in all volumes, too few to find the gains; "
            "check that the volumes show the same region."
        )
    return indices[:: max(1, len(indices) // _VOXELS)]


def _step(model: Model, data: Observations, theta: np.ndarray) -> np.ndarray:
    """Change of the logarithms of the gains after the first, at maps that are best for the gains now."""
    evaluated = list(model(theta))
    expected = np.array([value for value, _ in evaluated])
    slopes = np.array([gradient for _, gradient in evaluated])  # (n, 3, voxels)
    residual = data.signals - expected
    misfit = (data.weights * residual**2).mean(axis=0)
    trust = np.minimum(1, _HUBER * np.sqrt((np.median(misfit) + 1e-300) / (misfit + 1e-300)))
    weights = data.weights * trust
    information = np.einsum("nv,njv,nkv->vjk", data.weights, slopes, slopes)
    information[:, range(3), range(3)] += data.prior_precision.T
    information[:, range(3), range(3)] *= 1 + 1e-9  # maps that stay open get no step
    pull = (data.weights * expected)[:, None] * slopes  # (n, 3, voxels): gains against maps
    through = np.linalg.solve(information, pull.transpose(2, 1, 0))  # (voxels, 3, n)
    own = (weights * expected**2).sum(axis=1)
    curvature = np.diag(own) - np.einsum("v,njv,vjm->nm", trust, pull, through)
    curvature, own = curvature[1:, 1:], own[1:]
    if np.linalg.eigvalsh(curvature / np.sqrt(np.outer(own, own))).min() < 1e-6:
        raise InputError(
            "The gains cannot be told from the tissue with these volumes alone; add a volume, or a prior of the maps."
        )
    return np.linalg.solve(curvature, (weights * expected * residual).sum(axis=1)[1:])
