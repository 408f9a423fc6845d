"""The training loop: it learns, goes on exactly where it stopped, stops early, and logs what it does."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from small_training import NETWORKS
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mrstyle.errors import InputError
from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.config import TrainingConfig
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.loop import fit
from mrstyle_trainer.monitor import Monitor
from mrstyle_trainer.optimization import learning_rate
from mrstyle_trainer.pairs import SimulatedPairs

Config = Callable[..., TrainingConfig]


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]


def validations(run: Path) -> list[float]:
    return [entry["validation_psnr_db"] for entry in log(run) if entry["validation_psnr_db"]]


def content_psnr_db(config: TrainingConfig) -> float:
    """Of a network that changes nothing."""
    held_out = load_samples(config, "validation", SimulatedPairs)
    errors = [
        (sample["content"] - sample["target"]).square().mean()
        for sample in (held_out[index] for index in range(len(held_out)))
    ]
    return (-10 * torch.log10(torch.stack(errors))).mean().item()


def interrupt_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C when the step has been counted, so that the next one is the last."""
    original = Monitor.step

    def count_and_press(self: Monitor, counted: int, *args: Any) -> None:
        original(self, counted, *args)
        if counted == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Monitor, "step", count_and_press)


@pytest.mark.parametrize("recipe", NETWORKS)
def test_a_training_beats_its_start_and_its_input(small_config: Config, tmp_path: Path, recipe: str) -> None:
    loop = {"steps": 100, "validation_every": 10, "validation_samples": 8}
    config = small_config(recipe=recipe, loop=loop)
    progress, ending = fit(config, tmp_path / "run")
    assert (progress.step, ending) == (100, "finished")
    first, *_, last = validations(tmp_path / "run")
    assert last > first + 0.5, validations(tmp_path / "run")
    # Two layers of eight channels are too little for what each pixel of crl has to know.
    assert recipe == "crl" or last > content_psnr_db(config)
    assert progress.best_score == pytest.approx(max(validations(tmp_path / "run")))


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    small_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config()
    fit(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(4, patch)
        progress, ending = fit(config, tmp_path / "stopped")
    assert (progress.step, ending) == (5, "interrupted")
    progress, ending = fit(config, tmp_path / "stopped", resume=True)
    assert (progress.step, ending) == (8, "finished")

    whole, stopped = (load_checkpoint(tmp_path / name) for name in ("whole", "stopped"))
    for part in ("networks", "average", "optimizers"):
        torch.testing.assert_close(stopped[part], whole[part], rtol=0, atol=1e-6)
    assert validations(tmp_path / "stopped") == pytest.approx(validations(tmp_path / "whole"))


def test_resume_after_a_kill_repeats_no_step_in_the_log(small_config: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(small_config(), run)
    with (run / "progress.jsonl").open("a") as file:
        file.write(
            '{"step": 9, "losses": {"absolute": 0.1}, "validation_psnr_db": null}\n{"step": 10, "abso'
        )  # after the last checkpoint, and cut
    fit(small_config(loop={"steps": 12}), run, resume=True)
    steps = [entry["step"] for entry in log(run) if entry["validation_psnr_db"]]
    assert steps == [4, 8, 12]
    assert 9 not in [entry["step"] for entry in log(run)]


def test_a_training_stops_early_without_progress(small_config: Config, tmp_path: Path) -> None:
    loop = {"steps": 40, "validation_every": 2, "patience": 2, "learning_rate": 1e-30}
    progress, ending = fit(small_config(loop=loop), tmp_path / "run")
    assert (progress.step, ending) == (6, "early")


def test_a_divergent_training_says_so(small_config: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"diverged.* lower loop\.learning_rate"):
        fit(
            small_config(recipe="content_style", loop={"learning_rate": 1e30, "warmup_steps": 0}),
            tmp_path / "run",
        )


def test_log_pictures_and_output_of_a_run(
    small_config: Config, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    fit(small_config(loop={"steps": 40, "validation_every": 20}), run)
    losses = [entry for entry in log(run) if entry["losses"]]
    assert [entry["step"] for entry in losses] == [10, 20, 30, 40]
    assert all(0 < entry["losses"]["structural"] < 2 and entry["seconds"] > 0 for entry in losses)

    events = EventAccumulator(str(run)).Reload()
    assert [event.step for event in events.Scalars("validation_psnr_db")] == [20, 40]
    shown = events.Images("content | output | target")[0]
    with Image.open(run / "samples" / "step-000020.png") as picture:
        assert picture.mode == "L"
        assert picture.size == (shown.width, shown.height) == (3 * 48, 4 * 48)

    # A terminal that cannot move its cursor gets a line a validation, and one at the end.
    lines = [line for line in capfd.readouterr().out.splitlines() if line.strip()]
    assert len(lines) <= 4
    assert "dB on held-out heads" in lines[0]


def test_the_learning_rate_warms_up_and_ends_at_zero(small_config: Config) -> None:
    config = small_config(loop={"steps": 100, "warmup_steps": 10, "learning_rate": 1e-3})
    rates = [learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
