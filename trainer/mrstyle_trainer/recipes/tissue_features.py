"""Training of the small backbone of perceptual losses: it learns to tell the tissues of digital bodies apart."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError

from ..backbones.vgg import SMALL, VGG
from ..config import TrainingConfig
from ..tissue_samples import TISSUE_NAMES, TissueFrames
from .network import loss_weights
from .recipe import Losses

_WEIGHTS = {"cross_entropy": 1.0}


class TissueNet(nn.Module):
    """The backbone with a head: images (B, 1, H, W) to logits (B, tissues, H, W), read from all four stages."""

    dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.backbone = VGG(SMALL)
        self.heads = nn.ModuleList(
            nn.Conv2d(channels, len(TISSUE_NAMES), 1) for channels in self.backbone.channels
        )
        for layer in self.backbone.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, image: Tensor) -> Tensor:
        stages = self.backbone(image)
        logits = [head(stage).float() for head, stage in zip(self.heads, stages, strict=True)]
        total = logits[0]
        for coarse in logits[1:]:
            total = total + F.interpolate(coarse, size=image.shape[2:], mode="bilinear")
        return total


class TissueFeaturesRecipe:
    """Cross-entropy of the tissue of each pixel; validated by the share of pixels in which it is recognized."""

    main = "network"
    samples = TissueFrames
    target_kind = None
    score_name = "accuracy"
    score_unit = "1"

    def __init__(self, config: TrainingConfig) -> None:
        self.weights = loss_weights(_WEIGHTS, config)
        if config.network:
            raise InputError("The small backbone has one size; leave network out of the configuration.")
        self.networks: dict[str, nn.Module] = {self.main: TissueNet()}

    def phases(
        self, networks: dict[str, nn.Module], batch: dict[str, Tensor]
    ) -> Iterator[tuple[str, Losses]]:
        value = F.cross_entropy(networks[self.main](batch["content"]), batch["target"])
        yield self.main, {"cross_entropy": (self.weights["cross_entropy"], value)}

    def predict(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Logits (B, tissues, H, W)."""
        return network(batch["content"]).float()

    def score(self, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Share of pixels (B,) whose tissue is recognized, of those that are not air."""
        is_body = batch["target"] > 0
        right = (output.argmax(dim=1) == batch["target"]) & is_body
        return right.flatten(1).sum(dim=1) / is_body.flatten(1).sum(dim=1).clamp_min(1)
