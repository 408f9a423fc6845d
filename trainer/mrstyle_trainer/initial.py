"""Fine-tuning: a training that starts from the weights of a model package."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import ValidationError
from torch import Tensor

from mrstyle.errors import InputError
from mrstyle.files import atomic_path
from mrstyle.models.card import ModelCard, load_card
from mrstyle.models.catalogue import find

if TYPE_CHECKING:
    from .config import TrainingConfig
    from .recipes import Recipe

_CARD = "initial.json"


def expanded(text: str, path: Path) -> str:
    """``text`` of the configuration ``path`` with environment variables filled in.

    Raises:
        InputError: one of them is not set.
    """
    text = os.path.expandvars(text)
    if unset := re.findall(r"\$\{?\w+\}?", text):
        raise InputError(f"{path} names a folder by {unset[0]}; set that environment variable to the folder.")
    return text


def with_initial(config: TrainingConfig, path: Path) -> TrainingConfig:
    """The configuration of file ``path`` with the folder of its initial package, and with that package's network.

    Raises:
        InputError: the package is of another method or another network.
        PackageError: there is no such package.
    """
    if config.initial is None:
        return config
    text = expanded(config.initial, path)
    folder = (path.parent / text).resolve() if len(Path(text).parts) > 1 else find(text).resolve()
    card = load_card(folder)
    if card.method != config.recipe:
        raise InputError(
            f"{path} has the recipe {config.recipe} but starts from {card.name}, which is of method {card.method}; "
            "choose a package of that method, or change the recipe."
        )
    # Sites are those of the data; the weights that belong to one are made for them (`load_initial`).
    own = {"sites": list(config.sites.names)} if config.data.kind == "sites" else {}
    asked = {name: value for name, value in config.network.items() if name not in own}
    if asked and asked | own != card.config | own:
        names = sorted(
            name
            for name in asked.keys() | card.config.keys() - own
            if asked.get(name) != card.config.get(name)
        )
        raise InputError(
            f"{path} describes another network than that of {card.name}, from which it starts (network.{names[0]}); "
            "leave `network` out, and it is taken from there."
        )
    return config.model_copy(update={"initial": str(folder), "network": card.config | own})


def load_initial(config: TrainingConfig, recipe: Recipe) -> None:
    """Put the weights of the initial package, if there is one, into the main network.

    Where the data are of more or of fewer sites than it knows, new ones start as the mean of its own.

    Raises:
        PackageError: the package is damaged.
        InputError: it cannot learn on with these sites.
    """
    from mrstyle.models.package import load_package

    if config.initial is None:
        return
    package = load_package(config.initial)
    network = recipe.networks[recipe.main]
    weights = network.state_dict()
    for name, before in package.network.state_dict().items():
        if before.shape != weights[name].shape:
            before = _of_sites(before, weights[name], package.card.sites, config.sites.names)
        weights[name] = before
    network.load_state_dict(weights)


def _of_sites(before: Tensor, after: Tensor, known: tuple[str, ...], names: tuple[str, ...]) -> Tensor:
    """Weights that have some rows for each site, for other sites."""
    if len(before) % len(known) or len(after) % len(names) or before.shape[1:] != after.shape[1:]:
        raise InputError(
            "This package cannot learn on with other sites; train a network of its method without `initial`."
        )
    rows = before.unflatten(0, (len(known), -1))
    mean = rows.mean(dim=0)
    return torch.cat([rows[known.index(name)] if name in known else mean for name in names]).reshape_as(after)


def keep_card(config: TrainingConfig, run: Path) -> None:
    """Keep the card of the initial package with the run: the package may be another one when the run is exported."""
    if config.initial is not None:
        with atomic_path(run / _CARD) as temporary:
            temporary.write_text(load_card(config.initial).to_json(), encoding="utf-8")


def kept_card(config: TrainingConfig, run: Path) -> ModelCard | None:
    """The card of the package that a run started from; None where it started from nothing.

    Raises:
        InputError: it is missing or damaged.
    """
    if config.initial is None:
        return None
    path = run / _CARD
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            f"{path} is missing or damaged; copy the model.json of the package that the training started from there."
        ) from error
