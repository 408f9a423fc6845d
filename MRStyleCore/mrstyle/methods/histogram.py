"""Intensity-only methods that need no weights: comparators that are hard to beat, and often all that is needed.

Each maps the intensities of the patient by one curve and leaves air where it is. Code and style are what the curve is
made from; volumes are (1, 1, D, H, W) tensors in model units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..intensity import foreground_mask


@dataclass(frozen=True)
class Code:
    """A volume with the values of its patient."""

    x: Tensor
    values: np.ndarray


def _read(x: Tensor) -> Code:
    array = x[0, 0].numpy()
    return Code(x, array[foreground_mask(array)])


class _NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Landmarks(nn.Module):
    """Percentiles of the patient become those of the reference's patient, with straight lines between.

    With all percentiles it is histogram matching. With a few it is the method of Nyúl et al., IEEE TMI 19:143 (2000), with
    the reference's landmarks as the standard scale.
    """

    dim = 3
    context = 0

    def __init__(self, percentiles: np.ndarray) -> None:
        super().__init__()
        self.percentiles = percentiles

    def encode(self, x: Tensor, source: Acquisition | None = None) -> Code:
        """The volume and the values of its patient."""
        return _read(x)

    def style(self, target: Tensor, like: Code | None = None) -> np.ndarray:
        """Landmark intensities of the reference."""
        return np.percentile(_read(target).values, self.percentiles)

    def decode(self, code: Code, w: np.ndarray) -> Tensor:
        """The volume with its landmarks moved to those of the style."""
        # Air at 0 stays at 0; above the last landmark the last line goes on.
        source = np.concatenate(
            [[min(0.0, float(code.values.min()))], np.percentile(code.values, self.percentiles)]
        )
        target = np.concatenate([[min(0.0, float(w[0]))], w])
        source, unique = np.unique(source, return_index=True)
        target = np.maximum.accumulate(target[unique])
        slope = (target[-1] - target[-2]) / (source[-1] - source[-2])
        x = code.x.numpy()
        mapped = np.interp(x, source, target) + np.maximum(x - source[-1], 0) * slope
        return torch.from_numpy(mapped.astype(np.float32))


class WhiteStripeConfig(BaseModel):
    """Which peak of the histogram is white matter: the last one in T1-weighted images, the largest in others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peak: Literal["last", "largest"] = "last"


class WhiteStripe(nn.Module):
    """White matter gets the mean and spread that it has in the reference. Shinohara et al., NeuroImage Clin 6:9 (2014).

    The stripe is the values within 5 % of the distribution on both sides of the white-matter peak.
    """

    dim = 3
    context = 0
    half_width: ClassVar[float] = 0.05

    def __init__(self, config: WhiteStripeConfig) -> None:
        super().__init__()
        self.config = config

    def encode(self, x: Tensor, source: Acquisition | None = None) -> Code:
        """The volume and the values of its patient."""
        return _read(x)

    def style(self, target: Tensor, like: Code | None = None) -> tuple[float, float]:
        """Mean and standard deviation of the reference's stripe."""
        return self._stripe(_read(target).values)

    def decode(self, code: Code, w: tuple[float, float]) -> Tensor:
        """The volume shifted and scaled so that its stripe is that of the style."""
        mean, deviation = self._stripe(code.values)
        return (code.x - mean) * (w[1] / deviation) + w[0]

    def _stripe(self, values: np.ndarray) -> tuple[float, float]:
        counts, edges = np.histogram(values, bins=400, range=(0.0, float(np.percentile(values, 99.9))))
        smooth = gaussian_filter1d(counts.astype(np.float64), 8, mode="nearest")
        inner = smooth[1:-1]
        peaks = (
            np.flatnonzero((inner > smooth[:-2]) & (inner >= smooth[2:]) & (inner > 0.1 * smooth.max())) + 1
        )
        candidates = peaks if peaks.size else np.array([smooth.argmax()])
        peak = candidates[-1] if self.config.peak == "last" else candidates[smooth[candidates].argmax()]
        center = np.mean(values < (edges[peak] + edges[peak + 1]) / 2)
        low, high = np.quantile(values, np.clip([center - self.half_width, center + self.half_width], 0, 1))
        stripe = values[(values >= low) & (values <= high)]
        return float(stripe.mean()), max(float(stripe.std()), 1e-6)


def _histogram_matching(config: dict) -> Landmarks:
    _NoOptions.model_validate(config)
    return Landmarks(np.linspace(0, 100, 1001))


def _nyul(config: dict) -> Landmarks:
    _NoOptions.model_validate(config)
    return Landmarks(np.array([1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99]))


def _white_stripe(config: dict) -> WhiteStripe:
    return WhiteStripe(WhiteStripeConfig.model_validate(config))


METHODS = {"histogram_matching": _histogram_matching, "nyul": _nyul, "white_stripe": _white_stripe}
