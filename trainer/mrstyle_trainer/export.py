"""From the checkpoint of a run to a model package that ``mrstyle transfer --model`` runs at once."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from mrstyle import methods
from mrstyle.engine.device import has_fast_bfloat16
from mrstyle.errors import InputError
from mrstyle.models.card import ModelCard
from mrstyle.models.package import save_package
from torch import nn
from torch.utils.data import DataLoader

from .checkpoint import load_checkpoint
from .config import LabelMapData, TrainingConfig
from .data import simulated
from .recipes import build_recipe

_STORED = torch.bfloat16


def export(run: Path, package: Path, *, recipe_path: str | None = None, version: str = "0.1.0") -> ModelCard:
    """Write the moving average of a run's last checkpoint as a package, with figures measured here and now.

    The weights are rounded to bfloat16 first (half the size), and everything on the card is measured with the rounded
    ones, on the held-out heads.

    Raises:
        InputError: ``run`` holds no training, or ``package`` exists.
    """
    saved = run / "config.json"
    if not saved.is_file():
        raise InputError(f"{run} is not the folder of a training; start one with `mrstyle-train fit`.")
    config = TrainingConfig.model_validate_json(saved.read_text())
    state = load_checkpoint(run)
    recipe = build_recipe(config)
    network = recipe.networks[recipe.main]
    average = {
        name.removeprefix("module."): tensor.to(_STORED).to(tensor.dtype)
        for name, tensor in state["average"].items()
        if name.startswith("module.")
    }
    network.load_state_dict(average)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    figures = _measure(config, network)
    return save_package(package, _fields(config, figures, recipe_path or saved.name, version), network, dtype=_STORED)


def _measure(config: TrainingConfig, network: nn.Module) -> dict[str, float]:
    """PSNR on held-out heads, of bfloat16 against float32, and seconds per megavoxel, all on the CPU."""
    batches = list(DataLoader(simulated(config, "validation"), batch_size=2))
    recipe = build_recipe(config)
    errors, baseline, precision, seconds, voxels = [], [], [], 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            exact = recipe.predict(network, batch)
            started = time.perf_counter()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_fast_bfloat16(torch.device("cpu"))):
                network(batch["content"], batch["reference"])
            seconds += time.perf_counter() - started
            voxels += batch["target"].numel()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                rounded = recipe.predict(network, batch)
            content = batch["content"][:, [batch["content"].shape[1] // 2]]
            errors.append(_psnr_db(exact, batch["target"]))
            baseline.append(_psnr_db(content, batch["target"]))
            precision.append(_psnr_db(rounded, exact))
    return {
        "psnr_db": torch.cat(errors).mean().item(),
        "content_psnr_db": torch.cat(baseline).mean().item(),
        "bf16_psnr_db": torch.cat(precision).mean().item(),
        "cpu_s_per_mvoxel": seconds / voxels * 1e6,
    }


def _psnr_db(image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    return -10 * torch.log10((image - reference).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def _fields(config: TrainingConfig, figures: dict[str, float], recipe_path: str, version: str) -> dict[str, Any]:
    """The card: what is known from the configuration and the measurement, then what a person wrote."""
    data = config.data
    is_maps = isinstance(data, LabelMapData)
    train, validation = (
        (data.training, data.validation) if isinstance(data, LabelMapData) else (data.training_seeds, data.validation_seeds)
    )
    heads = "label maps" if is_maps else "digital head phantoms"
    where = f"{config.loop.validation_samples} simulated pairs of {len(validation)} held-out {heads}"
    figure = {
        "unit": "dB",
        "data_range": 1.0,
        "mask": "whole slice",
        "dataset": where,
        "command": "mrstyle-train export",
    }
    bf16_psnr_db = figures["bf16_psnr_db"]
    if not math.isfinite(bf16_psnr_db) or bf16_psnr_db < 45:
        raise InputError(
            f"The bfloat16 output differs from float32 by more than 45 dB allows ({bf16_psnr_db:.1f} dB); train longer."
        )
    network = methods.build(config.recipe, config.network)
    defaults = {
        "schema_version": 1,
        "id": "my-model",
        "version": version,
        "title": "Untitled model",
        "description": "A model trained with mrstyle-train.",
        "method": config.recipe,
        "config": config.network,
        "accepts": {
            "dim": network.dim,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 32,
            "spacing_mm": [0.4, 6.0],
        },
        "target_kinds": ["reference"],
        "training": {
            "description": f"{config.loop.steps} steps of {config.loop.batch_size} pairs, simulated from {heads}.",
            "data": [],
            "subjects": {"train": len(train), "validation": len(validation)},
        },
        "license": "Apache-2.0",
        "figures": [
            {"metric": "PSNR to the truth", "value": round(figures["psnr_db"], 2)} | figure,
            {"metric": "PSNR of the content to the truth", "value": round(figures["content_psnr_db"], 2)} | figure,
        ],
        "bf16_psnr_db": round(bf16_psnr_db, 1),
        "seconds_per_megavoxel": {"cpu": round(figures["cpu_s_per_mvoxel"], 2)},
        "citation": "MRStyle contributors, MRStyle (2026).",
        "recipe": recipe_path,
    }
    written = dict(config.card)
    training = defaults["training"] | written.pop("training", {})
    return defaults | written | {"training": training}
