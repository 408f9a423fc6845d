"""A training as a process that others watch and steer: its status, a request to stop, a time budget, a device."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mrstyle.errors import InputError
from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.cli import main
from mrstyle_trainer.config import TrainingConfig
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.monitor import Monitor
from mrstyle_trainer.optimization import AdamSettings, adam, learning_rate
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.recipes.anatomy_basis import AnatomyBasisRecipe
from mrstyle_trainer.status import ask_to_stop

Config = Callable[..., TrainingConfig]


def status(run: Path) -> dict[str, Any]:
    return json.loads((run / "status.json").read_text())


def at_step(step: int, action: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something when the step has been counted."""
    original = Monitor.step

    def count_and_act(self: Monitor, counted: int, *args: Any) -> None:
        original(self, counted, *args)
        if counted == step:
            action(self.folder)

    monkeypatch.setattr(Monitor, "step", count_and_act)


def test_a_training_that_is_asked_to_stop_goes_on_as_if_it_had_not_stopped(
    small_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config()
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    fit(config, whole)
    with monkeypatch.context() as patch:
        at_step(5, ask_to_stop, patch)
        progress, ending = fit(config, stopped)
    assert (progress.step, ending) == (6, "interrupted")
    assert status(stopped)["state"] == "interrupted"
    assert status(stopped)["step"] == 6
    assert not (stopped / "stop").exists()
    with pytest.raises(InputError, match="not running"):
        ask_to_stop(stopped)

    (stopped / "stop").touch()  # left by someone who asked too late
    assert fit(config, stopped, resume=True)[1] == "finished"
    assert status(stopped)["state"] == "finished"
    one, other = (load_checkpoint(run) for run in (whole, stopped))
    for part in ("networks", "average", "optimizers"):
        torch.testing.assert_close(other[part], one[part], rtol=0, atol=1e-6)


def test_a_time_budget_ends_with_a_usable_model(
    small_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    loop = {"steps": 1_000_000, "validation_every": 1_000_000, "minutes": 0.01}
    config = small_config(loop=loop)
    progress, ending = fit(config, run)
    assert ending == "time"
    assert 0 < progress.step < 1_000_000
    assert progress.seconds >= 0.6
    told = status(run)
    assert (told["state"], told["step"], told["message"]) == (
        "finished",
        progress.step,
        "Done: the time is up.",
    )
    assert told["best_psnr_db"] == pytest.approx(progress.best_score)
    assert len(list((run / "samples").glob("*.png"))) == 1
    assert export(run, tmp_path / "package").parameters > 0

    # The budget is that of the whole training, until somebody gives more.
    again, ending = fit(config, run, resume=True)
    assert (again.step, ending) == (progress.step, "time")
    monkeypatch.setattr(sys, "argv", ["mrstyle-train", "resume", str(run), "--minutes", "0.02"])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 0
    assert status(run)["step"] > progress.step
    assert "because the time is up" in capsys.readouterr().out


def test_the_learning_rate_falls_with_the_time_that_is_left(small_config: Config) -> None:
    loop = {"steps": 1000, "warmup_steps": 0, "learning_rate": 1.0, "minutes": 10}
    config = small_config(loop=loop)
    assert learning_rate(10, config, 0) > 0.99
    assert learning_rate(10, config, 300) == pytest.approx(0.5)
    assert learning_rate(10, config, 600) == pytest.approx(0, abs=1e-9)
    assert learning_rate(900, config, 60) < 0.05
    assert learning_rate(900, small_config(loop=loop | {"schedule": "constant"}), 590) == 1


def test_status_while_a_training_runs(
    small_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("mrstyle_trainer.status._EVERY_S", 0.0)
    at_step(6, lambda run: seen.append(status(run)), monkeypatch)
    fit(small_config(), tmp_path / "run")
    (told,) = seen
    assert (told["state"], told["step"], told["steps"]) == ("running", 6, 8)
    assert told["pid"] > 0
    assert told["seconds_left"] >= 0
    assert told["best_psnr_db"] == told["score"]["best"] > 0
    started, updated = (datetime.fromisoformat(told[name]) for name in ("started", "updated"))
    assert started <= updated
    assert updated.utcoffset() is not None


def test_status_of_a_training_that_failed(small_config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(InputError):
        fit(small_config(loop={"learning_rate": 1e30, "warmup_steps": 0}, recipe="content_style"), run)
    assert status(run)["state"] == "failed"
    assert "diverged" in status(run)["message"]


def test_stop_needs_a_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a training"):
        ask_to_stop(tmp_path)
    assert not (tmp_path / "stop").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has the device")
def test_a_device_that_is_not_there(small_config: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot train on the device cuda; choose auto or cpu"):
        fit(small_config(), tmp_path / "run", device="cuda")
    assert status(tmp_path / "run")["state"] == "failed"


def test_a_recipe_may_have_a_score_of_its_own(
    small_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: AnatomyBasisRecipe, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return torch.full((len(output),), 0.25)

    for name, value in {"score": score, "score_name": "Dice", "score_unit": "1"}.items():
        monkeypatch.setattr(AnatomyBasisRecipe, name, value, raising=False)
    monkeypatch.setattr(
        AnatomyBasisRecipe, "card_fields", lambda self, samples: {"license_note": "Noted."}, raising=False
    )
    run = tmp_path / "run"
    progress, ending = fit(small_config(loop={"patience": 1}), run)
    assert (progress.step, progress.best_score, ending) == (8, 0.25, "finished")
    lines = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
    assert [line["validation_score"] for line in lines if "validation_score" in line] == [0.25, 0.25]
    assert all(line["validation_psnr_db"] is None for line in lines)
    assert status(run)["best_psnr_db"] is None
    assert status(run)["score"] == {"name": "Dice", "unit": "1", "best": 0.25}
    card = export(run, tmp_path / "package")
    assert [(figure.metric, figure.value, figure.unit) for figure in card.figures] == [
        ("Dice to the truth", 0.25, "1")
    ]
    assert card.license_note == "Noted."


def test_settings_of_an_optimizer_by_part(small_config: Config) -> None:
    network = build_recipe(small_config()).networks["network"]
    part = next(iter(dict(network.named_children())))
    settings = AdamSettings(rate=1.0, rates={f"{part}.": 0.01}, betas=(0.0, 0.99), weight_decay=1e-4)
    optimizer, factors = adam(network, settings, 2e-3)
    of_part = {id(parameter) for parameter in network.get_submodule(part).parameters()}
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    for key, rate in rates.items():
        assert rate == pytest.approx(2e-5 if key in of_part else 2e-3)
    assert sorted(factors) == [0.01, 1.0]
    assert all(group["weight_decay"] == 1e-4 for group in optimizer.param_groups)
