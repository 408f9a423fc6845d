"""Backbones of perceptual losses, chosen by name: frozen networks whose features tell images apart as people do.

Each takes images (B, 1, H, W) or volumes (B, 1, D, H, W), air 0, the 99.5th percentile of the patient about 1, and gives the
activations at the end of four stages, largest first. Only the trainer has them, no model carries one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from mrstyle.errors import InputError

from .medicalnet import MedicalNet, medicalnet_weights
from .vgg import SMALL, VGG, VGG16, vgg16_weights
from .weights import checked_match, read_weights

_SMALL = Path(__file__).parent / "small.safetensors"


class PerceptualConfig(BaseModel):
    """Which backbone feature and Gram losses see through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: Literal["small", "vgg16", "medicalnet-resnet18"] = Field(
        "small", description="small comes with the trainer, learned from digital bodies"
    )
    weights: str | None = Field(
        None, description="file of the other two, .safetensors or .pth, from the configuration file"
    )
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="that the file must have")


def read_backbone(config: PerceptualConfig, dim: int) -> nn.Module:
    """The backbone of a configuration for images of 2 or volumes of 3 dimensions, frozen, in eval mode.

    Raises:
        InputError: its weights are missing, damaged, or of another network or hash, or it does not fit ``dim``.
    """
    if config.backbone == "small":
        if config.weights is not None:
            raise InputError(
                "The backbone small has its weights with the trainer; leave perceptual.weights out."
            )
        network: nn.Module = VGG(SMALL)
        sha256 = json.loads(_SMALL.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
        tensors = read_weights(_SMALL, sha256)
    else:
        if config.weights is None:
            raise InputError(
                f"The backbone {config.backbone} needs its weights; name their file by perceptual.weights, or choose small."
            )
        if config.backbone == "medicalnet-resnet18" and dim == 2:
            raise InputError(
                "The backbone medicalnet-resnet18 sees volumes, and this network draws images; choose vgg16 or small."
            )
        path = Path(config.weights)
        raw = read_weights(path, config.sha256)
        if config.backbone == "vgg16":
            network, tensors = VGG(VGG16, mean=0.449, spread=0.226), vgg16_weights(raw)
        else:
            network, tensors = MedicalNet(), medicalnet_weights(raw)
    network.load_state_dict(checked_match(config, tensors, network.state_dict()))
    return network.requires_grad_(False).eval()
