"""Trainings that start from a template and a folder, without a configuration that somebody writes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aligned_fixtures import write_subject

from mrstyle.errors import InputError
from mrstyle.methods import build
from mrstyle.models.package import save_package
from mrstyle_trainer.cli import main
from mrstyle_trainer.config import AlignedData, parse_config, read_config
from mrstyle_trainer.recipes import RECIPES, build_recipe
from mrstyle_trainer.templates import TEMPLATES, new_config


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["mrstyle-train", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    return exit_info.value.code


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A light3d with random weights in the place of the bundled one."""
    config: dict[str, Any] = {"channels": [4, 8], "sites": ["East", "West"]}
    fields = {
        "schema_version": 1,
        "id": "brain-light3d",
        "version": "99.0.0",
        "title": "Tiny",
        "description": "Random weights.",
        "method": "light3d",
        "config": config,
        "accepts": {
            "dim": 3,
            "body_part": "brain",
            "contrasts": ["T1w"],
            "skull": "any",
            "minimum_size_voxels": 16,
            "spacing_mm": [0.4, 6.0],
        },
        "target_kinds": ["site"],
        "sites": config["sites"],
        "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "CC-BY-4.0",
        "bf16_psnr_db": 50.0,
        "citation": "This test.",
        "recipe": None,
    }
    models = tmp_path / "models"
    models.mkdir()
    save_package(models / "tiny", fields, build("light3d", config))
    monkeypatch.setenv("MRSTYLE_MODELS", str(models))


def test_recipes_for_other_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "recipes", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert {(entry["name"], entry["data"]) for entry in listed} == {
        ("light3d", "sites"),
        ("starganv2", "sites"),
        ("site_classifier", "sites"),
        ("relaxometry", "aligned"),
        ("crl", "aligned"),
        ("anatomy_basis", "phantoms"),
        ("spatiotemporal", "dce_series"),
    }
    for entry in listed:
        assert entry["title"]
        assert entry["minutes"] > 0
        assert parse_config(entry["config"]).recipe in RECIPES

    assert run(monkeypatch, "recipes") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(TEMPLATES)


@pytest.mark.parametrize("name", ["light3d", "starganv2", "site_classifier"])
@pytest.mark.usefixtures("bundled")
def test_a_configuration_for_own_sites(
    tmp_path: Path, sites: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "Our hospital.yaml"
    arguments = ["new", "--recipe", name, "--data", str(sites), "-o", str(path), "--title", 'Ours: "all"']
    assert run(monkeypatch, *arguments) == 0
    config = read_config(path)
    assert config.card["id"] == "our-hospital"
    assert config.card["title"] == 'Ours: "all"'
    assert config.sites.names == ("North", "South")
    assert build_recipe(config).networks
    # It stays a file that a person can read and change.
    assert "# " in path.read_text()


def test_a_configuration_for_aligned_contrasts(tmp_path: Path) -> None:
    folder = tmp_path / "bids"
    write_subject(folder, "sub-01", 1)
    for name in ("sub-02", "sub-03"):
        (folder / name / "anat").mkdir(parents=True)
        for path in sorted((folder / "sub-01" / "anat").iterdir()):
            shutil.copy(path, folder / name / "anat" / path.name.replace("sub-01", name))
    for path in sorted((folder / "sub-03" / "anat").glob("*_T[2]w.*")) + sorted(
        (folder / "sub-03" / "anat").glob("*_FLAIR.*")
    ):
        path.unlink()
    new_config("relaxometry", folder, tmp_path / "mine.yaml")
    data = read_config(tmp_path / "mine.yaml").data
    assert isinstance(data, AlignedData)
    # The third has one contrast alone.
    assert sorted([*data.training, *data.validation]) == ["sub-01", "sub-02"]
    assert len(data.training) == len(data.validation) == 1

    shutil.rmtree(folder / "sub-02")
    with pytest.raises(InputError, match="has 1 subjects with two or more different contrasts"):
        new_config("crl", folder, tmp_path / "other.yaml")
    assert not (tmp_path / "other.yaml").exists()


def test_a_configuration_without_data(tmp_path: Path) -> None:
    config = new_config("anatomy_basis", None, tmp_path / "x.yaml")
    assert build_recipe(config).networks
    assert yaml.safe_load((tmp_path / "x.yaml").read_text())["card"]["id"] == "model-x"


def test_what_new_refuses(tmp_path: Path, sites: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(InputError, match=r"no recipe 'dream'.* choose one of light3d"):
        new_config("dream", sites, path)
    with pytest.raises(InputError, match="learns from scans; name their folder by --data"):
        new_config("light3d", None, path)
    with pytest.raises(InputError, match="needs no data"):
        new_config("anatomy_basis", sites, path)
    with pytest.raises(InputError, match="There is no folder"):
        new_config("light3d", tmp_path / "nowhere", path)
    with pytest.raises(InputError, match=r"no participants\.tsv"):
        new_config("light3d", tmp_path, path)
    assert not path.exists()
    path.touch()
    with pytest.raises(InputError, match="exists already"):
        new_config("light3d", sites, path)
