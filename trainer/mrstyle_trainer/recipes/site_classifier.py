"""Supervised training of ``site_classifier``: slices whose site is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build
from mrstyle.metrics.agreement import balanced_accuracy
from mrstyle.physics.sites import SITES
from mrstyle.qa.sites import head_slices
from mrstyle.volume import Volume, read_volume

from ..config import TrainingConfig
from ..data import Samples
from ..site_scans import SiteScans
from ..site_slices import SiteSlices
from .network import loss_weights
from .recipe import Losses

_WEIGHTS = {"cross_entropy": 1.0}
_MINIMUM_SIZE = 32


class SiteClassifierRecipe:
    """Cross-entropy of the site; validated by the share of slices whose site is recognized."""

    main = "network"
    target_kind = None
    task = "site_classifier"
    score_name = "accuracy"
    score_unit = "1"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        self.names = config.sites.names or tuple(SITES)
        self.samples = partial(SiteSlices, sites=config.sites)
        self.config = {"sites": list(self.names)} | config.network
        if tuple(self.config["sites"]) != self.names:
            raise InputError("network.sites and sites.names differ; leave network.sites out.")
        slices, rows, _ = config.sites.patch
        size = rows if config.data.kind == "sites" else config.simulation.size
        self.config = {"size": size} | self.config
        if config.data.kind == "sites" and slices >= rows:
            raise InputError(
                f"sites.patch is {config.sites.patch}; a classifier looks at slices, so choose slabs of a few, such as "
                "[3, 192, 192]."
            )
        try:
            network: Any = build("site_classifier", self.config)
        except PackageError as error:
            raise InputError(f"The network of the training configuration cannot be built: {error}") from error
        self.networks: dict[str, nn.Module] = {self.main: network}
        self.training = config

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        images, sites = _slices(batch)
        value = F.cross_entropy(networks[self.main](images).float(), sites)
        yield self.main, {"cross_entropy": (self.weights["cross_entropy"], value)}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Logits (slices, sites)."""
        return network(_slices(batch)[0]).float()

    def score(self, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """1 for each slice whose site is recognized, else 0."""
        return (output.argmax(dim=1) == _slices(batch)[1]).float()

    def card_fields(self, samples: Samples) -> dict[str, Any]:
        """What the card says of a classifier; its balanced accuracy is that of whole scans where they are simulated."""
        network = self.networks[self.main].eval()
        true, answers, size = [], [], self.config["size"]
        with torch.inference_mode():
            for site, volume in self._scans(samples):
                logits = [network(image[None, None]) for image in head_slices(volume, _MINIMUM_SIZE, size)]
                true.append(site)
                answers.append(self.names[int(torch.cat(logits).mean(dim=0).argmax())])
        score = balanced_accuracy(true, answers, self.names)
        figure = {
            "unit": "1",
            "data_range": None,
            "mask": "all",
            "dataset": f"{len(true)} {'simulated ' if isinstance(samples, SiteSlices) else ''}scans of held-out heads",
            "command": "mrstyle-train export",
        }
        values = {
            "balanced accuracy": score.value,
            "balanced accuracy, least of its 95 % confidence interval": score.low,
            "balanced accuracy, greatest of its 95 % confidence interval": score.high,
            "balanced accuracy of a guess": score.chance,
        }
        simulation, sites_config = self.training.simulation, self.training.sites
        return {
            "config": self.config,
            "sites": list(self.names),
            "site_descriptions": {name: SITES[name].description for name in self.names if name in SITES},
            "accepts": {
                "dim": 2,
                "body_part": "brain",
                "contrasts": ["T1w"],
                "skull": _skull(simulation.stripped_probability),
                "minimum_size_voxels": _MINIMUM_SIZE,
                "spacing_mm": list(sites_config.voxel_mm),
            },
            "figures": [
                {"metric": name, "value": round(value, 4)} | figure for name, value in values.items()
            ],
            "bf16_psnr_db": None,
            "seconds_per_megavoxel": {},
        }

    def _scans(self, samples: Samples) -> Iterator[tuple[str, Volume]]:
        """The held-out scans and their sites."""
        if isinstance(samples, SiteSlices):
            yield from samples.scans()
        if isinstance(samples, SiteScans):
            for name, heads in zip(self.names, samples.heads, strict=True):
                for head in heads:
                    yield name, read_volume(head.scan.path)


def _slices(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """All slices (N, 1, H, W) of a batch of stacks or blocks, and their sites (N), without those of unknown sites."""
    content, source = batch["content"], batch["source"]
    height, width = content.shape[-2:]
    images = content.reshape(-1, 1, height, width)
    if source.dim() == 1:
        source = source.unsqueeze(1).expand(-1, len(images) // len(source))
    sites = source.flatten()
    return images[sites >= 0], sites[sites >= 0]


def _skull(stripped_probability: float) -> str:
    if 0 < stripped_probability < 1:
        return "any"
    return "without" if stripped_probability else "with"
