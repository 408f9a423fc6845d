"""Adversarial training of ``starganv2`` on slabs of the scans of several sites (Choi et al., StarGAN v2, CVPR 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build
from mrstyle.methods.starganv2 import SLAB, StarGANv2, StarGANv2Config, scaled, unscaled
from mrstyle.physics.sites import SITES

from ..config import TrainingConfig
from ..critics import SiteCritic
from ..losses import believed, gradient_penalty, incoherence
from ..optimization import AdamSettings
from ..site_config import SitesConfig
from ..site_samples import SimulatedSites
from .network import loss_weights
from .recipe import Losses

# The full objective of the source: 1.0 times that of StarGAN v2, 0.5 times temporal coherence. Of its sweep of the cycle's
# weight, 1, 10 and 100, the source does not show the winner; StarGAN v2 has 1.
_WEIGHTS = {
    "adversarial": 1.0,
    "style": 1.0,
    "diversity": 1.0,
    "cycle": 10.0,
    "coherence": 0.5,
    "penalty": 1.0,
}
# The penalty costs as much as all else of a critic's step; that it may be rare is from Karras et al. (CVPR 2020).
_PENALTY_EVERY = 16
_MAPPING_RATE = 0.01


class StarGANv2Recipe:
    """The four phases of a published step: critic by latent and by reference, then generator by latent and by reference.

    The style encoder and the mapping network learn in the third phase alone, as published. Sampled latents depend on the seed
    and the step, so that a training that was stopped goes on as it would have.
    """

    main = "network"
    target_kind = "site"
    one_device = True

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        self.config = {"sites": list(config.sites.names or SITES)} | config.network
        self.network = _fitting(self.config, config.sites)
        shape = StarGANv2Config.model_validate(self.config)
        self.critic = SiteCritic(SLAB, len(shape.sites), shape.size, shape.encoder_width, shape.max_width)
        self.networks: dict[str, nn.Module] = {self.main: self.network, "critic": self.critic}
        self.optimizers = {
            self.main: AdamSettings(rates={"mapping.": _MAPPING_RATE}, betas=(0.0, 0.99), weight_decay=1e-4),
            "critic": AdamSettings(betas=(0.0, 0.99), weight_decay=1e-4),
        }
        self.samples = partial(SimulatedSites, sites=config.sites)
        self.is_paired = config.data.kind != "sites"
        if self.is_paired and (config.sites.random_sources or config.sites.random_targets):
            raise InputError(
                "The critic of starganv2 knows nothing but sites; set sites.random_sources and sites.random_targets to 0."
            )
        self.seed, self.steps = config.seed, config.loop.steps

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        main, critic = networks[self.main], networks["critic"]
        step = int(self.critic.steps)
        self.critic.steps += 1
        content, reference = (scaled(batch[name].squeeze(1)) for name in ("content", "reference"))
        source, target = batch["source"], batch["target_site"]
        real = _Real(content, source, step % _PENALTY_EVERY == 0)

        codes, other_codes = (
            _of(main("mapped", latents.to(content.device)), target)
            for latents in self._latents(step, len(content))
        )
        # The critic's step leaves the generator as it is, so that its next phase can use these images too.
        images = main("images", content, codes)
        yield "critic", self._critic(critic, real, images, target, "latent")
        with torch.no_grad():
            referred = main("images", content, _of(main("codes", reference), target))
        yield "critic", self._critic(critic, real, referred, target, "reference")

        self.critic.requires_grad_(False)
        yield (
            self.main,
            self._generator(networks, real, images, codes, other_codes.detach(), target, step, "latent"),
        )
        encoder = self.network.style_encoder.requires_grad_(False)
        with torch.no_grad():
            # The encoder has just learned; as published, its codes are read anew.
            read, other_read = (
                _of(main("codes", images), target)
                for images in (reference, _others(content, source, reference, target))
            )
        images = main("images", content, read)
        yield (
            self.main,
            self._generator(networks, real, images, read, other_read, target, step, "reference"),
        )
        encoder.requires_grad_(True)
        self.critic.requires_grad_(True)

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """The content in the typical style of the target's site, (B, 1, 3, S, S); without a truth, there and back again."""
        method = cast(StarGANv2, network)
        styles = torch.stack([method.site_styles(site).mean(dim=0) for site in range(len(method.sites))])
        output = method.generator(scaled(batch["content"].squeeze(1)), styles[batch["target_site"]])
        if not self.is_paired:
            output = method.generator(output, styles[batch["source"]])
        return unscaled(output).unsqueeze(1)

    def card_fields(self, samples: Any) -> dict[str, Any]:
        """What this recipe's models take as targets."""
        names = self.config["sites"]
        return {
            "config": self.config,
            "target_kinds": ["site", "reference", "sample"],
            "sites": names,
            "site_descriptions": {name: SITES[name].description for name in names if name in SITES},
        }

    def _critic(self, critic: nn.Module, real: _Real, images: Tensor, target: Tensor, by: str) -> Losses:
        known = believed(_of(critic(real.images), real.sites), True)
        drawn = believed(_of(critic(images.detach()), target), False)
        losses = {f"critic_{by}": (1.0, known + drawn)}
        if real.is_penalized:
            # By the plain network: what is compiled cannot be differentiated twice.
            asking = real.images.clone().requires_grad_()
            penalty = gradient_penalty(_of(self.critic(asking), real.sites), asking)
            losses[f"penalty_{by}"] = (self.weights["penalty"] * _PENALTY_EVERY, penalty)
        return losses

    def _generator(
        self,
        networks: dict[str, nn.Module],
        real: _Real,
        images: Tensor,
        codes: Tensor,
        other_codes: Tensor,
        target: Tensor,
        step: int,
        by: str,
    ) -> Losses:
        """Losses of ``images``, drawn of the real ones with ``codes`` of the sites ``target``."""
        main, critic = networks[self.main], networks["critic"]
        own = _of(main("codes", real.images), real.sites)
        with torch.no_grad():
            others = main("images", real.images, other_codes)
        values = {
            "adversarial": believed(_of(critic(images), target), True),
            "style": F.l1_loss(_of(main("codes", images), target), codes),
            "diversity": F.l1_loss(images, others),
            "cycle": F.l1_loss(main("images", images, own), real.images),
            "coherence": incoherence(images, real.images),
        }
        weights = self.weights | {"diversity": -self.weights["diversity"] * max(0.0, 1 - step / self.steps)}
        return {f"{name}_{by}": (weights[name], value) for name, value in values.items()}

    def _latents(self, step: int, count: int) -> Tensor:
        """Two sets (2, count, latent_dim)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        return torch.randn(2, count, self.network.latent_dim, generator=generator)


class _Real:
    """Real images (B, 3, S, S), the sites that they are from (B,), and whether R1 counts at this step."""

    def __init__(self, images: Tensor, sites: Tensor, is_penalized: bool) -> None:
        self.images, self.sites, self.is_penalized = images, sites, is_penalized


def _of(values: Tensor, sites: Tensor) -> Tensor:
    """(B, sites, ...) to (B, ...): those of each item's own site."""
    return values[torch.arange(len(values), device=values.device), sites]


def _others(content: Tensor, source: Tensor, reference: Tensor, target: Tensor) -> Tensor:
    """For each reference another image of its site in the batch, or where there is none, the reference itself."""
    images, sites = torch.cat([reference, content]), torch.cat([target, source])
    count = len(target)
    index = torch.arange(count, device=target.device)
    is_other = sites == target[:, None]
    is_other[index, index] = False
    return images[torch.where(is_other.any(dim=1), is_other.int().argmax(dim=1), index)]


def _fitting(network_config: dict[str, Any], sites: SitesConfig) -> StarGANv2:
    """The network of a configuration, if that fits the samples.

    Raises:
        InputError: it does not, or the network's configuration is wrong.
    """
    try:
        network = cast(StarGANv2, build("starganv2", network_config))
    except PackageError as error:
        raise InputError(f"The network of the training configuration cannot be built: {error}") from error
    slab = (SLAB, network.size, network.size)
    if sites.patch != slab:
        raise InputError(
            f"sites.patch is {list(sites.patch)}; this network learns from slabs of {list(slab)} voxels, so make it that."
        )
    if sites.voxel_mm != network.pixel_range_mm:
        raise InputError(
            f"network.pixel_range_mm is {network.pixel_range_mm} and sites.voxel_mm {sites.voxel_mm}; make them equal."
        )
    if network.sites != (sites.names or tuple(SITES)):
        raise InputError("network.sites and sites.names differ; leave network.sites out.")
    return network
