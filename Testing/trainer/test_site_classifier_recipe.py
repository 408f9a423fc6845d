"""A classifier learns to tell simulated sites apart, and its package says how well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from site_fixtures import entries as own_sites
from small_training import entries, write_config
from torch.utils.data import default_collate

from mrstyle.errors import InputError
from mrstyle.models.package import load_package
from mrstyle.physics.sites import SITES
from mrstyle.qa.sites import classify, site_classifier
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes.site_classifier import SiteClassifierRecipe
from mrstyle_trainer.site_slices import SiteSlices

NAMES = ("sim-3T-tfe", "sim-1.5T-spgr")


def config(heads: Path, folder: Path, **changes: dict) -> TrainingConfig:
    """A training of seconds, for two sites that differ in much."""
    parts = entries(heads) | {
        "recipe": "site_classifier",
        "network": {"width": 8, "blocks": [1, 1], "bottleneck": False},
        "simulation": {"size": 56, "stripped_probability": 0.0},
        "sites": {"names": list(NAMES), "voxel_mm": [0.95, 1.1]},
    }
    parts["loop"] |= {"steps": 60, "batch_size": 6, "validation_every": 30, "validation_samples": 10}
    for name, change in changes.items():
        parts[name] = parts[name] | change
    return read_config(write_config(folder / "config.yaml", parts))


def samples(heads: Path, folder: Path, **changes: dict) -> SiteSlices:
    wanted = config(heads, folder, **changes)
    found = load_samples(wanted, "training", SiteClassifierRecipe(wanted).samples)
    assert isinstance(found, SiteSlices)
    return found


def test_a_slice_is_the_same_head_as_different_sites_take_it(heads: Path, tmp_path: Path) -> None:
    items = samples(heads, tmp_path, sites={"names": []})
    assert items.names == tuple(SITES)
    again, item = items[3], items[3]
    assert torch.equal(item["content"], again["content"])
    assert item["content"].shape == (3, 56, 56)
    assert len(set(item["source"].tolist())) == 3
    one, two = item["content"][0], item["content"][1]
    assert (one - two).abs().mean() / one.mean() > 0.05
    assert np.corrcoef(one.flatten(), two.flatten())[0, 1] > 0.8


def test_all_sites_occur_equally(heads: Path, tmp_path: Path) -> None:
    items = samples(heads, tmp_path, sites={"names": []})
    counts = np.bincount(np.concatenate([items[index]["source"] for index in range(40)]), minlength=6)
    assert counts.min() > 8


def test_it_learns_and_its_package_says_how_well(heads: Path, tmp_path: Path) -> None:
    wanted = config(heads, tmp_path)
    progress, ending = fit(wanted, tmp_path / "run")
    assert ending == "finished"
    assert progress.best_score > 0.85
    card = export(tmp_path / "run", tmp_path / "package")
    assert (card.task, card.sites, card.target_kinds) == ("site_classifier", NAMES, ())
    assert card.site_descriptions[NAMES[0]] == SITES[NAMES[0]].description
    figures = {figure.metric: figure for figure in card.figures}
    score = figures["balanced accuracy"]
    assert score.value > 0.85
    assert figures["balanced accuracy, least of its 95 % confidence interval"].value < score.value
    assert figures["balanced accuracy of a guess"].value == 0.5
    assert score.dataset == "8 simulated scans of held-out heads"
    package = load_package(tmp_path / "package")
    held_out = load_samples(wanted, "validation", SiteClassifierRecipe(wanted).samples)
    assert isinstance(held_out, SiteSlices)
    site, scan = next(held_out.scans())
    assert classify(scan, site_classifier(package.folder)).site == site


def test_a_classifier_of_own_sites_is_measured_on_whole_scans(sites: Path, tmp_path: Path) -> None:
    changes = {"network": {}, "sites": {"patch": [3, 48, 48]}, "loop": {"steps": 4}}
    parts = own_sites(sites, **changes) | {
        "recipe": "site_classifier",
        "network": {"width": 4, "blocks": [1], "bottleneck": False},
    }
    path = write_config(tmp_path / "config.yaml", parts)
    fit(read_config(path), tmp_path / "run")
    card = export(tmp_path / "run", tmp_path / "package")
    assert card.sites == ("North", "South")
    assert card.figures[0].metric == "balanced accuracy"
    assert card.figures[0].dataset == "2 scans of held-out heads"
    assert card.site_descriptions["North"] == "3 subjects, Phantom One, 3 T"
    parts["sites"]["patch"] = [48, 48, 48]
    with pytest.raises(InputError, match="choose slabs of a few"):
        SiteClassifierRecipe(read_config(write_config(path, parts)))


def test_blocks_of_real_scans_are_learned_from_too(heads: Path, tmp_path: Path) -> None:
    recipe = SiteClassifierRecipe(config(heads, tmp_path))
    blocks = [
        {"content": torch.rand(1, 3, 32, 40), "source": torch.tensor(site), "target_site": torch.tensor(0)}
        for site in (1, -1, 0)
    ]
    batch = default_collate(blocks)
    logits = recipe.predict(recipe.networks["network"], batch)
    assert logits.shape == (6, 2)  # nobody knows the site of the second scan
    assert recipe.score(torch.eye(2)[[1, 1, 1, 0, 0, 1]], batch).tolist() == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"sites": {"names": ["sim-3T-tfe", "Bonn"]}},
            "sites.names has Bonn; the simulated sites are sim-1.5T-mprage",
        ),
        ({"sites": {"names": ["sim-3T-tfe"]}}, "at least 2 items"),
        ({"network": {"sites": ["a", "b"]}}, "leave network.sites out"),
        ({"network": {"depth": 50}}, "cannot be built"),
    ],
)
def test_bad_configurations_are_refused(heads: Path, tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        samples(heads, tmp_path, **changes)


def test_the_faithful_network_is_the_default(heads: Path, tmp_path: Path) -> None:
    wanted = config(heads, tmp_path).model_copy(update={"network": {}})
    network = SiteClassifierRecipe(wanted).networks["network"]
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_505_858
