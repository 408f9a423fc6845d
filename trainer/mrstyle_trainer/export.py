"""From the checkpoint of a run to a model package that ``mrstyle transfer --model`` runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mrstyle import methods
from mrstyle.errors import InputError
from mrstyle.models.card import ModelCard
from mrstyle.models.package import save_package

from .checkpoint import load_checkpoint
from .config import SAVED_CONFIG, TrainingConfig, parse_config, read_saved_config
from .data import load_samples
from .figures import Figures, measure
from .initial import kept_card
from .optimization import channels_last
from .provenance import provenance, training_entry
from .recipes import Recipe, build_recipe
from .score import score_of

_STORED = torch.bfloat16
_LEAST_BF16_PSNR_DB = 45


def export(run: Path, package: Path, *, config_path: Path | None = None, version: str = "0.1.0") -> ModelCard:
    """Write the moving average of a run's last checkpoint as a package, with figures measured here and now.

    The weights are rounded to bfloat16 first (half the size), and everything on the card is measured with the
    rounded ones, on the held-out heads. The entries that only a person can write, and the path of the
    configuration on the card, are those of ``config_path`` when given, else those of the run.

    Raises:
        InputError: ``run`` holds no training or that of a comparator, ``package`` exists, ``config_path`` describes
            another network, or bfloat16 changes the output too much.
    """
    if package.exists():
        raise InputError(f"{package} exists already; choose another folder for the package, or remove it.")
    config = read_saved_config(run)
    if config.recipe == "tissue_features":
        raise InputError(f"{run} trains a backbone; write it as a file with `mrstyle-train backbone`.")
    if config.recipe not in methods.names():
        raise InputError(
            f"{config.recipe} is a comparator, for benchmarks alone; it cannot become a package."
        )
    written = config.card
    if config_path is not None:
        given = parse_config(config_path)
        network = config.network if given.initial and not given.network else given.network
        if (given.recipe, network) != (config.recipe, config.network):
            raise InputError(f"{config_path} describes another network than the training in {run}.")
        written = given.card
    initial = kept_card(config, run)
    recipe = build_recipe(config)
    load_average(run, recipe)
    validation = load_samples(config, "validation", recipe.samples)
    figures = measure(recipe, validation)
    known = _fields(config, recipe, figures, initial, written)
    # Where a recipe measures otherwise, it says so.
    own = recipe.card_fields(validation) if hasattr(recipe, "card_fields") else {}
    if "bf16_psnr_db" not in own and not figures.bf16_psnr_db >= _LEAST_BF16_PSNR_DB:
        raise InputError(
            f"In bfloat16 the output of this model is only {figures.bf16_psnr_db:.1f} dB close to that in float32, "
            f"less than the {_LEAST_BF16_PSNR_DB} dB that a package needs; train longer."
        )
    descriptions = known["site_descriptions"] | own.get("site_descriptions", {})
    own |= {"site_descriptions": descriptions}
    fields = known | own | written | {"training": known["training"]}
    fields |= {"version": version, "recipe": str(config_path or SAVED_CONFIG)}
    return save_package(package, fields, recipe.networks[recipe.main], dtype=_STORED)


def load_average(run: Path, recipe: Recipe) -> None:
    """Put the moving average, as it will be stored, into the main network."""
    network = recipe.networks[recipe.main]
    prefix = "module."
    try:
        average = load_checkpoint(run)["average"]
        network.load_state_dict(
            {
                name.removeprefix(prefix): tensor.to(_STORED).to(tensor.dtype)
                for name, tensor in average.items()
                if name.startswith(prefix)
            }
        )
    except (KeyError, AttributeError, RuntimeError) as error:
        raise InputError(f"The checkpoint in {run} is not of the network in its {SAVED_CONFIG}.") from error
    channels_last(network.eval())


def _fields(
    config: TrainingConfig,
    recipe: Recipe,
    figures: Figures,
    initial: ModelCard | None,
    written: dict[str, Any],
) -> dict[str, Any]:
    """What of the card is known from the configuration and the measurement, and what a person has ``written``."""
    known = provenance(config)
    score = score_of(recipe)
    is_psnr = score.unit == "dB"
    figure = {
        "unit": score.unit,
        "data_range": 1.0 if is_psnr else None,
        "mask": "all" if recipe.networks[recipe.main].dim == 3 or not is_psnr else "whole slice",
        "dataset": known.held_out,
        "command": "mrstyle-train export",
    }
    values = [(f"{score.name} to {known.truth}{known.gain}", figures.score)]
    if figures.content_psnr_db is not None:
        values.append((f"PSNR of the content to {known.truth}", figures.content_psnr_db))
    fields = {
        "schema_version": 1,
        "id": "my-model",
        "title": "Untitled model",
        "description": "A model trained with mrstyle-train.",
        "method": config.recipe,
        "config": config.network,
        "accepts": {
            "dim": recipe.networks[recipe.main].dim,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 32,
            "spacing_mm": [0.4, 6.0],
        },
        "task": getattr(recipe, "task", "style"),
        "target_kinds": [recipe.target_kind] if recipe.target_kind else [],
        "site_descriptions": known.sites,
        "sequences": known.sequences if recipe.target_kind == "acquisition" else [],
        "license": initial.license if initial else "Apache-2.0",
        "figures": [
            {"metric": metric, "value": round(value, 2 if is_psnr else 4)} | figure
            for metric, value in values
        ],
        "bf16_psnr_db": round(figures.bf16_psnr_db, 1),
        "seconds_per_megavoxel": {"cpu": round(figures.cpu_s_per_mvoxel, 2)},
        "citation": "MRStyle contributors, MRStyle (2026).",
    }
    training = training_entry(config, known, initial, written.get("training", {}))
    return fields | {"training": training}
