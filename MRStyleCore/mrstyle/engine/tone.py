"""The tone curve: a model's own error on the reference, corrected in everything that it makes.

A network that minimizes an error avoids extremes, so that its fluid is too dark and its white matter too gray. How far, shows
where the truth is known: on the reference itself, given its own style. The curve that gives this reconstruction the
histogram of the reference (our own use of histogram matching, Gonzalez & Woods, section 3.3) is then applied to the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_QUANTILES = np.linspace(0.002, 0.998, 200)


@dataclass(frozen=True)
class ToneCurve:
    """Rising polyline through ``made`` -> ``true``; 0 (air) stays 0, and beyond the ends it goes on at slope 1."""

    made: np.ndarray
    true: np.ndarray

    @classmethod
    def between(cls, made: np.ndarray, true: np.ndarray) -> ToneCurve:
        """The curve from samples of a reconstruction to samples of what it should be, any shapes, model units."""
        quantiles = np.quantile(made, _QUANTILES)
        above, first = np.unique(quantiles, return_index=True)
        wanted = np.quantile(true, _QUANTILES[first])
        is_signal = (above > 0) & (wanted > 0)
        return cls(np.concatenate([[0.0], above[is_signal]]), np.concatenate([[0.0], wanted[is_signal]]))

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """``array`` through the curve, float32."""
        inside = np.interp(array, self.made, self.true)
        beyond = np.maximum(array - self.made[-1], 0) + np.minimum(array, 0)
        return (inside + beyond).astype(np.float32)
