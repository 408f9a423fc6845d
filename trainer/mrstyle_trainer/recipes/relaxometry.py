"""Supervised training of ``relaxometry`` on contrasts of one head, simulated with known truth or scanned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.methods.relaxometry import LOG_SD, PD, RESIDUAL, Relaxometry
from mrstyle.sequence_vector import acquisition_of

from ..config import TrainingConfig
from ..contrasts import SimulatedContrasts
from ..losses import fitted, laplace, lesion_weight, structural, weighted_absolute
from .network import build_network, loss_weights
from .recipe import Losses

_LEAST_PD = 0.2
_WEIGHTS = {"absolute": 1.0, "structural": 0.3, "fused": 0.5, "gain": 0.02, "maps": 0.02, "kinds": 0.1}


class RelaxometryRecipe:
    """L1 and SSIM in every contrast from every other, from two of them fused, and the likelihood of the true maps.

    A scanner's gain is not known, and an image is looked at in a window of its own: the difference is that after the gain
    that fits best, which should not be far from 1. Scans have gains that nobody knows and no true maps; there, neither counts.
    """

    main = "network"
    samples = SimulatedContrasts
    target_kind = "acquisition"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        # A second training can then teach the small network that tells sequences apart, in a fraction of the time.
        self.only_kinds = not any(weight for name, weight in self.weights.items() if name != "kinds")
        self.network: Relaxometry = build_network("relaxometry", config)
        self.networks: dict[str, nn.Module] = {self.main: self.network}

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        scans, vectors = batch["scans"], batch["vectors"]
        heads, contrasts = scans.shape[:2]
        images = scans.flatten(0, 1)
        kinds = batch["kinds"].flatten()
        if self.only_kinds:
            logits = self.network.estimator(images[:, [self.network.context]])
            yield self.main, {"kinds": (self.weights["kinds"], F.cross_entropy(logits, kinds))}
            return
        raw, logits = networks[self.main](images, vectors.flatten(0, 1))
        sources = [acquisition_of(row) for row in batch["parameters"].flatten(0, 1).tolist()]
        codes = self.network.code(raw, images, sources).unflatten(0, (heads, contrasts))
        # In the units of the truth, so that contrasts of one head can be compared and fused.
        codes = _shifted(codes, batch["scan_levels"].log())
        target = batch["truths"].transpose(1, 2).expand(-1, contrasts, -1, -1, -1)
        output, gain = fitted(self._rendered(codes, batch), target)
        others = _leveled(codes.roll(1, dims=1), codes, batch)
        fused, _ = fitted(self._rendered(_fused(codes, others), batch), target)
        weight = lesion_weight(batch)
        known = batch["gains_known"][:, None, None, None, None]
        values = {
            "absolute": weighted_absolute(output, target, weight),
            "structural": structural(output.flatten(0, 2).unsqueeze(1), target.flatten(0, 2).unsqueeze(1)),
            "fused": weighted_absolute(fused, target, weight),
            "gain": (known * gain.log().square()).mean(),
            "kinds": F.cross_entropy(logits.float(), kinds),
        }
        if "maps" in batch:
            truth = batch["maps"].clamp_min(1e-4).log().unsqueeze(1)
            inside = (batch["kept"] * (batch["maps"][:, PD] > _LEAST_PD))[:, None, None]
            values["maps"] = laplace(codes[:, :, :3], truth, codes[:, :, LOG_SD], inside)
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        method = cast(Relaxometry, network)
        images = batch["scans"][:, 0]
        raw, _ = method(images, batch["vectors"][:, 0])
        first, second = (
            [acquisition_of(row) for row in batch["parameters"][:, place].tolist()] for place in (0, 1)
        )
        codes = _shifted(method.code(raw, images, first)[:, None], batch["scan_levels"][:, :1].log())
        drawn = torch.cat([method.decode(code, target) for code, target in zip(codes, second, strict=True)])
        drawn = drawn / batch["truth_levels"][:, 1, None, None, None]
        return fitted(drawn, batch["target"])[0]

    def _rendered(self, codes: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """(heads, sources, targets, H, W): every code in every sequence of its head, in the units of the truths."""
        images = [
            torch.cat([self.network.decode(code, acquisition_of(row)) for row in rows], dim=1)
            for code, rows in zip(codes, batch["parameters"].tolist(), strict=True)
        ]
        return torch.stack(images) / batch["truth_levels"][:, None, :, None, None]


def _shifted(codes: Tensor, log_levels: Tensor) -> Tensor:
    """Codes (heads, contrasts, C, H, W) with log PD in absolute units, from that of scans divided by their levels."""
    shift = torch.zeros_like(codes[:1, :1, :, :1, :1])
    shift[:, :, PD] = 1
    return codes + shift * log_levels[:, :, None, None, None]


def _leveled(codes: Tensor, others: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Codes with the median log PD of others over the patient where gains are unknown (as ``mrstyle.engine.fusion``)."""
    unknown = 1 - batch["gains_known"][:, None]
    if not unknown.any():
        return codes
    difference = (others - codes)[:, :, PD].detach()
    inside = batch["kept"][:, None] > 0
    shift = difference.masked_fill(~inside, torch.nan).flatten(2).nanmedian(dim=2).values
    return _shifted(codes, shift * unknown)


def _fused(one: Tensor, two: Tensor) -> Tensor:
    """Maps by their precisions, residuals by halves (as ``mrstyle.synthesize`` does)."""
    share = torch.sigmoid(2 * (two[:, :, LOG_SD] - one[:, :, LOG_SD]))
    maps = torch.lerp(two[:, :, :3], one[:, :, :3], share)
    residual = (one[:, :, RESIDUAL:] + two[:, :, RESIDUAL:]) / 2
    return torch.cat([maps, one[:, :, LOG_SD], residual], dim=2)
