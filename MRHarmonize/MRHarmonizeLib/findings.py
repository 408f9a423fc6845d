"""What is known about how a result differs from its original, as a text that a saved scene keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_OPTIONAL = ("icc", "icc_low", "icc_high")


@dataclass(frozen=True)
class Region:
    """Mean thickness of a part of the cortex, in mm."""

    region: str
    hemisphere: str
    before_mm: float
    after_mm: float


@dataclass(frozen=True)
class Thickness:
    """How the thickness of the cortex agrees before and after.

    Args:
        before_mm, after_mm: means of the whole cortex.
        icc, icc_low, icc_high: intraclass correlation ICC(A,1) of the regions with its 95 % interval; None where
            there are too few regions for it.
        mean_absolute_difference_mm: of the regions.
        bias_mm: mean of after minus before.
        regions: each part of the cortex.
    """

    before_mm: float
    after_mm: float
    icc: float | None
    icc_low: float | None
    icc_high: float | None
    mean_absolute_difference_mm: float
    bias_mm: float
    regions: tuple[Region, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Thickness:
        """From the fields as JSON has them.

        Raises:
            KeyError, TypeError, ValueError: something is missing or no number, or there is no region.
        """
        numbers = {
            name: None if name in _OPTIONAL and data[name] is None else _number(data[name])
            for name in cls.__dataclass_fields__
            if name != "regions"
        }
        regions = tuple(
            Region(
                str(each["region"]),
                str(each["hemisphere"]),
                _number(each["before_mm"]),
                _number(each["after_mm"]),
            )
            for each in data["regions"]
        )
        if not regions:
            raise ValueError("no regions")
        return cls(**numbers, regions=regions)


@dataclass(frozen=True)
class Findings:
    """What was found; None is what was not looked at.

    Args:
        target_site: the site that the result is to look like; empty for a reference or a sample.
        flicker_ratio: how much more the result jumps between slices than the original; 1: no more.
        sites_before, sites_after: probability of each site that the classifier knows.
        thickness: agreement of the cortex.
    """

    target_site: str = ""
    flicker_ratio: float | None = None
    sites_before: dict[str, float] | None = None
    sites_after: dict[str, float] | None = None
    thickness: Thickness | None = None

    def to_json(self) -> str:
        """As a text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Findings:
        """From a text; of one that `to_json` has not written, nothing is known."""
        try:
            data = json.loads(text)
            ratio, thickness = data["flicker_ratio"], data["thickness"]
            return cls(
                str(data["target_site"]),
                None if ratio is None else _number(ratio),
                _probabilities(data["sites_before"]),
                _probabilities(data["sites_after"]),
                None if thickness is None else Thickness.of(thickness),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls()


def probabilities(data: Any) -> dict[str, float]:
    """Probabilities by site, as the worker's result line has them.

    Raises:
        ValueError, TypeError, AttributeError: they are no such.
    """
    return {str(name): _number(value) for name, value in data.items()}


def _probabilities(data: Any) -> dict[str, float] | None:
    return None if data is None else probabilities(data)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number
