"""Started by itself, without Slicer's application: trains, and makes a model of what was learned.

    python -m MRStyleLib.train_driver FOLDER fit|resume|export

It outlives the application, so a model is in the list even if Slicer was closed meanwhile. ``process.json`` in the
folder (`train_files`) says which processes work there and, at the end, where the model is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .process_tree import process_mark
from .train_files import LOG, PROCESS, REQUEST, RUN, SCANS, last_line, read_json

TRAINING, EXPORTING, OVER = "training", "exporting", "over"
_STOPPED = 3  # exit code of a trainer that was asked to stop


def main(folder: Path, action: str) -> int:
    """Do ``action`` and, where a training has finished, what follows; returns an exit status."""
    request = read_json(folder / REQUEST)
    package = _free_place(Path(request["models"]), request["model_id"])
    code = 0
    for stage, arguments in _steps(folder, action, request, package):
        code = _trainer(folder, stage, arguments)
        if code != 0:
            break
    else:
        # Exported volumes are of patients: they stay no longer than they are needed.
        shutil.rmtree(folder / SCANS, ignore_errors=True)
    # A signal leaves no last words, and who asked for the end needs none.
    message = (last_line(folder / LOG) or f"exit code {code}") if code > 0 and code != _STOPPED else ""
    _note(folder, OVER, package=str(package) if code == 0 else "", message=message)
    return code


def _steps(
    folder: Path, action: str, request: dict[str, Any], package: Path
) -> Iterator[tuple[str, list[str]]]:
    """What the trainer is to do, one after the other: (stage, arguments)."""
    run, limits = str(folder / RUN), ["--minutes", str(request["minutes"]), "--device", request["device"]]
    if action == "fit":
        config = str(folder / f"{request['model_id']}.yaml")  # the model gets the id of its file
        data = ["--data", request["data"]] if request["data"] else []
        yield (
            TRAINING,
            ["new", "--recipe", request["recipe"], "-o", config, "--title", request["title"], *data],
        )
        yield TRAINING, ["fit", config, "-o", run, *limits]
    elif action == "resume":
        yield TRAINING, ["resume", run, *limits]
    package.parent.mkdir(parents=True, exist_ok=True)
    version = package.name.removeprefix(f"{request['model_id']}-")
    yield EXPORTING, ["export", run, str(package), "--version", version]


def _free_place(models: Path, model_id: str) -> Path:
    """The folder of the first version of this model that there is not yet."""
    minor = 1
    while (models / f"{model_id}-0.{minor}.0").exists():
        minor += 1
    return models / f"{model_id}-0.{minor}.0"


def _trainer(folder: Path, stage: str, arguments: list[str]) -> int:
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mrstyle_trainer", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _note(folder, stage, trainer=process.pid)
        return process.wait()


def _note(folder: Path, stage: str, trainer: int = 0, **more: Any) -> None:
    pids = [pid for pid in (os.getpid(), trainer) if pid]
    content = {"stage": stage, "processes": {str(pid): process_mark(pid) for pid in pids}, **more}
    partial = folder / f".{PROCESS}"
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(folder / PROCESS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
