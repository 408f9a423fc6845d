"""How well measurements agree: of the same thing by two ways, or a classifier's answers with the truth.

All raise InputError for lists of different lengths and for numbers that are NaN or infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..errors import InputError

_CONFIDENCE = 0.95
_ROUNDING = 1e-6  # of the greatest value: what single precision holds


@dataclass(frozen=True)
class Agreement:
    """An intraclass correlation, at most 1, and its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """A balanced accuracy, 0 to 1, its 95 % confidence interval, and what a uniform guess scores."""

    value: float
    low: float
    high: float
    chance: float

    @property
    def is_chance(self) -> bool:
        """Whether the interval holds the score of a guess."""
        return self.low <= self.chance <= self.high


def icc(*measurements: ArrayLike) -> Agreement:
    """Intraclass correlation ICC(A,1): two-way, absolute agreement, of single measurements.

    McGraw & Wong, "Forming inferences about some intraclass correlation coefficients" (Psychological Methods 1996,
    tables 4 and 7). A constant offset between two ways of measuring lowers it, other than Pearson's correlation.

    Args:
        measurements: two or more lists of n values, each list a way of measuring the same n things in one order.

    Raises:
        InputError: also for fewer than two lists or three things, and when these do not differ.
    """
    table = np.stack(_same_lengths(*measurements), axis=1)
    n, k = table.shape
    if k < 2 or n < 3:
        raise InputError(f"Agreement needs at least 3 things measured in 2 ways, not {n} in {k}; add some.")
    mean = table.mean()
    of_things, of_ways = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    ms_things = k * np.square(of_things - mean).sum() / (n - 1)
    ms_ways = n * np.square(of_ways - mean).sum() / (k - 1)
    ms_error = np.square(table - of_things - of_ways + mean).sum() / ((n - 1) * (k - 1))
    nothing = (_ROUNDING * np.abs(table).max()) ** 2
    if max(ms_things, ms_error) <= nothing:
        raise InputError("Agreement is not defined where the measured things do not differ.")
    if max(ms_ways, ms_error) <= nothing:
        return Agreement(1.0, 1.0, 1.0)
    value = (ms_things - ms_error) / (ms_things + (k - 1) * ms_error + k / n * (ms_ways - ms_error))
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * ms_ways + b * ms_error) ** 2 / (
        (a * ms_ways) ** 2 / (k - 1) + (b * ms_error) ** 2 / ((n - 1) * (k - 1))
    )
    tail = (1 + _CONFIDENCE) / 2
    below, above = stats.f.ppf(tail, n - 1, freedom), stats.f.ppf(tail, freedom, n - 1)
    within = k * ms_ways + (k * n - k - n) * ms_error
    low = n * (ms_things - below * ms_error) / (below * within + n * ms_things)
    high = n * (above * ms_things - ms_error) / (within + n * above * ms_things)
    return Agreement(float(value), float(low), float(high))


def mean_absolute_difference(a: ArrayLike, b: ArrayLike) -> float:
    """Mean of |a - b| over n pairs, in their unit."""
    first, second = _same_lengths(a, b)
    return float(np.abs(first - second).mean())


def balanced_accuracy(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Score:
    """Mean, over the classes that occur in ``true``, of the share of their cases that are recognized.

    Its interval joins the Wilson intervals of these shares (MOVER; Zou & Donner, "Construction of confidence limits
    about effect measures", Statistics in Medicine 2008), so it keeps a width where all cases of a class are right.

    Args:
        true: class of each case.
        predicted: the answer of the classifier for each.
        classes: all that it can answer.

    Raises:
        InputError: also without any case and for a class that is not among ``classes``.
    """
    if not true or len(true) != len(predicted):
        raise InputError(
            f"There are {len(true)} true and {len(predicted)} predicted classes; give one of each a case."
        )
    if unknown := sorted((set(true) | set(predicted)) - set(classes)):
        raise InputError(f"Unknown class {', '.join(unknown)}; the classes are {', '.join(classes)}.")
    shares, squares_below, squares_above = [], 0.0, 0.0
    for name in sorted(set(true)):
        answers = [answer == name for each, answer in zip(true, predicted, strict=True) if each == name]
        share = sum(answers) / len(answers)
        interval = stats.binomtest(sum(answers), len(answers)).proportion_ci(_CONFIDENCE, method="wilson")
        shares.append(share)
        squares_below += (share - interval.low) ** 2
        squares_above += (interval.high - share) ** 2
    value = sum(shares) / len(shares)
    return Score(
        value,
        value - math.sqrt(squares_below) / len(shares),
        value + math.sqrt(squares_above) / len(shares),
        1 / len(classes),
    )


def _same_lengths(*lists: ArrayLike) -> list[np.ndarray]:
    """The lists as arrays of the same length, all finite."""
    arrays = [np.asarray(each, np.float64).ravel() for each in lists]
    lengths = [len(each) for each in arrays]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise InputError(f"Lists of {' and '.join(map(str, lengths))} values cannot be compared one by one.")
    if not all(np.isfinite(each).all() for each in arrays):
        raise InputError("Values that are NaN or infinite cannot be compared; leave these cases out.")
    return arrays
