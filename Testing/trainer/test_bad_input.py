"""A user's mistake is one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_training import entries, write_config
from test_loop import interrupt_after

from mrstyle_trainer.cli import main
from mrstyle_trainer.config import read_config
from mrstyle_trainer.loop import fit

Told = Callable[..., str]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run ``mrstyle-train`` with arguments that it refuses, and return its one sentence."""

    def run(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["mrstyle-train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        message = capsys.readouterr().err
        assert ended.value.code == 2, message
        assert message.startswith("mrstyle-train: ")
        assert message.count("\n") == 1
        return message

    return run


@pytest.fixture
def refused(told: Told, heads: Path, tmp_path: Path) -> Callable[..., str]:
    """The sentence for a configuration with some changes; nothing is written for it."""

    def fit_with(*arguments: str, **changes: Any) -> str:
        config = write_config(tmp_path / "config.yaml", entries(heads, **changes))
        message = told("fit", config, "-o", tmp_path / "run", *arguments)
        assert not (tmp_path / "run" / "config.json").exists()
        return message

    return fit_with


def test_missing_config(told: Told, tmp_path: Path) -> None:
    assert "nothing.yaml: No such file or directory.\n" in told("fit", tmp_path / "nothing.yaml")


@pytest.mark.parametrize("content", ["a: [1", "", "just words", "\x00"])
def test_config_that_is_no_config(told: Told, tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert "config.yaml" in told("fit", tmp_path / "config.yaml")


def test_config_without_names(told: Told, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("just words")
    assert "it needs lines like `name: value`" in told("fit", tmp_path / "config.yaml")


def test_unknown_recipe(told: Told, heads: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.yaml", entries(heads) | {"recipe": "magic"})
    assert "'magic'; choose one of" in told("fit", config, "-o", tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"losses": {"cheese": 1.0}}, "Unknown loss cheese"),
        ({"loop": {"speed": 9}}, "loop.speed"),
        ({"loop": {"steps": 0}}, "loop.steps"),
        ({"network": {"colour": 1}}, "colour"),
        ({"network": {"width": 1}}, "width"),
        ({"network": {"maps": 4}}, "network.maps is 4"),
        ({"simulation": {"size": 49}}, "simulation.size is 49"),
        ({"simulation": {"context": 1}}, "simulation.context"),
        ({"simulation": {"pixel_mm": [1.0, 2.0]}}, "simulation.pixel_mm"),
        ({"simulation": {"pixel_mm": [2.0, 1.0]}}, "least value first"),
        ({"simulation": {"stripped_probability": 1.5}}, "stripped_probability"),
        (
            {"data": {"validation": ["a.nii.gz", "c.nii.gz"]}},
            "a.nii.gz would be in training and in validation",
        ),
        ({"data": {"training": ["a.nii.gz", "z.nii.gz"]}}, "z.nii.gz are not in"),
        ({"data": {"table": "nowhere.yaml"}}, "nowhere.yaml"),
        ({"data": {"folder": "$MRSTYLE_NOT_SET/maps"}}, "$MRSTYLE_NOT_SET"),
    ],
)
def test_wrong_entry(refused: Callable[..., str], changes: dict[str, Any], reason: str) -> None:
    assert reason in refused(**changes)


def test_heads_of_phantoms_do_not_mix(told: Told, heads: Path, tmp_path: Path) -> None:
    data = {"kind": "phantoms", "training_seeds": [1, 2], "validation_seeds": [2, 3]}
    config = write_config(tmp_path / "config.yaml", entries(heads) | {"data": data})
    assert "seeds [2] would be in training and in validation" in told("fit", config)


def test_batch_that_devices_cannot_share(refused: Callable[..., str]) -> None:
    assert "batch of 3" in refused("--devices", "2", loop={"batch_size": 3})


def test_used_folder_and_damaged_checkpoint(told: Told, heads: Path, tmp_path: Path) -> None:
    config, run = write_config(tmp_path / "config.yaml", entries(heads, loop={"steps": 1})), tmp_path / "run"
    fit(read_config(config), run)
    assert "already holds a training" in told("fit", config, "-o", run)

    other = write_config(tmp_path / "other.yaml", entries(heads, network={"width": 4}))
    assert "not of the network" in told("resume", run, "--config", other)

    checkpoint = run / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    assert "is damaged" in told("resume", run)
    assert "is damaged" in told("export", run, tmp_path / "package")
    checkpoint.unlink()
    assert "no checkpoint" in told("resume", run)
    (run / "config.json").write_text("{")
    assert "config.json is damaged" in told("resume", run)


def test_resume_and_export_of_what_is_no_run(told: Told, tmp_path: Path) -> None:
    assert "is not the folder of a training" in told("resume", tmp_path / "nothing")
    assert "is not the folder of a training" in told("export", tmp_path, tmp_path / "package")
    assert not (tmp_path / "nothing").exists()


def test_output_that_cannot_be_a_folder(told: Told, heads: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.yaml", entries(heads))
    (tmp_path / "file").write_text("")
    assert "Cannot make the folder" in told("fit", config, "-o", tmp_path / "file" / "run")


def test_ctrl_c_says_how_to_go_on(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path / "config.yaml", entries(heads))
    interrupt_after(1, monkeypatch)
    monkeypatch.setattr(sys, "argv", ["mrstyle-train", "fit", str(config), "-o", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last == f"Stopped at step 2; go on with: mrstyle-train resume {tmp_path / 'run'}"
