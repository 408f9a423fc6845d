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

from mrstyle_trainer.checkpoint import load_checkpoint

PATIENCE_S = 400  # for machines that are busy with other things
COMMAND = str(Path(sys.executable).with_name("mrstyle-train"))


def train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [COMMAND, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_killed_training_resumes_to_its_end(heads: Path, tmp_path: Path) -> None:
    loop = {"steps": 150, "validation_every": 10, "loader_processes": 1}
    config, run = write_config(tmp_path / "config.yaml", entries(heads, loop=loop)), tmp_path / "run"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")
    }  # so that it restarts itself
    process = subprocess.Popen(
        [sys.executable, "-m", "mrstyle_trainer", "fit", str(config), "-o", str(run)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (
            "validation_psnr_db" not in (run / "log.jsonl").read_text()
            if (run / "log.jsonl").exists()
            else True
        ):
            assert process.poll() is None, "the training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    resumed = train("resume", run)

    assert resumed.returncode == 0, resumed.stderr
    assert "Done at step 150" in resumed.stdout
    assert load_checkpoint(run)["progress"]["step"] == 150
    validated = [entry["step"] for entry in log(run) if "validation_psnr_db" in entry]
    assert validated[-1] == 150
    assert validated == sorted(set(validated))


def test_two_processes_learn_the_same_as_one(heads: Path, tmp_path: Path) -> None:
    loop = {"steps": 24, "validation_every": 12, "batch_size": 4}
    config = write_config(tmp_path / "config.yaml", entries(heads, loop=loop))
    for devices in ("1", "2"):
        done = train("fit", config, "-o", tmp_path / devices, "--devices", devices)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Done at step 24") == 1

    one, two = (log(tmp_path / devices) for devices in ("1", "2"))
    assert [entry["step"] for entry in two] == [entry["step"] for entry in one] == [12, 20, 24, 24]
    for alone, together in zip(one, two, strict=True):
        del alone["seconds"], together["seconds"]
        assert together == pytest.approx(alone, rel=1e-3)
    torch.testing.assert_close(
        load_checkpoint(tmp_path / "2")["networks"],
        load_checkpoint(tmp_path / "1")["networks"],
        rtol=1e-2,
        atol=1e-3,
    )
