"""A training is a process that outlives what started it, and is found again by its folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from train_helpers import ROOT, FakeTrainer, end_all, forget_settings, wait_for
from transfer_panel_helpers import settle, wait_until

from MRStyleLib import models, settings
from MRStyleLib.process_tree import process_mark
from MRStyleLib.train_recipes import Recipe
from MRStyleLib.train_run import Training, TrainingRequest, TrainingState
from MRStyleLib.train_start import start_training
from MRStyleLib.train_view import state_text


@pytest.fixture
def trainer(host, monkeypatch, tmp_path: Path):
    folder = tmp_path / "Übung 日本"
    folder.mkdir()
    yield FakeTrainer(monkeypatch, folder)
    end_all()
    forget_settings()


def start(trainer: FakeTrainer, **fake) -> Training:
    """Start a training that needs no data."""
    trainer.offer("quick", **fake)
    work = start_training("My model", Recipe("quick", "Quick", "phantoms", 5), None, 5, "cpu")
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    return end.value.value


def processes(training: Training) -> list[int]:
    """The pids that its folder names."""
    content = json.loads((training.folder / "process.json").read_text(encoding="utf-8"))
    return [int(pid) for pid in content["processes"]]


def test_from_start_to_a_model_in_the_list(trainer: FakeTrainer) -> None:
    training = start(trainer)
    assert training.state is TrainingState.STARTING
    wait_for(training, TrainingState.FINISHED)
    entry = models.find_model("my-model")
    assert (entry.title, entry.version) == ("My model", "0.1.0")
    assert entry.folder == training.package == trainer.models / "my-model-0.1.0"
    assert (training.message(), training.can_go_on) == ("", False)


def test_a_second_model_of_that_name_is_a_later_version(trainer: FakeTrainer) -> None:
    wait_for(start(trainer, steps=1), TrainingState.FINISHED)
    wait_for(start(trainer, steps=1), TrainingState.FINISHED)
    assert sorted(path.name for path in trainer.models.iterdir()) == ["my-model-0.1.0", "my-model-0.2.0"]


def test_stop_and_resume(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=200, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    training.stop()
    assert training.state is TrainingState.STOPPING
    wait_for(training, TrainingState.STOPPED)
    step = training.status.step
    assert 0 < step < 200
    assert not trainer.models.exists()
    assert training.can_go_on
    config = training.run / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"steps": 200', f'"steps": {step + 3}'))
    training.start("resume")
    wait_for(training, TrainingState.FINISHED)
    steps = [json.loads(line)["step"] for line in (training.run / "progress.jsonl").read_text().splitlines()]
    assert steps == list(range(1, step + 4))


def test_a_model_of_what_was_learned_until_the_stop(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=500, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    training.stop()
    wait_for(training, TrainingState.STOPPED)
    training.start("export")
    wait_for(training, TrainingState.FINISHED)
    assert models.find_model("my-model").fault is None


def test_it_is_found_again_while_it_runs(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=300, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    (folder,) = settings.trainings()
    again = Training(folder)
    assert again.state is TrainingState.RUNNING
    assert again.name.startswith("My model (20")
    with pytest.raises(RuntimeError, match="runs already"):
        again.start("resume")
    with pytest.raises(RuntimeError, match="stop it first"):
        again.remove()
    again.stop()
    wait_for(training, TrainingState.STOPPED)


def test_it_outlives_the_application_that_started_it(trainer: FakeTrainer, tmp_path: Path) -> None:
    """The application is a process here that starts a training and ends at once."""
    trainer.offer("late", steps=20, pause_s=0.1)
    folder = tmp_path / "other"
    folder.mkdir()
    request = TrainingRequest("Late", "late", "late", "", 5, "cpu", str(trainer.models), "today")
    (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
    program = f"""
import sys
from dataclasses import asdict
from pathlib import Path
from unittest.mock import MagicMock
sys.path.insert(0, {str(ROOT / "MRStyleCore")!r})
for name in ("qt", "slicer", "slicer.i18n", "slicer.util"):
    sys.modules[name] = MagicMock()
from MRStyleLib import environment, settings
environment.trainer_folder = lambda: Path({str(trainer.folder / "trainer")!r})
settings.model_folder = lambda: Path({str(trainer.models)!r})
from MRStyleLib.train_run import Training
Training(Path({str(folder)!r})).start("fit")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    found = Training(folder)
    settings.remember_training(folder)
    wait_for(found, TrainingState.RUNNING)
    assert {os.getsid(pid) for pid in processes(found)} != {os.getsid(0)}
    wait_for(found, TrainingState.FINISHED)


def test_a_process_with_a_used_pid_is_not_taken_for_the_training(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=300, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    training.kill()
    wait_for(training, TrainingState.STOPPED)
    mine = process_mark(os.getpid())
    noted = {"stage": "training", "processes": {str(os.getpid()): "another start"}}
    (training.folder / "process.json").write_text(json.dumps(noted))
    training.refresh()
    assert training.state is TrainingState.STOPPED
    noted["processes"] = {str(os.getpid()): mine}
    (training.folder / "process.json").write_text(json.dumps(noted))
    training.refresh()
    assert training.state is TrainingState.RUNNING
    (training.folder / "process.json").unlink()


def test_a_trainer_that_is_killed(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=300, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    for pid in processes(training):
        os.kill(pid, signal.SIGKILL)
    wait_for(training, TrainingState.STOPPED)
    assert "last checkpoint" in training.message()
    assert training.can_go_on


def test_a_training_that_goes_on_without_its_driver_is_seen(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=300, pause_s=0.05)
    wait_for(training, TrainingState.RUNNING)
    driver, worker = processes(training)
    os.kill(driver, signal.SIGKILL)
    settle(0.3)
    training.refresh()
    assert training.state is TrainingState.RUNNING
    training.kill()
    wait_for(training, TrainingState.STOPPED)
    # A killed process is there until the system has cleared it away.
    wait_until(lambda: not process_mark(worker), "the end of the killed process", timeout_s=20)


@pytest.mark.parametrize(
    ("fake", "words", "can_go_on"),
    [
        ({"refuses": True}, "There is no scan of the site Bergen; check participants.tsv.", False),
        ({"fails_at": 3}, "The training diverged; lower loop.learning_rate.", True),
        (
            {"no_export": True},
            "In bfloat16 the output of this model is only 30.0 dB close; train longer.",
            True,
        ),
    ],
    ids=["refused", "diverged", "no model"],
)
def test_why_it_failed(trainer: FakeTrainer, fake: dict, words: str, can_go_on: bool) -> None:
    training = start(trainer, **fake)
    wait_for(training, TrainingState.FAILED)
    assert (training.message(), training.can_go_on) == (words, can_go_on)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"processes": 3}', '{"processes": {"x": 1}, "package": 7, "message": []}', "\0"]
)
def test_damaged_files_are_no_fault_of_the_panel(host, tmp_path: Path, text: str) -> None:
    for name in ("process.json", "request.json"):
        (tmp_path / name).write_text(text)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text(text)
    training = Training(tmp_path)
    assert not training.state.is_active
    assert not training.can_go_on
    assert state_text(training)
    assert training.name == tmp_path.name


def test_only_the_folder_of_a_training_is_deleted(trainer: FakeTrainer, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    settings.remember_training(precious)
    Training(precious).remove()
    assert precious.is_dir()
    assert settings.trainings() == []


def test_removing_deletes_the_folder_and_keeps_the_model(trainer: FakeTrainer) -> None:
    training = start(trainer, steps=1)
    wait_for(training, TrainingState.FINISHED)
    training.remove()
    assert not training.folder.exists()
    assert settings.trainings() == []
    assert training.package.is_dir()


def test_no_python_leaves_nothing_behind(trainer: FakeTrainer, monkeypatch) -> None:
    monkeypatch.setattr("MRStyleLib.environment.shutil.which", lambda *_arguments, **_options: None)
    with pytest.raises(RuntimeError, match="PythonSlicer"):
        start(trainer)
    assert settings.trainings() == []
    assert not list((trainer.folder / "trainings").iterdir())
