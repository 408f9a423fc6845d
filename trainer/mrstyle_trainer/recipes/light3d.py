"""Training of ``light3d``: to a known truth where there is one (simulated sites, traveling subjects), else unpaired."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build
from mrstyle.methods.light3d import LEVELS, Levels, Light3D
from mrstyle.physics.sites import SITES, look_of

from ..config import TrainingConfig
from ..critics import BlockCritic
from ..losses import absolute, least_squares, steep, weighted_absolute
from ..site_samples import SimulatedSites
from .network import loss_weights
from .recipe import Losses

_PAIRED = {"absolute": 1.0, "steep": 0.5, "gain": 0.5, "levels": 0.5, "tissue": 1.0, "scanner": 0.5}
_UNPAIRED = {
    "cycle": 1.0,
    "identity": 0.5,
    "adversarial": 0.1,
    "gain": 0.5,
    "critic": 1.0,
}


class Light3DRecipe:
    """L1 of intensities and of their differences between neighbors to the truth; of whole heads, L1 of the logarithm of the
    gain, of the levels of tissues and of those that the scanner usually gives, and cross-entropy of where these tissues are.
    The looks of simulated sites are known and not learned.

    Of scans without a truth: there and back again (cycle), to the own site (identity), and a least-squares critic for each
    site, which sees blocks. Which of both is used, the kind of data tells.
    """

    main = "network"
    target_kind = "site"

    def __init__(self, config: TrainingConfig) -> None:
        self.names = config.sites.names or tuple(SITES)
        self.samples = partial(SimulatedSites, sites=config.sites)
        self.config = {"sites": list(self.names)} | config.network
        if tuple(self.config["sites"]) != self.names:
            raise InputError("network.sites and sites.names differ; leave network.sites out.")
        try:
            network = cast(Light3D, build("light3d", self.config))
        except PackageError as error:
            raise InputError(f"The network of the training configuration cannot be built: {error}") from error
        if any(size % network.divisor or size < 4 * network.divisor for size in config.sites.patch):
            # In fewer than 4 voxels, torch 2.13 gives wrong gradients of 3D convolutions (CPU, bfloat16).
            raise InputError(
                f"sites.patch is {config.sites.patch}; choose multiples of {network.divisor}, by which this network "
                f"divides its blocks, of {4 * network.divisor} or more."
            )
        if network.voxel_range_mm != config.sites.voxel_mm:
            raise InputError(
                f"network.voxel_range_mm is {network.voxel_range_mm} and sites.voxel_mm {config.sites.voxel_mm}; make "
                "them equal."
            )
        with torch.no_grad():
            for row, name in zip(network.table, self.names, strict=True):
                if name in SITES:
                    row.copy_(look_of(SITES[name]))
        self.networks: dict[str, nn.Module] = {self.main: network}
        self.is_paired = config.data.kind != "sites"
        self.weights = loss_weights(_PAIRED if self.is_paired else _UNPAIRED, config)
        if not self.is_paired:
            self.networks["critic"] = BlockCritic(len(self.names))

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        return self._paired(networks, batch) if self.is_paired else self._unpaired(networks, batch)

    def _paired(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        # The looks of sites as physics has them, so that random sites are no different.
        # The levels are those that a scan of the whole head tells, so that the rest learns to live with how they are misread.
        drawn, read, usual = networks[self.main](
            _leveled(batch),
            None,
            batch["look"],
            torch.full_like(batch["source"], -1),
            batch["coarse"],
        )
        target = batch["truth"]
        yield (
            self.main,
            self._weighted(
                absolute=absolute(drawn, target),
                steep=steep(drawn, target),
                gain=_off_gain(read, batch),
                levels=absolute(read.levels, batch["coarse_levels"]),
                tissue=F.cross_entropy(read.kinds, batch["coarse_kinds"]),
                scanner=absolute(usual, batch["source_look"][:, :LEVELS]),
            ),
        )

    def _unpaired(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        content, reference = _leveled(batch), batch["reference"] * torch.exp(batch["reference_log_gain"])
        source, target = batch["source"], batch["target_site"]
        network, critic = networks[self.main], networks["critic"]
        table = cast(Light3D, self.networks[self.main]).table.detach()
        coarse = batch["coarse"]
        drawn, read, _ = network(content, None, table[target], target, coarse)
        back, _, _ = network(drawn, table[target, :LEVELS], table[source], source, coarse)
        same, _, _ = network(content, read.levels.detach(), table[source], source, coarse)
        yield (
            self.main,
            self._weighted(
                cycle=absolute(back, content),
                identity=absolute(same, content),
                adversarial=least_squares(critic(drawn, target), 1.0),
                gain=_off_gain(read, batch),
            ),
        )
        scores = critic(torch.cat([reference, drawn.detach()]), target.repeat(2)).chunk(2)
        mistaken = (least_squares(scores[0], 1.0) + least_squares(scores[1], 0.0)) / 2
        yield "critic", self._weighted(critic=mistaken)

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """The content at the target site; without a truth, there and back again."""
        content, coarse = _leveled(batch), batch["coarse"]
        if self.is_paired:
            return network(content, None, batch["look"], torch.full_like(batch["source"], -1), coarse)[0]
        table = cast(Light3D, network).table
        source, target = batch["source"], batch["target_site"]
        output, _, _ = network(content, None, table[target], target, coarse)
        back, _, _ = network(output, table[target, :LEVELS], table[source], source, coarse)
        return back * torch.exp(-batch["log_gain"])

    def card_fields(self, samples: Any) -> dict[str, Any]:
        """What this recipe's models take as targets."""
        return {
            "config": self.config,
            "target_kinds": ["site", "reference", "sample"],
            "sites": list(self.names),
            "site_descriptions": {name: SITES[name].description for name in self.names if name in SITES},
        }

    def _weighted(self, **values: Tensor) -> Losses:
        return {name: (self.weights[name], value) for name, value in values.items()}


def _leveled(batch: dict[str, Tensor]) -> Tensor:
    """The content without shading, white matter at one level."""
    return batch["content"] * torch.exp(batch["log_gain"])


def _off_gain(read: Levels, batch: dict[str, Tensor]) -> Tensor:
    """How far the logarithms of gains of whole heads are off, in tissue."""
    return weighted_absolute(read.log_gain, batch["coarse_log_gain"], batch["coarse_weight"] + 1e-4)
