"""The command as a user starts it: killed and resumed, and as several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import entries, write_config
from torch import Tensor

from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.cli import main
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.loop import fit
from mrstyle_trainer.pairs import SimulatedPairs
from mrstyle_trainer.recipes import build_recipe

PATIENCE_S = 500  # for machines that are busy with other things


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]


def has_validated(run: Path) -> bool:
    return (run / "samples").is_dir() and any((run / "samples").iterdir())


def last_output(config: TrainingConfig, run: Path) -> Tensor:
    """What the network of a run makes of one held-out pair."""
    recipe = build_recipe(config)
    network = recipe.networks[recipe.main]
    network.load_state_dict(load_checkpoint(run)["networks"][recipe.main])
    sample = load_samples(config, "validation", SimulatedPairs)[0]
    with torch.no_grad():
        return recipe.predict(network.eval(), {name: value.unsqueeze(0) for name, value in sample.items()})


def test_a_killed_training_resumes_to_its_end(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = {"steps": 100, "validation_every": 10, "loader_processes": 1}
    config, run = write_config(tmp_path / "config.yaml", entries(heads, loop=loop)), tmp_path / "run"
    # Without the variables of the allocator, the command also has to restart itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mrstyle_trainer", "fit", str(config), "-o", str(run)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not has_validated(run):
            assert process.poll() is None, "the training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    monkeypatch.setattr(sys, "argv", ["mrstyle-train", "resume", str(run)])
    with pytest.raises(SystemExit) as ended:
        main()

    assert not ended.value.code
    assert "Done at step 100" in capsys.readouterr().out
    assert load_checkpoint(run)["progress"]["step"] == 100
    validated = [entry["step"] for entry in log(run) if entry["validation_psnr_db"]]
    assert validated == list(range(10, 101, 10))


def test_two_processes_learn_the_same_as_one(heads: Path, tmp_path: Path) -> None:
    loop = {"steps": 24, "validation_every": 12, "batch_size": 4}
    path = write_config(tmp_path / "config.yaml", entries(heads, loop=loop))
    config = read_config(path)
    fit(config, tmp_path / "one")
    together = subprocess.run(
        [
            Path(sys.executable).with_name("mrstyle-train"),
            "fit",
            path,
            "-o",
            tmp_path / "two",
            "--devices",
            "2",
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_S,
    )
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("Done at step 24") == 1  # one of the processes speaks

    one, two = log(tmp_path / "one"), log(tmp_path / "two")
    assert [entry["step"] for entry in two] == [entry["step"] for entry in one] == [10, 12, 20, 24, 24]
    for expected, entry in zip(one, two, strict=True):
        assert entry["losses"] == pytest.approx(expected["losses"], rel=1e-3)
        if expected["validation_psnr_db"]:
            assert entry["validation_psnr_db"] == pytest.approx(expected["validation_psnr_db"], rel=1e-3)
    images = [last_output(config, tmp_path / run) for run in ("one", "two")]
    torch.testing.assert_close(*images, rtol=0, atol=5e-3)
