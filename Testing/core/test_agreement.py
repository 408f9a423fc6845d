"""Agreement of measurements and scores of classifiers against published values and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.errors import InputError
from mrstyle.metrics.agreement import balanced_accuracy, icc, mean_absolute_difference

# Shrout & Fleiss, "Intraclass correlations" (Psychological Bulletin 1979), table 2: four judges of six targets.
JUDGES = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])


def test_icc_of_the_published_example() -> None:
    found = icc(*JUDGES)
    # The value is printed there; the interval is what the R package psych gives for this example.
    assert round(found.value, 2) == 0.29
    assert (round(found.low, 3), round(found.high, 3)) == (0.019, 0.761)


def test_an_offset_lowers_agreement_but_noise_free_copies_agree() -> None:
    thickness_mm = np.linspace(2, 3, 34)
    assert icc(thickness_mm, thickness_mm).low == 1
    assert icc(thickness_mm, thickness_mm + 0.3).value < 0.7
    assert mean_absolute_difference(thickness_mm, thickness_mm - 0.3) == pytest.approx(0.3)


def test_icc_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        things = rng.normal(0, 1, (20, 1)) + rng.normal(0, 0.5, (20, 2))  # ICC 1 / (1 + 0.25)
        found = icc(*things.T)
        inside += found.low <= 0.8 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (([1, 2, 3], [1, 2]), "3 and 2 values"),
        (([1, 2], [1, 2]), "at least 3"),
        (([1, 2, 3],), "2 ways"),
        (([2, 2, 2], [2, 2, 2]), "things do not differ"),
        (([2, 2, 2], [3, 3, 3]), "things do not differ"),
        (([1, 2, np.nan], [1, 2, 3]), "NaN"),
    ],
)
def test_icc_of_bad_lists_is_refused(lists: tuple[list[float], ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        icc(*lists)


def test_balanced_accuracy_weights_classes_and_not_cases() -> None:
    score = balanced_accuracy(["a"] * 90 + ["b"] * 10, ["a"] * 100, ["a", "b"])
    assert (score.value, score.chance) == (0.5, 0.5)
    assert score.is_chance


def test_few_right_answers_leave_doubt_and_many_do_not() -> None:
    few, many = (
        balanced_accuracy(sites, sites, ["a", "b", "c"])
        for sites in (["a", "b", "c"] * 4, ["a", "b", "c"] * 100)
    )
    assert few.value == many.value == few.high == many.high == 1
    assert few.low < 0.8 < 0.97 < many.low
    assert not few.is_chance


@pytest.mark.parametrize("shares", [(0.9, 0.8, 0.95), (1 / 3, 1 / 3, 1 / 3)])
def test_balanced_accuracy_interval_holds_the_truth_as_often_as_it_says(shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    classes = ["a", "b", "c"]
    true = [name for name in classes for _ in range(12)]
    inside = 0
    for _ in range(300):
        right = rng.random(len(true)) < np.repeat(shares, 12)
        answers = [
            name if ok else "abca"["abc".index(name) + 1] for name, ok in zip(true, right, strict=True)
        ]
        score = balanced_accuracy(true, answers, classes)
        inside += score.low <= np.mean(shares) <= score.high
    assert inside / 300 >= 0.9


def test_classes_that_nobody_knows_are_refused() -> None:
    with pytest.raises(InputError, match="Unknown class c; the classes are a, b"):
        balanced_accuracy(["a", "c"], ["a", "a"], ["a", "b"])
    with pytest.raises(InputError, match="2 true and 1 predicted"):
        balanced_accuracy(["a", "b"], ["a"], ["a", "b"])
