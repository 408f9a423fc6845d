"""T1 from an inversion-recovery series whose inversion is not perfect, or that is read out while it recovers (Look-Locker).

The signal equations of `mrstyle.physics.signal` take the inversion for perfect and the recovery for undisturbed. Here both
are free: S = A |1 - (1 + c) e^(-TI/T1*)|. Read out by single excitations, c is the efficiency of the inversion and T1* is T1
(Barral et al., Magn Reson Med 64:1057, 2010). A readout during the recovery, as of MOLLI (Messroghli et al., Magn Reson Med
52:141, 2004), makes T1* shorter: T1 = c T1* (Deichmann & Haase, J Magn Reson 96:608, 1992), which is T1* (B/A - 1) for the
same signal written |A - B e^(-TI/T1*)|.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from . import voxelwise
from .fit import checked_volumes
from .voxelwise import Gradient, Observations

_T1_RANGE_MS, _T1_GRID_MS = (20.0, 20_000.0), np.geomspace(60, 6000, 48)
# A readout lowers the steady state, not the start: then c is above the efficiency of the inversion, and mostly above 1.
_EFFICIENCY_RANGE = {False: (0.3, 1.1), True: (0.5, 3.0)}
_EFFICIENCY_GRID = {False: (0.7, 0.85, 1.0), True: (0.8, 1.0, 1.3)}
_PARAMETERS = 3


@dataclass(frozen=True)
class Recovery:
    """Maps of one volume's shape: steady-state signal A, efficiency c of the inversion, T1* and T1 in ms, sd of log T1."""

    steady_signal: np.ndarray
    efficiency: np.ndarray
    t1_star_ms: np.ndarray
    t1_ms: np.ndarray
    sd_log_t1: np.ndarray

    def signal(self, inversion_time_ms: float) -> np.ndarray:
        """Magnitude signal at another inversion time of the series."""
        recovered = 1 - (1 + self.efficiency) * np.exp(-inversion_time_ms / self.t1_star_ms)
        return self.steady_signal * np.abs(recovered)


class _Model:
    """Signal by log A, log c and log T1."""

    def __init__(self, inversion_times_ms: np.ndarray, look_locker: bool, signed: bool) -> None:
        self.times, self.look_locker, self.signed = inversion_times_ms, look_locker, signed

    def __call__(self, theta: np.ndarray) -> Iterator[tuple[np.ndarray, Gradient]]:
        steady, efficiency, t1_ms = np.exp(theta)
        rate = (efficiency if self.look_locker else 1.0) / t1_ms
        for time in self.times:
            remaining = np.exp(-time * rate)
            inverted = (1 + efficiency) * remaining
            signed = steady * (1 - inverted)
            sign = 1.0 if self.signed else np.sign(signed)
            by_t1 = -sign * steady * inverted * time * rate
            by_efficiency = -sign * steady * efficiency * remaining
            if self.look_locker:
                by_efficiency = by_efficiency - by_t1
            value = sign * signed
            yield value, (value, by_efficiency, by_t1)


def fit_recovery(
    signals: ArrayLike | Sequence[ArrayLike],
    inversion_times_ms: Sequence[float],
    *,
    look_locker: bool = False,
    signed: bool = False,
) -> Recovery:
    """T1 of each voxel of an inversion-recovery series (n, ...), n at least 3, in float32.

    ``look_locker``: the series was read out while it recovered (Look-Locker, MOLLI). ``signed``: inverted signals are
    negative. The standard deviation assumes the same noise everywhere, found from what is left unexplained; NaN for 3
    inversion times.

    Raises:
        InputError: volumes and times do not fit each other, or a time is not above 0.
    """
    times = np.asarray(inversion_times_ms, np.float64)
    volumes = checked_volumes(signals, len(times), signed)
    if len(np.unique(times)) < _PARAMETERS:
        raise InputError("A T1 fit with unknown efficiency needs at least 3 different inversion times.")
    if not (np.isfinite(times) & (times > 0)).all():
        raise InputError("Inversion times must be numbers above 0, in ms.")
    model, shape = _Model(times, look_locker, signed), volumes.shape[1:]
    flat = volumes.reshape(len(volumes), -1)
    level = float(np.percentile(np.abs(flat), 99)) or 1.0
    low, high = np.log(
        np.transpose([(level * 1e-6, level * 1e3), _EFFICIENCY_RANGE[look_locker], _T1_RANGE_MS])
    )
    grid = np.meshgrid(_EFFICIENCY_GRID[look_locker], _T1_GRID_MS)
    guesses = np.log(np.stack([np.ones(grid[0].size), *(axis.ravel() for axis in grid)]))
    atoms = np.stack([value for value, _ in model(guesses)], axis=1)
    result = np.empty((_PARAMETERS, flat.shape[1]), np.float32)
    deviation, unexplained = np.empty(flat.shape[1], np.float32), np.empty(flat.shape[1], np.float32)

    def work(voxels: slice) -> None:
        measured = flat[:, voxels].astype(np.float64)
        nothing = np.zeros((_PARAMETERS, measured.shape[1]))
        data = Observations(measured, np.full_like(measured, level**-2), nothing, nothing)
        index, scale = voxelwise.best_atoms(measured, data.weights[:, 0], atoms)
        start = guesses[:, index]
        start[0] = np.log(np.maximum(scale, 1e-5 * level))
        theta = voxelwise.minimize(model, data, start, (low, high))
        result[:, voxels] = np.exp(theta)
        deviation[voxels] = np.sqrt(voxelwise.variance(model, data, theta)[2])
        unexplained[voxels] = voxelwise.misfit(model, data, theta)

    voxelwise.in_chunks(work, flat.shape[1])
    inside = (np.abs(flat) > 0.1 * level).any(axis=0)
    deviation *= voxelwise.noise_scale(unexplained[inside], len(times) - _PARAMETERS)
    steady, efficiency, t1_ms = result.reshape(_PARAMETERS, *shape)
    t1_star_ms = t1_ms / efficiency if look_locker else t1_ms
    return Recovery(steady, efficiency, t1_star_ms, t1_ms, deviation.reshape(shape))
