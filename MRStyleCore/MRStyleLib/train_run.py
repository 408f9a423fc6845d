"""A training: started as a process that outlives the application, found again by its folder, stopped, resumed."""

from __future__ import annotations

import enum
import json
import logging
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from slicer.i18n import tr as _

from . import settings
from .environment import python_executable, trainer_environment
from .process_tree import ProcessTree, process_mark
from .train_driver import EXPORTING, OVER
from .train_files import CHECKPOINT, LOG, PROCESS, REQUEST, RUN, STOP, Status, last_line, read_json

_START_S = 120
_PID_DIGITS = 11


class TrainingState(enum.Enum):
    """Where a training stands."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXPORTING = "exporting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Whether a process works on it."""
        return self in (self.STARTING, self.RUNNING, self.STOPPING, self.EXPORTING)


@dataclass(frozen=True)
class TrainingRequest:
    """What the user asked for.

    Args:
        title: of the model.
        model_id: of the model; its version is the first that there is not yet.
        recipe: name of the recipe.
        data: the BIDS folder; empty where the recipe needs none.
        minutes: time budget.
        device: "auto", "cpu", "cuda" or "mps".
        models: the folder that the model is put into.
        created: when it was asked for, for people.
    """

    title: str
    model_id: str
    recipe: str
    data: str
    minutes: int
    device: str
    models: str
    created: str


class Training:
    """One training by its folder (`train_files`); there may be several objects of one, also in other applications.

    Args:
        folder: of a training; what is missing or damaged in it makes the training failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / RUN
        self._launcher: subprocess.Popen | None = None
        self._launched = 0.0
        self.refresh()

    @classmethod
    def create(cls, folder: Path, request: TrainingRequest) -> Training:
        """A training in an existing folder; it is remembered.

        Raises:
            OSError: the folder cannot be written to.
        """
        text = json.dumps(asdict(request), ensure_ascii=False, indent=2)
        (folder / REQUEST).write_text(text + "\n", encoding="utf-8")
        settings.remember_training(folder)
        return cls(folder)

    def refresh(self) -> None:
        """Read again where it stands; takes about a millisecond."""
        self.status = Status.read(self.run)
        self._process = read_json(self.folder / PROCESS)
        self.state = self._state()

    @property
    def name(self) -> str:
        """The title of its model and when it was started."""
        request = read_json(self.folder / REQUEST)
        title, created = request.get("title"), request.get("created")
        return f"{title} ({created})" if title and created else self.folder.name

    @property
    def package(self) -> Path | None:
        """The model that came out of it."""
        package = self._process.get("package")
        return Path(package) if isinstance(package, str) and package else None

    @property
    def can_go_on(self) -> bool:
        """Whether there is something to resume, or to make a model of."""
        unfinished = self.state in (TrainingState.STOPPED, TrainingState.FAILED)
        return unfinished and (self.run / CHECKPOINT).is_file()

    def start(self, action: str) -> None:
        """Start the process: "fit", "resume", or "export" to make a model of what is there.

        Raises:
            RuntimeError: it is active, or this Slicer has no Python.
            OSError: the folder cannot be written to.
        """
        self.refresh()
        if self.state.is_active:
            raise RuntimeError(_("This training runs already."))
        (self.run / STOP).unlink(missing_ok=True)
        (self.folder / PROCESS).unlink(missing_ok=True)
        arguments = ["-m", "MRStyleLib.train_driver", str(self.folder), action]
        with (self.folder / LOG).open("ab") as log:
            self._launcher = subprocess.Popen(
                [python_executable(), *arguments],
                cwd=self.folder,
                env=trainer_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_apart(),
            )
        self._launched = time.monotonic()
        logging.info("MRStyle: training in %s: %s", self.folder, action)
        self.refresh()

    def stop(self) -> None:
        """Ask it to save and to stop; it does so at its next step.

        Raises:
            OSError: its folder cannot be written to.
        """
        self.run.mkdir(exist_ok=True)
        (self.run / STOP).touch()
        self.refresh()

    def kill(self) -> None:
        """End its processes at once; what was learned since the last checkpoint is lost.

        Raises:
            OSError: its folder cannot be written to.
        """
        for pid in self._living():
            ProcessTree(pid).kill()
        if self._launcher is not None and self._launcher.poll() is None:
            ProcessTree(self._launcher.pid).kill()
        (self.folder / PROCESS).write_text(json.dumps({"stage": OVER}), encoding="utf-8")
        self.refresh()

    def remove(self) -> None:
        """Forget it and delete its folder; the model that came out of it stays.

        Raises:
            RuntimeError: it is active.
        """
        self.refresh()
        if self.state.is_active:
            raise RuntimeError(_("This training runs; stop it first."))
        settings.forget_training(self.folder)
        # Settings are a file that anything may have written: only what is a training is deleted.
        if (self.folder / REQUEST).is_file():
            shutil.rmtree(self.folder, ignore_errors=True)

    def message(self) -> str:
        """Why it failed or what to know about its end, as a sentence; empty where there is nothing to say."""
        if self.state.is_active or self.state is TrainingState.FINISHED:
            return ""
        if not (self.folder / REQUEST).is_file():
            return _("The folder {folder} is gone or no longer that of a training.").format(
                folder=self.folder
            )
        said = self._process.get("message")
        if isinstance(said, str) and said:
            return said
        if self.state is TrainingState.STOPPED:
            text = _("It ended without saving; resuming goes back to its last checkpoint.")
            return text if self.status.state == "running" else ""
        return last_line(self.folder / LOG) or _("The trainer did not start; try again.")

    def _state(self) -> TrainingState:
        if self._living():
            if self._process.get("stage") == EXPORTING:
                return TrainingState.EXPORTING
            if (self.run / STOP).exists():
                return TrainingState.STOPPING
            return TrainingState.RUNNING if self.status.state == "running" else TrainingState.STARTING
        if self._is_launching():
            return TrainingState.STARTING
        if self.package is not None:
            return TrainingState.FINISHED
        is_stopped = self._process and not self._process.get("message")
        return TrainingState.STOPPED if is_stopped else TrainingState.FAILED

    def _is_launching(self) -> bool:
        """Whether the process was started from here and has not said yet who it is."""
        if self._launcher is None:
            return False
        is_alive = self._launcher.poll() is None  # which also lets the system forget it
        return is_alive and not self._process and time.monotonic() - self._launched < _START_S

    def _living(self) -> list[int]:
        """Its processes that still run; one that has only the pid of a former one does not count."""
        marks = self._process.get("processes")
        if self._process.get("stage") == OVER or not isinstance(marks, dict):
            return []
        pids = {int(pid): mark for pid, mark in marks.items() if pid.isdecimal() and len(pid) < _PID_DIGITS}
        return [pid for pid, mark in pids.items() if mark and process_mark(pid) == mark]


def _apart() -> dict[str, int | bool]:
    """How a process is started that is not ended with this one, nor by Ctrl-C in its terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
