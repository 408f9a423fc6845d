"""Tissue maps from several volumes of one patient: PD, R1 and R2 of each voxel by least squares on the signal equations.

Maximum a posteriori estimate with Gaussian noise and, where one is given, a Gaussian prior on the logarithms of the maps,
such as a network's estimate: what the volumes do not tell stays at the prior. Without a prior, what they do not tell is NaN.
The noise of magnitude images is Gaussian only well above 0 (Gudbjartsson & Patz, Magn Reson Med 34:910, 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..acquisition import Acquisition
from ..errors import InputError
from . import voxelwise
from .gains import estimate_gains
from .signal import signal
from .signal_model import SignalModel
from .voxelwise import Observations

# Least and greatest 1/s that are searched, and the grids that a fit without a prior starts from.
_R1_RANGE, _R1_GRID, _TYPICAL_R1 = (0.02, 50.0), np.geomspace(0.15, 8.0, 20), 1.0
_R2_RANGE, _R2_GRID, _TYPICAL_R2 = (0.05, 2000.0), np.geomspace(0.5, 250.0, 14), 12.0
_HELD = 2.0**40  # precision of what a prior holds


@dataclass(frozen=True)
class Maps:
    """PD (units of the first volume), R1 and R2 in 1/s, and the standard deviations of their natural logarithms.

    NaN with an infinite standard deviation is unknown. ``gains`` are the receiver gains of the volumes, the first one's 1. As
    a prior, a field is a number or an array that broadcasts to a volume; a standard deviation of 0 holds a map as it is.
    """

    pd: ArrayLike
    r1_per_s: ArrayLike
    r2_per_s: ArrayLike
    sd_log_pd: ArrayLike
    sd_log_r1: ArrayLike
    sd_log_r2: ArrayLike
    gains: tuple[float, ...] = ()

    def signal(self, acquisition: Acquisition) -> np.ndarray:
        """Magnitude signal in another sequence; NaN where a map is unknown."""
        with np.errstate(divide="ignore"):
            t1_ms, t2_ms = 1000 / np.asarray(self.r1_per_s), 1000 / np.asarray(self.r2_per_s)
        return np.asarray(signal(np.asarray(self.pd), t1_ms, t2_ms, acquisition))


def fit(
    signals: ArrayLike | Sequence[ArrayLike],
    acquisitions: Sequence[Acquisition],
    *,
    prior: Maps | None = None,
    noise_sd: float | Sequence[float] | None = None,
    relative_error: float = 0.0,
    signed: bool = False,
    gains: bool = False,
) -> Maps:
    """Maps that explain the volumes, each voxel by itself; float32 arrays of one volume's shape.

    Args:
        signals: volumes of one patient on one grid, (n, ...), magnitudes in the scanner's arbitrary units.
        acquisitions: how each of them was taken (n).
        prior: what is expected of the maps. Needs ``noise_sd``, unless it only holds maps (standard deviation 0).
        noise_sd: standard deviation of the noise in units of the signals, one for all volumes or one for each. None: the same
            in all, found from what the maps leave unexplained; where nothing can be left, standard deviations are NaN.
        relative_error: standard deviation of what the equations leave out, as a fraction of the signal.
        signed: inverted signals are negative (phase-sensitive images).
        gains: volumes after the first have receiver gains of their own, which are estimated.

    Raises:
        InputError: volumes, acquisitions, prior or noise do not fit each other; the message says which and why.
    """
    problem = _Problem(signals, acquisitions, prior, noise_sd, relative_error, signed)
    volumes, model = problem.volumes, problem.model
    factors = np.ones(len(volumes))
    if gains and len(volumes) > 1:
        factors = estimate_gains(volumes, model, problem.observe, problem.start, problem.limits)
    maps = np.empty((6, volumes.shape[1]), np.float32)
    unexplained = np.empty(volumes.shape[1], np.float32)

    def work(voxels: slice) -> None:
        data = problem.observe(voxels, factors)
        theta = voxelwise.minimize(model, data, problem.start(data), problem.limits)
        deviation = np.sqrt(voxelwise.variance(model, data, theta))
        deviation[data.prior_precision >= _HELD] = 0
        maps[:3, voxels], maps[3:, voxels] = np.exp(theta), deviation
        if noise_sd is None:
            unexplained[voxels] = voxelwise.misfit(model, data, theta)

    voxelwise.in_chunks(work, volumes.shape[1])
    if noise_sd is None:
        scale = voxelwise.noise_scale(unexplained[problem.inside()], len(volumes) - problem.rank)
        told = (maps[3:] > 0) & np.isfinite(maps[3:])
        maps[3:][told] *= scale
    _forget(maps, problem.known)
    pd, r1, r2, sd_pd, sd_r1, sd_r2 = maps.reshape(6, *problem.shape)
    return Maps(pd, r1, r2, sd_pd, sd_r1, sd_r2, tuple(map(float, factors)))


class _Problem:
    """Checked inputs of a fit: volumes (n, voxels), the prior as arrays (3, voxels or 1), and which maps can be known."""

    def __init__(
        self,
        signals: ArrayLike | Sequence[ArrayLike],
        acquisitions: Sequence[Acquisition],
        prior: Maps | None,
        noise_sd: float | Sequence[float] | None,
        relative_error: float,
        signed: bool,
    ) -> None:
        array = checked_volumes(signals, len(acquisitions), signed)
        self.volumes, self.shape = array.reshape(len(array), -1), array.shape[1:]
        self.model = SignalModel(acquisitions, signed)
        self.level = float(np.percentile(np.abs(self.volumes[:, :: 1 + array.size // 1_000_000]), 99)) or 1.0
        self.mean, self.precision = self._prior(prior)
        if not (np.isfinite(relative_error) and relative_error >= 0):
            raise InputError(
                f"The relative error {relative_error:g} is not usable; it is a fraction of the signal, 0 or more."
            )
        self.relative_error = relative_error
        self.noise = self._noise(noise_sd)
        self.has_prior = np.any(self.precision > 0, axis=1)
        self.known = self.model.determined(self.has_prior)
        self.rank = self.model.rank(np.any(self.precision < _HELD, axis=1))
        ranges = np.log(np.array([(self.level * 1e-6, self.level * 1e6), _R1_RANGE, _R2_RANGE]))
        self.limits = ranges[:, 0], ranges[:, 1]

    def observe(self, voxels: slice | np.ndarray, gains: np.ndarray) -> Observations:
        """What was measured in some voxels, brought to the gain of the first volume."""
        measured = self.volumes[:, voxels] / gains[:, None]
        variance = (self.noise / gains)[:, None] ** 2 + (self.relative_error * measured) ** 2
        shape = (3, measured.shape[1])
        mean, precision = (
            np.broadcast_to(part[:, voxels] if part.shape[1] > 1 else part, shape).astype(np.float64)
            for part in (self.mean, self.precision)
        )
        return Observations(measured, 1 / variance, mean, precision)

    def inside(self) -> np.ndarray:
        """Which voxels (voxels) are more than air."""
        return np.asarray((np.abs(self.volumes) > 0.1 * self.level).any(axis=0))

    def start(self, data: Observations) -> np.ndarray:
        """First maps (3, voxels): those of the prior, else the best rates of a grid and the PD that then fits best."""
        theta = data.prior_mean.copy()
        grids = [
            np.log(grid) if self.known[j] and not self.has_prior[j] else np.array([np.median(theta[j])])
            for j, grid in ((1, _R1_GRID), (2, _R2_GRID))
        ]
        if any(len(grid) > 1 for grid in grids) and theta.shape[1]:
            log_r1, log_r2 = (axis.ravel() for axis in np.meshgrid(*grids))
            atoms = self.model.of_unit_density(log_r1, log_r2).T
            index, _ = voxelwise.best_atoms(data.signals, data.weights.mean(axis=1), atoms)
            for j, grid, values in ((1, grids[0], log_r1), (2, grids[1], log_r2)):
                if len(grid) > 1:
                    theta[j] = values[index]
        free = data.prior_precision[0] == 0
        if free.any():
            unit = self.model.of_unit_density(theta[1, free], theta[2, free])
            weighted = data.weights[:, free] * unit
            pd = (weighted * data.signals[:, free]).sum(axis=0) / ((weighted * unit).sum(axis=0) + 1e-30)
            theta[0, free] = np.log(np.maximum(pd, 1e-5 * self.level))
        return theta

    def _noise(self, noise_sd: float | Sequence[float] | None) -> np.ndarray:
        count = len(self.volumes)
        if noise_sd is None:
            if ((self.precision > 0) & (self.precision < _HELD)).any():
                raise InputError("A prior is weighed against the noise of the volumes; give noise_sd.")
            return np.full(count, self.level)
        noise = np.atleast_1d(np.asarray(noise_sd, np.float64))
        if noise.shape not in ((1,), (count,)) or not (np.isfinite(noise) & (noise > 0)).all():
            raise InputError(f"noise_sd must be one number above 0, or one for each of the {count} volumes.")
        return np.broadcast_to(noise, count)

    def _prior(self, prior: Maps | None) -> tuple[np.ndarray, np.ndarray]:
        """Means of the logarithms and precisions (3, voxels or 1); precision 0 is no prior."""
        typical = np.log(np.array([[self.level], [_TYPICAL_R1], [_TYPICAL_R2]], np.float32))
        if prior is None:
            return typical, np.zeros((3, 1), np.float32)
        means = [np.asarray(part, np.float32) for part in (prior.pd, prior.r1_per_s, prior.r2_per_s)]
        deviations = [
            np.asarray(part, np.float32) for part in (prior.sd_log_pd, prior.sd_log_r1, prior.sd_log_r2)
        ]
        shape = self.shape if any(part.ndim for part in means + deviations) else ()
        try:
            mean, deviation = (
                np.stack([np.broadcast_to(part, shape).reshape(-1) for part in parts])
                for parts in (means, deviations)
            )
        except ValueError as error:
            raise InputError(
                f"The prior does not have the shape of the volumes, {'x'.join(map(str, self.shape))}."
            ) from error
        if (deviation < 0).any():
            raise InputError("A standard deviation of the prior is negative.")
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.log(mean)
            precision = np.minimum(1 / deviation**2, np.float32(_HELD))
        usable = np.isfinite(mean) & np.isfinite(precision) & (precision > 0)
        return np.where(usable, mean, typical), np.where(usable, precision, np.float32(0))


def checked_volumes(signals: ArrayLike | Sequence[ArrayLike], count: int, signed: bool) -> np.ndarray:
    """Volumes (count, ...) in float32.

    Raises:
        InputError: shapes differ, their number is not ``count``, or values are not finite or, for magnitudes, negative.
    """
    parts = [np.asarray(part, np.float32) for part in signals]  # type: ignore[union-attr]
    if len(parts) != count or not parts:
        raise InputError(
            f"There are {len(parts)} volumes and {count} acquisitions; each volume needs its own."
        )
    for number, part in enumerate(parts, start=1):
        if part.shape != parts[0].shape:
            sizes = " and ".join("x".join(map(str, each.shape)) for each in (part, parts[0]))
            raise InputError(
                f"Volume {number} and volume 1 differ in shape ({sizes}); resample them to one grid."
            )
        if not np.isfinite(part).all():
            raise InputError(f"Volume {number} has voxels that are not numbers; replace them by 0.")
        # Interpolation leaves a few negative voxels in magnitude images.
        if not signed and part.size and (part < -0.05 * np.abs(part).max()).mean() > 0.01:
            raise InputError(
                f"Volume {number} has negative voxels; use the scan as it came from the scanner, "
                "or say that it is signed (phase-sensitive)."
            )
    return np.stack(parts)


def _forget(maps: np.ndarray, known: np.ndarray) -> None:
    """Marks what nothing determines as unknown."""
    for j in range(3):
        value, deviation = maps[j], maps[3 + j]
        unknown = np.isinf(deviation) | (not known[j])
        value[unknown], deviation[unknown] = np.nan, np.inf
