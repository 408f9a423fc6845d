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
from mrstyle.methods.light3d import Light3D, Outputs
from mrstyle.physics.sites import SITES, look_of

from ..config import TrainingConfig
from ..critics import BlockCritic
from ..losses import absolute, least_squares, steep, weighted_absolute
from ..site_samples import SimulatedSites
from .network import loss_weights
from .recipe import Losses

_PAIRED = {"absolute": 1.0, "steep": 0.5, "look": 0.1, "style": 0.05, "level": 0.5, "white": 1.0}
_UNPAIRED = {
    "cycle": 1.0,
    "identity": 0.5,
    "adversarial": 0.1,
    "style": 0.05,
    "level": 0.5,
    "critic": 1.0,
}


class Light3DRecipe:
    """L1 of intensities and of their differences between neighbors to the truth, both ways to give a style in turn; L1 of the
    first entries of styles as they are read to what a simulated scanner's look is known to be, or a network takes long to find
    out that a style matters; L1 of the logarithm of the gain of whole heads, and cross-entropy of where their white matter is.

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
                    look = look_of(SITES[name])[: len(row)]
                    row[: len(look)] = look
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
        drawn = networks[self.main](
            *_leveled(batch), batch["target_site"], _turns(batch["target_site"]), batch["coarse"]
        )
        target = batch["truth"]
        yield (
            self.main,
            self._weighted(
                absolute=absolute(drawn.image, target),
                steep=steep(drawn.image, target),
                look=_off_look(drawn.source, batch["source_look"])
                + _off_look(drawn.target, batch["target_look"]),
                style=_apart(drawn, batch),
                level=_off_level(drawn, batch),
                white=_missed_white(drawn, batch),
            ),
        )

    def _unpaired(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        content, reference = _leveled(batch)
        source, target = batch["source"], batch["target_site"]
        network, critic = networks[self.main], networks["critic"]
        turns = _turns(target)
        drawn = network(content, reference, target, turns, batch["coarse"])
        # The way back is by the table: its rows are what every scan of a site shares.
        both = torch.cat([drawn.image, content])
        way_back = network(both, both, torch.cat([source, source]), torch.zeros_like(turns).repeat(2))
        back, same = way_back.image.chunk(2)
        yield (
            self.main,
            self._weighted(
                cycle=absolute(back, content),
                identity=absolute(same, content),
                adversarial=least_squares(critic(drawn.image, target), 1.0),
                style=_apart(drawn, batch),
                level=_off_level(drawn, batch),
            ),
        )
        scores = critic(torch.cat([reference, drawn.image.detach()]), target.repeat(2)).chunk(2)
        mistaken = (least_squares(scores[0], 1.0) + least_squares(scores[1], 0.0)) / 2
        yield "critic", self._weighted(critic=mistaken)

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """The content at the target site; without a truth, there and back again."""
        content, reference = _leveled(batch)
        target = batch["target_site"]
        output = network(content, reference, target, target < 0).image
        if self.is_paired:
            return output
        back = network(output, output, batch["source"], torch.zeros_like(target, dtype=torch.bool)).image
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


def _leveled(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Content and reference without shading, usual white matter at one level."""
    content = batch["content"] * torch.exp(batch["log_gain"])
    return content, batch["reference"] * torch.exp(batch["reference_log_gain"])


def _off_look(style: Tensor, look: Tensor) -> Tensor:
    """How far the first entries of styles (B, style_dim) are off a look (B, LOOK_SIZE)."""
    return absolute(style[:, : look.shape[1]], look[:, : style.shape[1]])


def _off_level(drawn: Outputs, batch: dict[str, Tensor]) -> Tensor:
    """How far the logarithms of gains of whole heads are off, in tissue."""
    assert drawn.levels is not None
    return weighted_absolute(drawn.levels.log_gain, batch["coarse_log_gain"], batch["coarse_weight"] + 1e-4)


def _missed_white(drawn: Outputs, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of where the white matter of whole heads is."""
    assert drawn.levels is not None
    return F.binary_cross_entropy_with_logits(drawn.levels.white, batch["coarse_white"])


def _turns(target_site: Tensor) -> Tensor:
    """Whose style is read from the reference, bool (B,): every second one, and those of no known site."""
    return (target_site < 0) | (torch.arange(len(target_site), device=target_site.device) % 2 == 0)


def _apart(drawn: Outputs, batch: dict[str, Tensor]) -> Tensor:
    """Mean absolute difference of styles as they are read from those of the table, for known sites."""
    is_known = (batch["target_site"] >= 0).float().unsqueeze(1)
    difference = (drawn.target - drawn.known).abs() * is_known
    return difference.sum() / (is_known.sum() * difference.shape[1]).clamp_min(1)
