"""The real trainer, started, stopped, resumed and made a model of from the panel."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import slicer
from train_helpers import Mounted, drawn, end_all, forget_settings
from transfer_panel_helpers import click, wait_until
from worker_helpers import offer_real_worker

from MRStyleLib import models, settings
from MRStyleLib.environment import trainer_environment
from MRStyleLib.train_run import TrainingState

# Not by importing it: that would bring torch into the process of the panels.
pytestmark = pytest.mark.skipif(find_spec("lightning") is None, reason="the trainer is not installed")
PATIENCE_S = 900.0  # for a machine that does other things as well


@pytest.fixture
def mounted(scene, monkeypatch, tmp_path: Path):
    folder = tmp_path / "Übung 日本"
    folder.mkdir()
    offer_real_worker(monkeypatch, folder)
    monkeypatch.setattr(settings, "trainings_folder", lambda: folder / "trainings")
    settings.set_model_folder(folder / "models")
    section = Mounted(scene)
    yield section
    section.close()
    end_all()
    forget_settings()


def test_train_stop_resume_and_make_a_model(mounted: Mounted, monkeypatch) -> None:
    ui = mounted.ui
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True)
    wait_until(lambda: ui.newTrainingBox.enabled, "the recipes", PATIENCE_S)
    mounted.choose("Style model from simulated heads")
    ui.titleLineEdit.text = "Phantoms, quick"
    ui.trainDeviceComboBox.currentIndex = ui.trainDeviceComboBox.findData("cpu")
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING, PATIENCE_S)
    wait_until(lambda: drawn() and len(drawn()[0].x) >= 2, "the curve of a loss", PATIENCE_S)
    click(ui.stopTrainingButton)
    mounted.wait_for(TrainingState.STOPPED, PATIENCE_S)
    assert mounted.shown.status.step >= 1
    click(ui.resumeTrainingButton)
    mounted.wait_for(TrainingState.RUNNING, PATIENCE_S)
    # It reads its data for a while before it would look; there is nothing to wait for.
    click(ui.stopTrainingButton)
    click(ui.stopTrainingButton)
    mounted.wait_for(TrainingState.STOPPED, PATIENCE_S)
    click(ui.makeModelButton)
    mounted.wait_for(TrainingState.FINISHED, PATIENCE_S)
    assert mounted.trained == 1
    entry = models.find_model("phantoms-quick")
    assert (entry.title, entry.version) == ("Phantoms, quick", "0.1.0")
    check = [sys.executable, "-m", "mrstyle", "models", "check", str(entry.folder)]
    checked = subprocess.run(check, env=trainer_environment(), capture_output=True, encoding="utf-8")
    assert checked.returncode == 0, checked.stderr
