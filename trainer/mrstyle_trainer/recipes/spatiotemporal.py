"""Training of ``spatiotemporal``: to the known truth of simulated series, and with the losses of the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build
from mrstyle.methods.spatiotemporal import ENHANCEMENTS

from ..backbones import read_backbone
from ..config import DCEPhantomData, TrainingConfig
from ..critics import MultiScaleCritic
from ..dce_samples import SimulatedSeries
from ..losses import absolute, least_squares
from ..optimization import AdamSettings
from ..perceptual import Perception, feature_distance, gram_distance
from ..series_folder import SeriesData
from .network import loss_weights
from .recipe import Losses

# Those of the source have the weights of MUNIT, whose losses they are, and 1 where it has none; the truth, which only a
# simulation knows, has the weight of an image.
_WEIGHTS = {
    "truth": 10.0,
    "image": 10.0,
    "content": 1.0,
    "style": 1.0,
    "cycle": 10.0,
    "adversarial": 1.0,
    "critic": 1.0,
    "feature": 1.0,
    "gram": 1.0,
}
_CRITIC_WIDTH = 32
_CRITIC_LEAST = 64  # pixels that it needs


class SpatioTemporalRecipe:
    """L1 to the truth of both directions, L1 of the frame redrawn in its own style, of the latent codes of what was drawn, of
    the way there and back, a least-squares critic for each direction, and how far what was drawn is from its content in the
    features of a backbone, and from its style in their Gram matrices.

    A loss of weight 0 is not computed, without the last two there is no backbone, and real series have no truth. On the way
    back, and where codes are read from what was drawn, the network sees the drawn frame at all times of its window.
    """

    main = "network"
    samples = SimulatedSeries
    target_kind = "enhancement"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        try:
            network: Any = build("spatiotemporal", config.network)
        except PackageError as error:
            raise InputError(f"The network of the training configuration cannot be built: {error}") from error
        data = config.data
        if isinstance(data, DCEPhantomData | SeriesData) and any(
            size % network.divisor for size in data.patch
        ):
            raise InputError(
                f"data.patch is {list(data.patch)}; choose multiples of {network.divisor}, by which this network divides its "
                "frames."
            )
        has_critics = bool(self.weights["adversarial"])
        if has_critics and isinstance(data, DCEPhantomData | SeriesData) and min(data.patch) < _CRITIC_LEAST:
            raise InputError(
                f"data.patch is {list(data.patch)}; the critics need {_CRITIC_LEAST} pixels or more, or set "
                "losses.adversarial to 0."
            )
        if isinstance(data, DCEPhantomData) and (data.body == "prostate") != (network.dim == 3):
            raise InputError("The prostate has slices and asks for network.dim 3; kidney and breast for 2.")
        if isinstance(data, SeriesData):
            self.weights["truth"] = 0.0
            if not any(self.weights[name] for name in self.weights.keys() - {"critic"}):
                raise InputError("Real series have no truth to learn from; give another loss a weight.")
        self.perception = None
        if self.weights["feature"] or self.weights["gram"]:
            backbone = read_backbone(config.perceptual, network.dim)
            self.perception = Perception(backbone, config.loop.precision == "bf16-mixed")
        self.networks: dict[str, nn.Module] = {self.main: network}
        if has_critics:
            self.networks |= {_critic(name): MultiScaleCritic(_CRITIC_WIDTH) for name in ENHANCEMENTS}
        adversarial = AdamSettings(betas=(0.5, 0.999), weight_decay=1e-4)
        self.optimizers = dict.fromkeys(self.networks, adversarial) if has_critics else {}

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        network = networks[self.main]
        totals: dict[str, Tensor] = {}
        outputs, styles, content = network(batch["content"], batch["style"], *ENHANCEMENTS)
        drawn = {name: outputs[:, [number]] for number, name in enumerate(ENHANCEMENTS)}
        for number, name in enumerate(ENHANCEMENTS):
            target, style = batch["target"][:, [number]], styles[:, [number]]
            for loss, value in self._of_direction(network, batch, name, drawn[name], target, style, content):
                totals[loss] = totals.get(loss, 0.0) + value / len(ENHANCEMENTS)
        totals |= self._perceived(batch, drawn)
        critics = [networks[_critic(name)] for name in ENHANCEMENTS if self.weights["adversarial"]]
        if critics:
            scores = []
            for critic, image in zip(critics, drawn.values(), strict=True):
                scores += critic.requires_grad_(False)(image)
            totals["adversarial"] = torch.stack([least_squares(score, 1.0) for score in scores]).mean()
        yield self.main, {name: (self.weights[name], value) for name, value in totals.items()}
        for number, critic in enumerate(critics):
            name = ENHANCEMENTS[number]
            critic.requires_grad_(True)
            mistaken = [least_squares(score, 1.0) for score in critic(batch["style"][:, [number]])]
            mistaken += [least_squares(score, 0.0) for score in critic(drawn[name].detach())]
            yield _critic(name), {_critic(name): (self.weights["critic"], torch.stack(mistaken).mean())}

    def _of_direction(
        self,
        network: nn.Module,
        batch: dict[str, Tensor],
        name: str,
        drawn: Tensor,
        target: Tensor,
        style: Tensor,
        content: Tensor,
    ) -> Iterator[tuple[str, Tensor]]:
        """The losses of what was drawn by one decoder that have a weight."""
        weights, frames = self.weights, batch["content"]
        if weights["truth"]:
            yield "truth", absolute(drawn, target)
        middle = frames[:, [frames.shape[1] // 2]]
        if weights["image"]:
            # Which of the two a frame is, its style tells; each decoder redraws what is of its kind.
            known = batch["style"][:, [ENHANCEMENTS.index(name)]]
            again, _, _ = network(known.expand_as(frames), known, name)
            yield "image", absolute(again, known)
        if weights["content"] or weights["style"] or weights["cycle"]:
            other = next(each for each in ENHANCEMENTS if each != name)
            back, _, code = network(drawn.expand_as(frames), middle, other)
            if weights["content"]:
                yield "content", absolute(code, content.detach())
            if weights["style"]:
                yield "style", absolute(network(drawn.expand_as(frames), drawn, name)[1], style.detach())
            if weights["cycle"]:
                yield "cycle", absolute(back, middle)

    def _perceived(self, batch: dict[str, Tensor], drawn: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses by what a backbone sees that have a weight, mean over the directions."""
        if self.perception is None:
            return {}
        images, frames = torch.cat([*drawn.values()]), batch["content"]
        with torch.no_grad():
            content = self.perception(frames[:, [frames.shape[1] // 2]])
            style = self.perception(batch["style"].transpose(0, 1).flatten(0, 1).unsqueeze(1))
        seen = self.perception(images)
        losses = {}
        if self.weights["feature"]:
            losses["feature"] = feature_distance(seen, [torch.cat([each] * len(drawn)) for each in content])
        if self.weights["gram"]:
            losses["gram"] = gram_distance(seen, style)
        return losses

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Both directions as channels (B, 2, ...)."""
        outputs: Tensor = network(batch["content"], batch["style"], *ENHANCEMENTS)[0]
        return outputs.float()


def _critic(enhancement: str) -> str:
    return f"critic_{enhancement}"
