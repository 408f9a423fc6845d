"""Method ``relaxometry``: what the tissue is (PD, R1, R2) from one scan, then any contrast by its signal equation.

The network reads a slice and the sequence that it was taken with. It says log R1 and log R2 of each voxel, what it would
expect as PD, and how far to trust the scan over that: PD is the least-squares solution between both, so details and absolute
units come from the scan. A target contrast is the closed-form signal of these maps (``mrstyle.physics.signal``) times a small
learned gain, for what the equations leave out. The maps are effective ones: they explain the scan, they are no measurements.

Our own; kin to synthetic MR (Riederer et al., AJR 143:1203, 1984) and, for PD, to variable projection (Golub & Pereyra, 1973).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.encoders import widths
from ..networks.estimator import SequenceEstimator
from ..networks.unet import ConditionedUNet
from ..physics.signal import signal
from ..presets import PRESETS
from ..sequence_vector import SEQUENCE_DIM, sequence_vector

PD, R1, R2 = 0, 1, 2
LOG_SD = slice(3, 6)
RESIDUAL = 6
"""Channels of a code: log PD, log R1, log R2 (rates in 1/s), the spread of each, then the residual maps."""

_T1_RANGE_MS = (150.0, 6000.0)
_T2_RANGE_MS = (8.0, 3000.0)
GREATEST_RESIDUAL = 0.3
# Near the null of a sequence, a scan that is a little off would ask for a density far from any tissue's.
_GREATEST_SURPRISE = 0.25
_LOG_SD_RANGE = (-4.0, 1.0)
# Head tissues (PD, T1 ms, T2 ms) of which the brightest tells how strong the signals of a sequence are.
_TYPICAL = ((0.9, 330.0, 75.0), (0.7, 800.0, 72.0), (0.85, 1300.0, 90.0), (1.0, 4100.0, 1900.0))


class RelaxometryConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(1, ge=0, le=4, description="neighbor slices on each side that are seen along")
    width: int = Field(32, ge=4, le=512, description="channels at full size")
    max_width: int = Field(160, ge=4, le=1024)
    downsamplings: int = Field(3, ge=1, le=5)
    residual_blocks: int = Field(2, ge=0, le=16)
    hidden: int = Field(64, ge=4, le=512, description="of the description of the sequence")
    residuals: int = Field(2, ge=1, le=8, description="maps of what the signal equations leave out")
    pixel_range_mm: tuple[float, float] = Field((0.7, 1.35), description="pixel sizes seen in training")


class Relaxometry(nn.Module):
    """Slices (B, 2 context + 1, H, W) and their sequences to codes (B, 6 + residuals, H, W), and codes to images.

    Intensities are scaled so that air is near 0 and the 99.5th percentile of the head is 1; PD is in the same unit.
    """

    dim = 2

    def __init__(self, config: RelaxometryConfig) -> None:
        super().__init__()
        self.context = self.style_context = config.context
        self.divisor = 2**config.downsamplings
        self.pixel_range_mm = config.pixel_range_mm
        channels = widths(config.width, config.downsamplings, config.max_width)
        self.unet = ConditionedUNet(
            2 * config.context + 1,
            7 + config.residuals,
            channels,
            SEQUENCE_DIM,
            config.hidden,
            config.residual_blocks,
        )
        last = nn.Linear(config.hidden, config.residuals)
        nn.init.zeros_(last.weight)
        self.gain = nn.Sequential(nn.Linear(SEQUENCE_DIM, config.hidden), nn.SiLU(), last)
        self.estimator = SequenceEstimator(len(PRESETS))
        for name, (low, high) in {"log_r1": _T1_RANGE_MS, "log_r2": _T2_RANGE_MS}.items():
            limits = torch.log(1000 / torch.tensor([high, low]))
            self.register_buffer(f"{name}_range", limits, persistent=False)

    def forward(self, images: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """What is learned: raw maps (B, 7 + residuals, H, W) and the logits of the kinds of sequence (B, kinds)."""
        return self.unet(images, vectors), self.estimator(images[:, [self.context]])

    def code(self, raw: Tensor, images: Tensor, sources: Sequence[Acquisition]) -> Tensor:
        """Code of raw maps: bounded rates, and the PD that explains the scan as far as it is trusted."""
        with torch.autocast(raw.device.type, enabled=False):
            raw, scan = raw.float(), images[:, self.context].float().clamp_min(0)
            log_r1 = _between(raw[:, R1], self.log_r1_range)  # type: ignore[arg-type]
            log_r2 = _between(raw[:, R2], self.log_r2_range)  # type: ignore[arg-type]
            t1_ms, t2_ms = 1000 * (-log_r1).exp(), 1000 * (-log_r2).exp()
            signals = [
                signal(1.0, t1, t2, source) / strength(source)
                for t1, t2, source in zip(t1_ms, t2_ms, sources, strict=True)
            ]
            unit = torch.stack(signals)
            log_expected, trust = raw[:, PD].clamp(-7, 4), raw[:, 6].clamp(-5, 6).exp()
            pd = (trust * unit * scan + log_expected.exp()) / (trust * unit.square() + 1)
            units = torch.tensor([strength(source) for source in sources], device=raw.device)
            surprise = (pd.clamp_min(1e-6).log() - log_expected).clamp(
                -_GREATEST_SURPRISE, _GREATEST_SURPRISE
            )
            log_pd = log_expected + surprise - units.log()[:, None, None]
            return torch.cat(
                [
                    torch.stack([log_pd, log_r1, log_r2], dim=1),
                    raw[:, LOG_SD].clamp(*_LOG_SD_RANGE),
                    GREATEST_RESIDUAL * torch.tanh(raw[:, 7:]),
                ],
                dim=1,
            )

    def encode(self, x: Tensor, source: Acquisition) -> Tensor:
        """Code of slices with H and W divisible by ``divisor``, all taken with ``source``."""
        vector = torch.tensor(sequence_vector(source), device=x.device).expand(len(x), -1)
        return self.code(self.unet(x, vector), x, [source] * len(x))

    def style(self, target: Acquisition, like: Tensor | None = None) -> Acquisition:
        """A target is its own style: the signal equation reads it as it is."""
        return target

    def decode(self, code: Tensor, w: Acquisition) -> Tensor:
        """Image (B, 1, H, W) of a code in sequence ``w``, in the unit of the code's PD."""
        with torch.autocast(code.device.type, enabled=False):
            maps, residual = code[:, :3].exp(), code[:, RESIDUAL:]
            image = signal(maps[:, PD], 1000 / maps[:, R1], 1000 / maps[:, R2], w)
            return (image * (1 + torch.einsum("k,bkhw->bhw", self.gains(w), residual))).unsqueeze(1)

    def gains(self, target: Acquisition) -> Tensor:
        """How much of each residual map a target takes: (residuals), -1 to 1."""
        like = next(self.gain.parameters())
        return torch.tanh(self.gain(torch.tensor(sequence_vector(target)).to(like)))


def strength(acquisition: Acquisition) -> float:
    """The brightest signal that a sequence gives of typical head tissues at PD about 1."""
    return max(float(signal(pd, t1_ms, t2_ms, acquisition)) for pd, t1_ms, t2_ms in _TYPICAL)


def _between(raw: Tensor, limits: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.sigmoid(raw)


def _build(config: dict) -> Relaxometry:
    return Relaxometry(RelaxometryConfig.model_validate(config))


METHODS = {"relaxometry": _build}
