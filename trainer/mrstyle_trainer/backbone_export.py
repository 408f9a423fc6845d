"""From a run of the recipe ``tissue_features`` to the file of a backbone, with a few lines on what it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import default_collate

from mrstyle.errors import InputError
from mrstyle.files import atomic_path

from .backbones.vgg import VGG
from .config import TissueData, read_saved_config
from .data import load_samples
from .export import load_average
from .recipes import build_recipe
from .score import score_of


def export_backbone(run: Path, path: Path) -> dict[str, Any]:
    """Write the backbone of a run as .safetensors (bfloat16), and beside it what it learned, as .json; returns that.

    Raises:
        InputError: ``run`` is no training of a backbone, or ``path`` is no new .safetensors file.
    """
    sidecar = path.with_suffix(".json")
    if path.suffix != ".safetensors":
        raise InputError(f"Cannot write the backbone {path}: name it .safetensors.")
    for each in (path, sidecar):
        if each.exists():
            raise InputError(f"{each} exists already; choose another file, or remove it.")
    config = read_saved_config(run)
    data = config.data
    if not isinstance(data, TissueData):
        raise InputError(f"{run} is a training of {config.recipe}; backbones come from tissue_features.")
    recipe = build_recipe(config)
    load_average(run, recipe)
    network: Any = recipe.networks[recipe.main]
    samples = load_samples(config, "validation", recipe.samples)
    score = score_of(recipe)
    batch = default_collate([samples[index] for index in range(config.loop.validation_samples)])
    with torch.inference_mode():
        values = score.of(recipe.predict(network, batch), batch)
        state = evened(network.backbone, batch["content"]).state_dict()
    content = save({name: value.to(torch.bfloat16).contiguous() for name, value in state.items()})
    facts = {
        "title": "Small backbone of perceptual losses",
        "license": "Apache-2.0",
        "description": (
            f"Tells the tissues of digital bodies apart (kidneys, prostate, breast; {data.training_people} people of each, "
            f"{config.loop.steps} steps of {config.loop.batch_size} frames of dynamic series). All data are simulated."
        ),
        "input": "air 0, the 99.5th percentile of the patient about 1",
        "recipe": "configs/dce/backbone-small.yaml",
        "figures": {"pixels of held-out bodies whose tissue is recognized": round(values.mean().item(), 4)},
        "parameters": sum(value.numel() for value in state.values()),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    with atomic_path(sidecar) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def evened(backbone: VGG, images: Tensor) -> VGG:
    """The backbone with activations of root mean square 1 in each layer for such images (after Gatys et al., CVPR 2016).

    Otherwise layers differ in size by orders of magnitude, and what a loss weighs is left to chance. What leaves a ReLU
    grows with what enters it, so the weights can take the factor.
    """
    x, before = images, 1.0
    for layer in backbone.features:
        after = layer(x)
        if isinstance(layer, nn.Conv2d):
            size = after.relu().square().mean().sqrt().item()
            layer.weight *= before / size
            layer.bias /= size
            before = size
        x = after
    return backbone
