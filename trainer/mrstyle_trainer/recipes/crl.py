"""Supervised training of ``crl`` on simulated contrasts with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.methods.crl import CRL

from ..config import TrainingConfig
from ..contrasts import SimulatedContrasts
from ..losses import alike, weighted_absolute
from ..simulate import LESION_GROUP
from .network import build_network, loss_weights
from .recipe import Losses

_LESION_WEIGHT = 4.0
_WEIGHTS = {"absolute": 1.0, "alike": 0.1, "kinds": 0.1}


class CRLRecipe:
    """L1 over all ordered pairs of contrasts, and common features that are alike (equations 4 and 5 of the paper).

    Each contrast is encoded once. The mean over all pairs, where the paper's text has the sum and its code six pairs.
    """

    main = "network"
    samples = SimulatedContrasts
    target_kind = "acquisition"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        self.network: CRL = build_network("crl", config)
        self.networks: dict[str, nn.Module] = {self.main: self.network}

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        scans, vectors = batch["scans"], batch["vectors"]
        heads, contrasts = scans.shape[:2]
        targets = batch["exact"].repeat_interleave(contrasts, dim=0)
        output, common, logits = networks[self.main](scans.flatten(0, 1), vectors.flatten(0, 1), targets)
        output = output.unflatten(0, (heads, contrasts))
        target = batch["truths"].transpose(1, 2).expand_as(output)
        weight = torch.where(batch["groups"] == LESION_GROUP, _LESION_WEIGHT, 1.0)[:, None, None]
        values = {
            "absolute": weighted_absolute(output, target, weight),
            "alike": alike(common.unflatten(0, (heads, contrasts))),
        }
        if logits.shape[1]:
            values["kinds"] = F.cross_entropy(logits.float(), batch["kinds"].flatten())
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        method = cast(CRL, network)
        output, _, _ = method(batch["scans"][:, 0], batch["vectors"][:, 0], batch["exact"][:, 1:2])
        return output
