"""One run of the worker process, from start to outcome."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .environment import python_executable, worker_environment
from .job import Job
from .messages import LineReader, MessageReader
from .outcome import Outcome, Record, judge
from .process import Process, ProcessEnd

PROTOCOL = 1
JOB_NAME = "job.json"
LOG_TAIL_LINES = 20
_LOG_INTERVAL_S = 0.1
_LOG_LINES_AT_ONCE = 200
_WAIT_STEP_S = 0.05
# A cancel that is asked for: seconds after which the next harder means is taken. The worker itself takes up to 1.5.
_TERMINATE_S, _KILL_S, _GIVE_UP_S = 2.0, 2.5, 2.9


class RunState(Enum):
    """Where a run is; it only moves down this list."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    CANCELING = "canceling"
    DONE = "done"


def _ignore(*_what: object) -> None:
    pass


class WorkerRun:
    """Runs a job in a worker process and tells what happens through functions, which are set before the start.

    The functions are called in the application's event loop, or within `wait`; nothing blocks. What one of them
    raises is logged and does not end the run. When `on_finished` is called, the process is gone.

    Args:
        job: what to do.
        folder: where the job file is written and the worker runs; it stays as it is.
        process: by default one that Qt runs.

    Attributes:
        on_hello: (dict) the worker is ready; device, name (of the device), torch, vram_free_mb, reason.
        on_progress: (fraction, stage, eta_s or None, case, cases), fraction of the whole job from 0 to 1.
        on_warning: (text) something that the user should know about a result.
        on_result: (case, dict) outputs: the paths of its files by kind; seconds. Also after a cancel. What this
            one raises becomes the failure of the case.
        on_log: (text) lines that the worker printed, several at once, at most ten times a second.
        on_finished: (Outcome) once, at the end.
    """

    def __init__(self, job: Job, folder: Path, process: Process | None = None) -> None:
        self.on_hello: Callable[[dict[str, Any]], None] = _ignore
        self.on_progress: Callable[[float, str, float | None, int, int], None] = _ignore
        self.on_warning: Callable[[str], None] = _ignore
        self.on_result: Callable[[int, dict[str, Any]], None] = _ignore
        self.on_log: Callable[[str], None] = _ignore
        self.on_finished: Callable[[Outcome], None] = _ignore
        self.state = RunState.IDLE
        self.outcome: Outcome | None = None
        self._job, self._folder = job, folder
        self._process = _default_process() if process is None else process
        self._messages, self._error_lines = MessageReader(), LineReader()
        self._record = Record(cases=len(job.cases))
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self._log: deque[str] = deque(maxlen=_LOG_LINES_AT_ONCE)
        self._log_skipped = 0
        self._log_is_due = False
        self._steps: list[tuple[float, Callable[[], None]]] = []

    def start(self) -> None:
        """Start the worker.

        Raises:
            RuntimeError: this run was started before, or this Slicer has no Python to run it.
            OSError: the job file cannot be written.
        """
        if self.state is RunState.CANCELING:
            raise RuntimeError(_("This run is being canceled; wait until it has ended."))
        if self.state is not RunState.IDLE:
            raise RuntimeError(_("This run was started before; wait for its end or cancel it."))
        program = python_executable()
        self._job.write(self._folder / JOB_NAME)
        self._process.on_output = self._read
        self._process.on_error_output = self._read_error_output
        self._process.on_end = self._ended
        self.state = RunState.STARTING
        arguments = ["-m", "mrstyle", "infer", "--job", JOB_NAME]
        self._process.start(program, arguments, worker_environment(), self._folder)

    def cancel(self) -> None:
        """End the run within three seconds; results that are whole by then are kept."""
        if self.state in (RunState.STARTING, RunState.RUNNING):
            self._record.cancel_asked = True
            self._stop()

    def wait(self, timeout_s: float | None = None) -> Outcome:
        """Block until the run has ended, for scripts; the application does not answer meanwhile.

        Raises:
            RuntimeError: it was never started.
            TimeoutError: it still runs.
        """
        if self.state is RunState.IDLE:
            raise RuntimeError(_("This run was not started."))
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.outcome is None:
            self._process.wait(_WAIT_STEP_S)
            self._take_steps()
            self._flush_log()
            if self.outcome is None and deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(
                    _("MRStyle's worker process still runs after {time} s.").format(time=timeout_s)
                )
        return self.outcome

    def _stop(self) -> None:
        # Before its hello a worker neither listens nor writes: there is nothing to wait for.
        start = time.monotonic() - (_TERMINATE_S if self.state is RunState.STARTING else 0.0)
        self.state = RunState.CANCELING
        self._process.remember_tree()
        self._process.close_input()
        ladder = ((_TERMINATE_S, self._terminate), (_KILL_S, self._process.kill), (_GIVE_UP_S, self._give_up))
        for delay_s, step in ladder:
            self._steps.append((start + delay_s, step))
            self._process.later(max(0.0, start + delay_s - time.monotonic()) + 0.01, self._take_steps)

    def _take_steps(self) -> None:
        """Also called while `wait` blocks, when no timer runs."""
        while self._steps and self.state is not RunState.DONE and time.monotonic() >= self._steps[0][0]:
            self._steps.pop(0)[1]()

    def _terminate(self) -> None:
        self._process.remember_tree()
        self._process.terminate()

    def _give_up(self) -> None:
        """A process that the system cannot end at once, such as one that waits for a network drive."""
        self._ended(ProcessEnd(-1, killed=True))

    def _read(self, data: bytes) -> None:
        self._take(self._messages.feed(data))

    def _read_error_output(self, data: bytes) -> None:
        self._add_log(self._error_lines.feed(data))

    def _take(self, messages: list[dict[str, Any]]) -> None:
        """Of progress messages that arrive together, the last one says it all; what is mere text is taken at once."""
        self._add_log([message["text"] for message in messages if message["type"] == "log"])
        progress = None
        for message in messages:
            if message["type"] == "log":
                continue
            if self.state is RunState.DONE:
                return
            if message["type"] == "progress":
                progress = message
                continue
            if progress is not None:
                self._take_progress(progress)
                progress = None
            getattr(self, f"_take_{message['type']}")(message)
        if progress is not None:
            self._take_progress(progress)

    def _take_hello(self, message: dict[str, Any]) -> None:
        if self.state is not RunState.STARTING:
            return
        self._process.remember_tree()
        if message["protocol"] != PROTOCOL:
            self._record.fault = _(
                "MRStyle's panels and its worker process are of different versions; install the extension again."
            )
            self._stop()
            return
        self.state = RunState.RUNNING
        self._call(self.on_hello, message)

    def _take_progress(self, message: dict[str, Any]) -> None:
        if self.state is RunState.RUNNING:
            names = ("fraction", "stage", "eta_s", "case", "cases")
            self._call(self.on_progress, *(message[name] for name in names))

    def _take_warning(self, message: dict[str, Any]) -> None:
        self._call(self.on_warning, message["message"])

    def _take_result(self, message: dict[str, Any]) -> None:
        number = message["case"]
        if number > self._record.cases or number in self._record.results:
            return
        fault = self._call(self.on_result, number, message)
        if fault:
            self._record.failures[number] = fault
        else:
            self._record.results.add(number)

    def _take_error(self, message: dict[str, Any]) -> None:
        if details := message.get("traceback"):
            self._add_log(str(details).splitlines())
        if message.get("case") is None:
            self._record.error = (message["code"], message["message"])
        elif message["case"] <= self._record.cases:
            self._record.failures[message["case"]] = message["message"]

    def _add_log(self, lines: list[str]) -> None:
        if not lines or self.state is RunState.DONE:
            return
        self._tail.extend(lines)
        self._log_skipped += max(0, len(self._log) + len(lines) - _LOG_LINES_AT_ONCE)
        self._log.extend(lines)
        if not self._log_is_due:
            self._log_is_due = True
            self._process.later(_LOG_INTERVAL_S, self._flush_log)

    def _flush_log(self) -> None:
        """A worker that prints without end must not keep the application busy: only the last lines are shown."""
        self._log_is_due = False
        if not self._log:
            return
        lines = list(self._log)
        if self._log_skipped:
            lines.insert(0, _("({count} lines are left out)").format(count=self._log_skipped))
        self._log.clear()
        self._log_skipped = 0
        self._call(self.on_log, "\n".join(lines))

    def _ended(self, end: ProcessEnd) -> None:
        if self.state is RunState.DONE:
            return
        self._take(self._messages.close())
        self._add_log(self._error_lines.close())
        self._flush_log()
        self.state = RunState.DONE
        self.outcome = judge(self._record, end, "\n".join(self._tail))
        self._call(self.on_finished, self.outcome)

    def _call(self, function: Callable[..., None], *arguments: Any) -> str:
        """Call one of the user's functions; returns what was wrong with it, which must not end the run."""
        try:
            function(*arguments)
        except Exception as error:
            logging.exception("MRStyle: a function that a run calls has failed")
            return str(error) or type(error).__name__
        return ""


def _default_process() -> Process:
    from .qt_process import QtProcess

    return QtProcess()
