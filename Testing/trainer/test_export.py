"""From a run to a package that runs at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from small_training import entries, head_labels, write_config

from mrstyle.errors import InputError
from mrstyle.models.package import load_package
from mrstyle.targets import Reference
from mrstyle.translate import translate
from mrstyle.volume import Volume
from mrstyle_trainer import export as export_module
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.export import export
from mrstyle_trainer.figures import Figures
from mrstyle_trainer.loop import fit

CARD = {
    "id": "small-model",
    "title": "Small",
    "training": {
        "data": [
            {"name": "waves", "license": "CC0-1.0", "source": "this test", "citation": "", "simulated": True}
        ]
    },
}


@pytest.fixture(scope="module")
def run(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    content = entries(heads, loop={"steps": 60, "validation_every": 60, "validation_samples": 8}, card=CARD)
    fit(read_config(write_config(folder / "config.yaml", content)), folder / "run")
    return folder / "run"


def head_volume(seed: int, intensities: dict[int, float]) -> Volume:
    labels = head_labels(seed)
    array = np.zeros(labels.shape, np.float32)
    for label, intensity in intensities.items():
        array[labels == label] = intensity
    return Volume(array, np.diag([1.0, 1.0, 1.0, 1.0]), f"head {seed}")


def test_an_exported_model_runs_at_once(run: Path, tmp_path: Path) -> None:
    card = export(run, tmp_path / "package", version="1.2.3")

    package = load_package(tmp_path / "package")
    content = head_volume(0, {507: 900, 24: 100, 3: 400, 2: 600, 4: 100})
    style = head_volume(1, {507: 50, 24: 200, 3: 130, 2: 90, 4: 200})
    result = translate(content, package, Reference(style), device="cpu")
    assert package.card == card
    assert result.image.has_grid_of(content)
    assert np.isfinite(result.image.array).all()
    assert result.image.array.std() > 0
    assert result.image.array.max() <= style.array.max()


def test_the_card_says_what_the_model_was_made_of(run: Path, tmp_path: Path) -> None:
    card = export(run, tmp_path / "package", version="1.2.3")
    assert card.name == "small-model@1.2.3"
    assert card.license == "Apache-2.0"
    assert (card.training.subjects.train, card.training.subjects.validation) == (2, 2)
    assert card.training.data[0].simulated
    assert "simulated" in card.training.description
    assert "60 steps" in card.training.description
    assert card.bf16_psnr_db is not None
    assert 45 <= card.bf16_psnr_db < 100  # 100 would be exactly alike: not measured
    assert card.seconds_per_megavoxel["cpu"] > 0
    output, content = (figure.value for figure in card.figures)
    assert output > content > 5


def test_the_card_can_be_written_after_the_training(run: Path, heads: Path, tmp_path: Path) -> None:
    written = entries(heads, card=CARD | {"id": "renamed"})
    card = export(run, tmp_path / "package", config_path=write_config(tmp_path / "named.yaml", written))
    assert card.id == "renamed"
    assert card.recipe is not None
    assert card.recipe.endswith("named.yaml")

    other = yaml.safe_load((tmp_path / "named.yaml").read_text())
    other["network"]["width"] = 4
    with pytest.raises(InputError, match=r"other\.yaml describes another network"):
        export(run, tmp_path / "second", config_path=write_config(tmp_path / "other.yaml", other))


def test_a_package_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        export(run, tmp_path)


def test_a_model_that_bfloat16_changes_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "measure", lambda *_: Figures(20.0, 15.0, 38.2, 1.0))
    with pytest.raises(InputError, match=r"38\.2 dB"):
        export(run, tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_a_comparator_does_not_become_a_package(heads: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    content = entries(heads) | {"recipe": "pgan"}
    (run / "config.json").write_text(TrainingConfig.model_validate(content).model_dump_json())
    with pytest.raises(InputError, match="pgan is a comparator"):
        export(run, tmp_path / "package")
    assert not (tmp_path / "package").exists()
