"""Supervised training of ``crl`` on contrasts of one head, simulated or scanned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.methods.crl import CRL

from ..config import TrainingConfig
from ..contrasts import SimulatedContrasts
from ..losses import alike, lesion_weight, weighted_absolute
from .network import build_network, loss_weights
from .recipe import Losses

_CROP_PX = 72
_WEIGHTS = {"absolute": 1.0, "alike": 0.1, "kinds": 0.1}


class CRLRecipe:
    """L1 over all ordered pairs of contrasts, and common features that are alike (equations 4 and 5 of the paper).

    Each contrast is encoded once, in a crop: the network sees few pixels around each, and more heads teach it more. The mean
    over all pairs, where the paper's text has the sum and its code six pairs.
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
        middles = batch["scans"][:, :, self.network.context].flatten(0, 1).unsqueeze(1)
        whole, batch = batch, cropped(batch, _CROP_PX)
        scans, vectors = batch["scans"], batch["vectors"]
        heads, contrasts = scans.shape[:2]
        targets = batch["exact"].repeat_interleave(contrasts, dim=0)
        output, common = networks[self.main](scans.flatten(0, 1), vectors.flatten(0, 1), targets)
        output = output.unflatten(0, (heads, contrasts))
        target = batch["truths"].transpose(1, 2).expand_as(output)
        values = {
            "absolute": weighted_absolute(output, target, lesion_weight(batch)),
            "alike": alike(common.unflatten(0, (heads, contrasts))),
        }
        if self.network.estimator is not None:
            values["kinds"] = F.cross_entropy(self.network.estimator(middles), whole["kinds"].flatten())
        yield self.main, {name: (self.weights[name], value) for name, value in values.items()}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        method = cast(CRL, network)
        output, _ = method(batch["scans"][:, 0], batch["vectors"][:, 0], batch["exact"][:, 1:2])
        return output


def cropped(batch: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Images of a batch cut to ``size`` pixels where its ``corners`` (0 to 1) say; whole where they are no larger."""
    room = max(0, batch["scans"].shape[-1] - size)
    corners = (batch["corners"] * (room + 1)).long().clamp(max=room).tolist()
    images = ("scans", "truths", "kept", "groups")
    return batch | {
        name: torch.stack(
            [
                image[..., row : row + size, column : column + size]
                for image, (row, column) in zip(batch[name], corners, strict=True)
            ]
        )
        for name in images
        if name in batch
    }
