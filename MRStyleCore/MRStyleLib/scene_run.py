"""A run that a panel shows: volumes of the scene go to the worker process, its results come back into the scene."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from slicer.i18n import tr as _

from .pieces import Pieces
from .run_folder import RunFolder, sweep
from .worker_run import Outcome, WorkerRun

_GOODBYE_S = 5.0


class RunState(enum.Enum):
    """Where a run is."""

    PREPARING = "preparing"
    RUNNING = "running"
    CANCELING = "canceling"
    FINISHED = "finished"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing happens any more."""
        return self in (RunState.FINISHED, RunState.CANCELED, RunState.FAILED)


class WritableJob(Protocol):
    """What the worker is told to do; see `WorkerRun`."""

    cases: tuple

    def write(self, path) -> None:
        """Write the job file."""


@dataclass(eq=False)
class SceneRun:
    """A run from its start to its result; it needs no panel, and the scene must outlive it or `cancel` be called.

    A kind of run says what to prepare (`_prepare`, which ends with `_start_worker`), takes the worker's results
    (`_take_result`) and ends the run (`_conclude`, which calls `_end`).

    Attributes:
        scene: the scene of the volumes.
        request: what to do; its `refusal` is None.
        changed: called after every change of the attributes below, on the GUI thread.
        state: where the run is.
        message: what it is doing, or how it ended, as one sentence.
        fraction: 0 to 1, None while unknown.
        remaining_s: None while unknown.
        hello: what the worker says about its device; None before.
        log: lines of the worker and warnings.
    """

    scene: Any
    request: Any
    changed: Callable[[], None] = lambda: None
    state: RunState = RunState.PREPARING
    message: str = ""
    fraction: float | None = None
    remaining_s: float | None = None
    hello: dict[str, Any] | None = None
    log: list[str] = field(default_factory=list)
    _pieces: Pieces = field(default_factory=Pieces)
    _folder: RunFolder | None = None
    _worker: WorkerRun | None = None
    _outcome: Outcome | None = None
    _why_canceled: str = ""
    _started_s: float = 0.0

    def start(self) -> None:
        """Begin; returns at once."""
        self._started_s = time.monotonic()
        self._say(_("Preparing the volumes"))
        self._pieces.add(self._guarded(self._prepare_in_folder()))

    def wait(self) -> None:
        """Block until the run is over, for scripts."""
        while not self.state.is_over:
            self._pieces.drain()
            if self._worker is not None and self._outcome is None:
                self._worker.wait(None)

    def cancel(self, reason: str = "") -> None:
        """Stop; what is in the scene already stays. A second call, or one after the end, does nothing."""
        if self.state.is_over or self.state is RunState.CANCELING:
            return
        self._why_canceled = reason or _("Canceled.")
        self._pieces.clear()
        self.state = RunState.CANCELING
        if self._worker is None or self._outcome is not None:
            self._end(RunState.CANCELED, self._why_canceled)
            return
        self._say(_("Canceling"))
        self._worker.cancel()

    def abandon(self) -> None:
        """Cancel and wait for the process to be gone, when the panel or the application ends."""
        self.changed = lambda: None
        self.cancel()
        if not self.state.is_over:
            with suppress(TimeoutError):
                self._worker.wait(_GOODBYE_S)

    def _prepare(self) -> Iterator[None]:
        """Write the inputs and start the worker; each `yield` lets the application answer."""
        raise NotImplementedError

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        """Take the worker's result line of a case, counted from 1."""
        raise NotImplementedError

    def _conclude(self) -> Iterator[None]:
        """End the run whose worker has ended with `_outcome`."""
        raise NotImplementedError

    def _fault_of_scene(self) -> str:
        """Why going on is of no use; empty if it is."""
        return ""

    def _describe_progress(self, stage: str, case: int, cases: int) -> str:
        """What the worker is doing, as a sentence."""
        part = _("{stage}, volume {case} of {cases}") if cases > 1 else "{stage}"
        return part.format(stage=stage.capitalize(), case=case, cases=cases)

    def _prepare_in_folder(self) -> Iterator[None]:
        sweep()
        self._folder = RunFolder()
        yield
        yield from self._prepare()

    def _start_worker(self, job: WritableJob) -> None:
        worker = self._worker = WorkerRun(job, self._folder.path)
        worker.on_hello = self._on_hello
        worker.on_progress = self._on_progress
        worker.on_warning = self._on_warning
        worker.on_result = self._on_result
        worker.on_log = self._on_log
        worker.on_finished = self._on_finished
        self.state = RunState.RUNNING
        self._say(_("Starting the model"))
        worker.start()

    def _on_hello(self, hello: dict[str, Any]) -> None:
        self.hello = hello
        self.changed()

    def _on_progress(self, fraction: float, stage: str, remaining_s, case: int, cases: int) -> None:
        if self.state is not RunState.RUNNING:
            return
        if fault := self._fault_of_scene():
            self.cancel(fault)
            return
        self.fraction, self.remaining_s = fraction, remaining_s
        self._say(self._describe_progress(stage, case, cases))

    def _on_warning(self, text: str) -> None:
        self._on_log(_("Warning: {text}").format(text=text))

    def _on_log(self, text: str) -> None:
        self.log.append(text)
        self.changed()

    def _on_result(self, case: int, result: dict[str, Any]) -> None:
        if self.state is RunState.RUNNING:
            self._take_result(case, result)

    def _on_finished(self, outcome: Outcome) -> None:
        self._outcome = outcome
        if self.state is RunState.CANCELING or outcome.state == "canceled":
            self._end(RunState.CANCELED, self._why_canceled or outcome.message)
            return
        self._pieces.add(self._guarded(self._conclude()))

    def _guarded(
        self, work: Iterator[None], take_fault: Callable[[str], None] | None = None
    ) -> Iterator[None]:
        """The work; a fault in it, as a sentence, goes to ``take_fault`` or ends the run."""
        try:
            yield from work
        except (ValueError, OSError, RuntimeError) as error:
            fault = str(error)
        except Exception as error:
            logging.exception("MRStyle: a run failed")
            text = _(
                "MRStyle failed in a way that it should not: {error}; the application log has the details."
            )
            fault = text.format(error=error)
        else:
            return
        (take_fault or self._fail)(fault)

    def _fail(self, fault: str) -> None:
        if self._worker is not None and self._outcome is None:
            self._worker.on_finished = lambda outcome: None
            self._worker.cancel()
        self._end(RunState.FAILED, fault)

    def _has(self, node) -> bool:
        return node is not None and bool(self.scene.IsNodePresent(node))

    def _say(self, message: str) -> None:
        self.message = message
        self.changed()

    def _finish(self, note: str = "") -> None:
        """End well; ``note`` is what the user should know about the result."""
        seconds = time.monotonic() - self._started_s
        text = _("Finished in {seconds:.0f} s.").format(seconds=seconds)
        self._end(RunState.FINISHED, f"{text} {note}" if note else text)

    def _end(self, state: RunState, message: str) -> None:
        if self.state.is_over:
            return
        self._pieces.clear()
        if self._folder is not None:
            self._folder.remove()
        self.state, self.fraction, self.remaining_s = state, None, None
        logging.info("MRStyle: %s", message)
        self._say(message)
