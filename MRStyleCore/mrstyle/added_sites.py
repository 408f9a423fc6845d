"""One more site for a model that reads styles from scans: the style of some of its scans, by a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from .engine.blocks import BlockMethod, style_codes
from .engine.device import choose
from .engine.plan import Plan
from .engine.prepared import Prepared
from .engine.report import Progress, Reporter
from .errors import InputError
from .methods import build
from .models.card import ModelCard, TrainingData
from .models.package import Package, save_package
from .volume import Volume


def add_site(
    package: Package,
    name: str,
    volumes: Sequence[Volume],
    folder: Path,
    *,
    description: str,
    source: TrainingData | None = None,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> ModelCard:
    """Write a copy of a 3D harmonizer that knows one more site. Nothing is trained: the mean of the scans' styles is kept.

    Args:
        package: a model whose styles are vectors that it reads from scans.
        name: of the site.
        volumes: scans of it, of one protocol.
        folder: the new package; its parent exists, it does not.
        description: of the site, for people.
        source: whose scans they are, for the card.
        device: "auto", "cpu", "cuda" or "mps".
        progress: is told how far it is.
        cancel: True ends it.

    Returns:
        The card of the new package, of the next minor version.

    Raises:
        InputError: the model is of another kind or knows the site, a volume is not usable, or the folder cannot be written.
        Cancelled: ``cancel`` said so.
    """
    card = package.card
    if card.task != "style" or "site" not in card.target_kinds or package.network.dim != 3:
        raise InputError(
            f"The model {card.id} cannot be given sites; choose a 3D harmonizer such as brain-light3d."
        )
    if name in card.sites:
        raise InputError(f"The model {card.id} knows the site {name} already; choose another name.")
    report = Reporter(progress, cancel)
    plan = Plan(choose(device)[0], "float32", batch=1)
    network = cast(BlockMethod, package.network)
    cast(torch.nn.Module, network).to(plan.device)
    styles = []
    with torch.inference_mode():
        for number, volume in enumerate(volumes):
            report.at(f"reading {volume.name}", number / len(volumes))
            codes, _ = style_codes(network, Prepared.of(volume, card.accepts.minimum_size_voxels), plan)
            styles.append(codes.mean(dim=0))
    report.at("writing", 1.0)
    config: dict[str, Any] = card.config | {"sites": [*card.sites, name]}
    state = cast(torch.nn.Module, network).cpu().state_dict()
    state["table"] = torch.cat([state["table"], torch.stack(styles).mean(dim=0, keepdim=True).cpu()])
    grown = build(card.method, config)
    grown.load_state_dict(state)
    major, minor, _ = map(int, card.version.split("."))
    fields = card.model_dump(mode="json", exclude={"weights_sha256", "parameters"})
    fields |= {
        "version": f"{major}.{minor + 1}.0",
        "config": config,
        "sites": config["sites"],
        "site_descriptions": card.site_descriptions | {name: description},
    }
    if source is not None and source not in card.training.data:
        fields["training"]["data"].append(source.model_dump(mode="json"))
    return save_package(folder, fields, grown, dtype=torch.bfloat16)
