"""What the tests of the worker share: heads, a model, a job, and the program that starts the worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np
import pytest

from mrstyle import methods, worker, worker_cancel
from mrstyle.errors import Cancelled
from mrstyle.history import History, versions
from mrstyle.models.package import save_package
from mrstyle.translate import Result
from mrstyle.volume import Volume, write_volume

START = "import sys; from mrstyle import worker; sys.exit(worker.run(sys.argv[1], sys.stdin, sys.stdout))"
HISTORY = History(
    model_id="plain",
    model_version="1.0.0",
    weights_sha256=None,
    target={},
    content={},
    samples=1,
    seed=0,
    device="cpu",
    precision="float32",
    planes=[],
    versions=versions(),
    created="2026-01-02T03:04:05+00:00",
)
ACCEPTS = {
    "body_part": "any",
    "contrasts": [],
    "skull": "any",
    "minimum_size_voxels": 4,
    "spacing_mm": [0.1, 9],
}
CARD = {
    "schema_version": 1,
    "id": "plain",
    "version": "1.0.0",
    "title": "Plain",
    "description": "For tests.",
    "method": "histogram_matching",
    "config": {},
    "target_kinds": ["reference"],
    "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
    "license": "Apache-2.0",
    "bf16_psnr_db": None,
    "citation": "None.",
    "recipe": None,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real package that needs no weights."""
    folder = tmp_path_factory.mktemp("models") / "plain"
    network = methods.build("histogram_matching", {})
    save_package(folder, {**CARD, "accepts": {**ACCEPTS, "dim": network.dim}}, network)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a content, a style on another grid, and a name that is not ASCII."""
    folder = tmp_path / "Köpfe"
    folder.mkdir()
    write_volume(head((14, 16, 18), spacing_mm=1.5, power=1.0), folder / "content.nii.gz")
    write_volume(head((12, 12, 12), spacing_mm=2.0, power=0.4), folder / "style.nii.gz")
    return folder


def head(shape: tuple[int, int, int], spacing_mm: float, power: float) -> Volume:
    """A bright ball with a gradient in darkness."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    ball = np.where(sum(a**2 for a in axes) < 0.7, (0.4 + 0.3 * (axes[0] + 1)) ** power * 800, 0)
    noise = np.random.default_rng(1).normal(0, 2, shape)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    return Volume(np.ascontiguousarray(np.abs(ball + noise), dtype=np.float32), affine, "head")


def case(folder: Path, number: int = 1, **changes: Any) -> dict[str, Any]:
    paths = {"content": "content.nii.gz", "style": "style.nii.gz", "output": f"styled{number}.nii.gz"}
    return {key: str(folder / path) for key, path in paths.items()} | {"name": f"case {number}"} | changes


def write_job(folder: Path, model: Path, *cases: dict[str, Any], **changes: Any) -> Path:
    path = folder / "job.json"
    path.write_text(json.dumps({"model": str(model), "device": "cpu", "cases": cases, **changes}))
    return path


class Parent:
    """The program that starts the worker: it holds the other ends of the streams."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.stdout_path = folder / "stdout.txt"
        read_end, self.write_end = os.pipe()
        self.stdin: TextIO = os.fdopen(read_end)
        self.stdout: TextIO = self.stdout_path.open("w")

    def run(self, *cases: dict[str, Any], **job: Any) -> tuple[int, list[dict[str, Any]]]:
        """Run the worker in this process; returns its exit code and its lines."""
        return self.run_file(write_job(self.folder, self.model, *cases, **job))

    def run_file(self, job: Path) -> tuple[int, list[dict[str, Any]]]:
        code = worker.run(job, self.stdin, self.stdout)
        return code, parse(self.stdout_path.read_bytes())

    def hang_up(self) -> None:
        """Close the worker's standard input."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def hang_up_and_wait(self, cancel: Callable[[], bool]) -> NoReturn:
        """Hang up and do as work does that asks ``cancel`` now and then: raise Cancelled when it says so."""
        self.hang_up()
        deadline = time.monotonic() + 10
        while not cancel():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        raise Cancelled


@pytest.fixture
def parent(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parent]:
    # The worker runs in the tests' own process, which it must not end.
    monkeypatch.setattr(worker_cancel, "GRACE_S", 60.0)
    parent = Parent(folder, model)
    yield parent
    parent.hang_up()
    parent.stdout.close()


def parse(data: bytes) -> list[dict[str, Any]]:
    """Protocol lines; fails on anything else in the stream."""
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.decode("ascii").splitlines()]


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in lines if line["type"] != "progress"]


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


def use(monkeypatch: pytest.MonkeyPatch, action: Callable[..., Any]) -> None:
    """Let each translation call ``action(progress, cancel)`` and then return the content as the result."""

    def translate(volume: Volume, *_: Any, progress: Any, cancel: Any, **__: Any) -> Result:
        changes = action(progress, cancel) or {}
        result = Result(image=volume, uncertainty=None, history=HISTORY, notes=[])
        return replace(result, **changes)

    monkeypatch.setattr(worker, "translate", translate)


def start(job: Path, code: str = START, **streams: Any) -> subprocess.Popen[bytes]:
    """Run the worker as a process."""
    command = [sys.executable, "-c", code, str(job)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, **{"stdin": subprocess.PIPE, **streams})
