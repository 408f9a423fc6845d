"""The signal equations as a fit needs them: all volumes at once, with derivatives by the logarithms of PD, R1 and R2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..acquisition import Acquisition
from ..errors import InputError
from .signal import signal
from .voxelwise import Gradient

_STEP = 1e-5  # of the logarithms
# Families whose signal depends on T2 by e^(-TE/T2) alone.
_SIMPLE_DECAY = frozenset({"spin_echo", "inversion_recovery", "spoiled_gradient_echo", "mprage"})
_TISSUES_MS = tuple((np.array([t1]), np.array([t2])) for t1, t2 in ((900, 80), (300, 60), (3000, 600)))
_NEGLIGIBLE = 1e-5


class _Signed(np.ndarray):
    """Times for which the equations keep the sign that magnitude images lose."""

    def __abs__(self) -> _Signed:
        return self


class SignalModel:
    """What volumes taken with ``acquisitions`` should measure in tissue of given log PD, log R1 and log R2 (rates in 1/s).

    ``signed``: inverted magnetization gives a negative signal.

    Raises:
        InputError: an acquisition lacks what its signal equation needs; the message says which volume and what.
    """

    def __init__(self, acquisitions: Sequence[Acquisition], signed: bool = False) -> None:
        self.acquisitions = tuple(acquisitions)
        self.signed = signed
        for number, acquisition in enumerate(self.acquisitions, start=1):
            try:
                signal(1.0, 900.0, 80.0, acquisition)
            except InputError as error:
                raise InputError(f"Volume {number}: {error}") from error

    def __call__(self, theta: np.ndarray) -> Iterator[tuple[np.ndarray, Gradient]]:
        """Signal (voxels) of each volume and its derivatives, for theta (3, voxels)."""
        pd, r1_per_s, r2_per_s = np.exp(theta)
        t1_ms, t2_ms = self._times(r1_per_s), self._times(r2_per_s)
        shorter_t1_ms, shorter_t2_ms = t1_ms * np.exp(-_STEP), t2_ms * np.exp(-_STEP)
        for acquisition in self.acquisitions:
            expected = np.asarray(signal(pd, t1_ms, t2_ms, acquisition))
            by_r1 = np.asarray(signal(pd, shorter_t1_ms, t2_ms, acquisition)) - expected
            by_r1 /= _STEP
            if acquisition.family in _SIMPLE_DECAY and acquisition.echo_time_ms is not None:
                by_r2 = expected * r2_per_s
                by_r2 *= -acquisition.echo_time_ms / 1000
            else:
                by_r2 = np.asarray(signal(pd, t1_ms, shorter_t2_ms, acquisition)) - expected
                by_r2 /= _STEP
            yield expected, (expected, by_r1, by_r2)

    def of_unit_density(self, log_r1: np.ndarray, log_r2: np.ndarray) -> np.ndarray:
        """Signals (volumes, ...) of PD 1 and these rates."""
        t1_ms, t2_ms = self._times(np.exp(log_r1)), self._times(np.exp(log_r2))
        return np.stack([np.asarray(signal(1.0, t1_ms, t2_ms, each)) for each in self.acquisitions])

    def determined(self, has_prior: np.ndarray) -> np.ndarray:
        """Which of the three maps the volumes and the priors (3 booleans) determine; False for the others.

        Volumes of one flip angle and one repetition time, for instance, do not tell PD from R1.
        """
        known = np.zeros(3, bool)
        for rows in self._sensitivities():
            _, strengths, directions = np.linalg.svd(np.vstack([rows, np.diag(has_prior.astype(float))]))
            known |= np.abs(directions[strengths < _NEGLIGIBLE]).max(axis=0, initial=0) < 1e-3
        return known

    def rank(self, free: np.ndarray) -> int:
        """How many independent numbers the volumes tell of the maps that are ``free`` (3 booleans)."""
        ranks = [np.linalg.matrix_rank(rows[:, free], tol=_NEGLIGIBLE) for rows in self._sensitivities()]
        return int(max(ranks)) if free.any() else 0

    def _sensitivities(self) -> list[np.ndarray]:
        """Relative change of the signals by the three logarithms (volumes, 3), in some tissues."""
        tissues = np.log([(np.ones(1), 1000 / t1_ms, 1000 / t2_ms) for t1_ms, t2_ms in _TISSUES_MS])
        return [
            np.array([np.ravel(slopes) / (np.abs(value) + 1e-3) for value, slopes in self(theta)])
            for theta in tissues
        ]

    def _times(self, rates_per_s: np.ndarray) -> np.ndarray:
        times = 1000 / rates_per_s
        return times.view(_Signed) if self.signed else times
