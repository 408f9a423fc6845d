"""A model for one's own sites: from a BIDS folder to a package that says what it was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from aligned_fixtures import write_package
from site_fixtures import entries
from small_training import write_config

from mrstyle.errors import InputError
from mrstyle.methods import build
from mrstyle.models.package import load_package, save_package
from mrstyle.targets import Site
from mrstyle.translate import translate
from mrstyle.volume import read_volume
from mrstyle_trainer.config import read_config
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes import build_recipe

NETWORK = entries(Path())["network"]


def package_of(folder: Path, sites: list[str]) -> Path:
    """A light3d of other sites with random weights."""
    torch.manual_seed(1)
    config = NETWORK | {"sites": sites}
    fields = json.loads((write_package(folder / "other", "relaxometry") / "model.json").read_text())
    fields |= {
        "method": "light3d",
        "config": config,
        "sites": sites,
        "target_kinds": ["site"],
        "sequences": [],
    }
    fields["accepts"]["dim"] = 3
    save_package(folder / "start", fields, build("light3d", config))
    return folder / "start"


def test_a_training_on_own_sites_becomes_a_package_that_tells_of_them(tmp_path: Path, sites: Path) -> None:
    config = read_config(write_config(tmp_path / "config.yaml", entries(sites, loop={"steps": 12})))
    progress, ending = fit(config, tmp_path / "run")
    assert (progress.step, ending) == (12, "finished")
    lines = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    assert {"cycle", "critic"} <= lines[-2]["losses"].keys()

    card = export(tmp_path / "run", tmp_path / "package")
    assert card.sites == ("North", "South")
    assert "site" in card.target_kinds
    assert card.site_descriptions["North"] == "3 subjects, Phantom One, 3 T"
    assert "scans T1w of 6 subjects at 2 sites (North, South) of Two sites" in card.training.description
    (data,) = card.training.data
    assert (data.name, data.license, data.simulated) == ("Two sites", "CC0", False)
    assert (card.training.subjects.train, card.training.subjects.validation) == (6, 2)
    (figure,) = card.figures
    assert "and back" in figure.metric, "there is no truth that it could be compared to"
    assert "2 subjects, held out, of Two sites" in figure.dataset

    volume = read_volume(sites / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    result = translate(volume, load_package(tmp_path / "package"), Site("South")).image
    assert result.has_grid_of(volume)
    with pytest.raises(InputError, match="North, South"):
        translate(volume, load_package(tmp_path / "package"), Site("West"))


def test_another_models_sites_are_left_behind_when_it_learns_on(tmp_path: Path, sites: Path) -> None:
    start = package_of(tmp_path, ["East", "South", "West"])
    content = entries(sites, card={"id": "own-sites"})
    content |= {"initial": str(start)}
    config = read_config(write_config(tmp_path / "config.yaml", content))
    assert config.network["sites"] == ["North", "South"]
    progress, _ = fit(config, tmp_path / "run")
    assert progress.step == 8

    recipe = build_recipe(config)
    from mrstyle_trainer.initial import load_initial

    load_initial(config, recipe)
    before, after = load_package(start).network.state_dict(), recipe.networks["network"].state_dict()
    torch.testing.assert_close(after["table"], torch.stack([before["table"].mean(dim=0), before["table"][1]]))
    assert torch.equal(after["stem.weight"], before["stem.weight"])

    card = export(tmp_path / "run", tmp_path / "package")
    assert card.sites == ("North", "South")
    assert card.training.description.startswith("Fine-tuned from tiny-start@2.1.0")
    assert [data.name for data in card.training.data] == ["label maps", "Two sites"]
    assert card.training.subjects.train == 14 + 6


def test_another_network_than_that_of_the_package_is_refused(tmp_path: Path, sites: Path) -> None:
    content: dict[str, Any] = entries(sites, network={"level_channels": [4, 8]})
    content |= {"initial": str(package_of(tmp_path, ["East", "West"]))}
    with pytest.raises(InputError, match=r"network\.level_channels"):
        read_config(write_config(tmp_path / "config.yaml", content))
