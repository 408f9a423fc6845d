"""One run: volumes of the scene go to the worker process, its results come back into the scene."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.job import Case, Job
from MRStyleLib.results import import_volume
from MRStyleLib.run_folder import RunFolder, sweep
from MRStyleLib.sequences import Frame, export_frames, frames_of, import_sequence
from MRStyleLib.volumes import export_volume
from MRStyleLib.worker_run import Outcome, WorkerRun

from . import result_links
from .case_import import import_quality
from .pieces import Pieces
from .request import Request

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


@dataclass(eq=False)
class Row:
    """One content volume and how far it is: `styled` is set when it is in the scene, `fault` when it failed."""

    content: Any
    name: str
    styled: Any = None
    is_complete: bool = False
    fault: str = ""


@dataclass(eq=False)
class TransferRun:
    """A run from its start to its result; it needs no panel, and the scene must outlive it or `cancel` be called.

    Attributes:
        scene: the scene of the volumes.
        request: what to do; its `refusal` is None.
        changed: called after every change of the attributes below, on the GUI thread.
        state: where the run is.
        message: what it is doing, or how it ended, as one sentence.
        fraction: 0 to 1, None while unknown.
        remaining_s: None while unknown.
        rows: one for each content.
        current_row: number of the row that the worker is at, None before.
        hello: what the worker says about its device; None before.
        log: lines of the worker and warnings.
    """

    scene: Any
    request: Request
    changed: Callable[[], None] = lambda: None
    state: RunState = RunState.PREPARING
    message: str = ""
    fraction: float | None = None
    remaining_s: float | None = None
    rows: list[Row] = field(default_factory=list)
    current_row: int | None = None
    hello: dict[str, Any] | None = None
    log: list[str] = field(default_factory=list)
    _pieces: Pieces = field(default_factory=Pieces)
    _folder: RunFolder | None = None
    _worker: WorkerRun | None = None
    _frames: list[Frame] | None = None
    _frame_paths: dict[int, Path] = field(default_factory=dict)
    _outcome: Outcome | None = None
    _why_canceled: str = ""
    _started_s: float = 0.0

    def start(self) -> None:
        """Begin; returns at once."""
        self._started_s = time.monotonic()
        self.rows = [Row(content, content.GetName()) for content in self.request.contents]
        self._say(_("Preparing the volumes"))
        self._pieces.add(self._guarded(self._prepare()))

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

    @property
    def results(self) -> list[Any]:
        """Styled volumes that are in the scene."""
        return [row.styled for row in self.rows if row.styled is not None and self._has(row.styled)]

    def _prepare(self) -> Iterator[None]:
        sweep()
        self._folder = RunFolder()
        folder, request = self._folder.path, self.request
        yield
        style = folder / "style.nrrd"
        export_volume(request.style, style)
        yield
        contents = []
        self._frames = frames_of(self.scene, request.contents[0])
        if self._frames is not None:
            for frame in self._frames:
                contents += export_frames([frame], folder)
                yield
        else:
            for number, row in enumerate(self.rows, start=1):
                contents.append(folder / f"content_{number:04d}.nrrd")
                export_volume(row.content, contents[-1])
                yield
        self._start_worker(tuple(self._case(content, style) for content in contents))

    def _case(self, content: Path, style: Path) -> Case:
        # Frames get no maps: a user looks at one volume closely, and forty sets of maps would fill the memory.
        measured = self.request.measure_quality and self._frames is None
        stem = content.stem
        uncertain = self.request.samples > 1 and self._frames is None
        return Case(
            content=content,
            style=style,
            output=content.with_name(f"{stem}_styled.nrrd"),
            uncertainty=content.with_name(f"{stem}_sd.nrrd") if uncertain else None,
            maps=content.with_name(f"{stem}_maps") if measured else None,
            report=content.with_name(f"{stem}_report.html") if measured else None,
            name=stem,
        )

    def _start_worker(self, cases: tuple[Case, ...]) -> None:
        request = self.request
        job = Job(
            model=str(request.model.folder),
            cases=cases,
            device=request.device,
            samples=request.samples,
            series=self._frames is not None,
        )
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
        self.current_row = 0 if self._frames is not None else case - 1
        part = _("{stage}, volume {case} of {cases}") if cases > 1 else "{stage}"
        self._say(part.format(stage=stage.capitalize(), case=case, cases=cases))

    def _fault_of_scene(self) -> str:
        """Why going on is of no use: every content was deleted."""
        if any(self._has(row.content) for row in self.rows):
            return ""
        text = _("Canceled, because {name} was deleted during the run.")
        return text.format(name=", ".join(row.name for row in self.rows))

    def _on_warning(self, text: str) -> None:
        self._on_log(_("Warning: {text}").format(text=text))

    def _on_log(self, text: str) -> None:
        self.log.append(text)
        self.changed()

    def _on_result(self, case: int, result: dict[str, Any]) -> None:
        if self.state is not RunState.RUNNING:
            return
        if self._frames is not None:
            self._frame_paths[case] = Path(result["outputs"]["image"])
            return
        row = self.rows[case - 1]
        self._pieces.add(self._guarded(self._import(row, result["outputs"]), row))

    def _import(self, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        content, style = row.content, self.request.style
        if not self._has(content):
            raise ValueError(_("{name} was deleted during the run.").format(name=row.name))
        style = style if self._has(style) else None
        output = self.request.output
        if output is not None and not self._has(output):
            output = None
        styled = import_volume(
            self.scene,
            Path(outputs["image"]),
            content,
            _("{name} (synthetic)").format(name=row.name),
            output,
            window_like=style,
        )
        result_links.remove_quality(self.scene, styled)
        result_links.link_inputs(styled, content, style)
        yield  # reading and showing are each as long as one piece may be
        row.styled = styled
        self.changed()
        yield
        yield from import_quality(self.scene, styled, content, outputs)
        row.is_complete = True
        self.changed()

    def _import_sequence(self) -> Iterator[None]:
        row = self.rows[0]
        if not self._has(row.content):
            raise ValueError(_("{name} was deleted during the run.").format(name=row.name))
        yield
        style = self.request.style if self._has(self.request.style) else None
        results = [
            (frame, self._frame_paths[number])
            for number, frame in enumerate(self._frames, start=1)
            if number in self._frame_paths
        ]
        name = _("{name} (synthetic)").format(name=row.name)
        row.styled = yield from import_sequence(self.scene, results, row.content, name, window_like=style)
        result_links.link_inputs(row.styled, row.content, style if self._has(style) else None)
        row.is_complete = True
        self.changed()

    def _on_finished(self, outcome: Outcome) -> None:
        self._outcome = outcome
        if self.state is RunState.CANCELING or outcome.state == "canceled":
            self._end(RunState.CANCELED, self._why_canceled or outcome.message)
            return
        if self._frames is not None and self._frame_paths:
            self._pieces.add(self._guarded(self._import_sequence(), self.rows[0]))
        self._pieces.add(self._guarded(self._conclude()))

    def _conclude(self) -> Iterator[None]:
        outcome = self._outcome
        if self._frames is None:
            for case, fault in outcome.failures.items():
                self.rows[case - 1].fault = self.rows[case - 1].fault or fault
        elif outcome.failures:
            first = min(outcome.failures)
            text = _("{count} frames failed; the first is frame {number}: {fault}")
            count = len(outcome.failures)
            self.rows[0].fault = text.format(count=count, number=first, fault=outcome.failures[first])
        if outcome.state == "failed" and not outcome.failures:
            for row in self.rows:
                row.fault = row.fault or ("" if row.styled else outcome.message)
        faults = [row.fault for row in self.rows if row.fault]
        if not faults:
            seconds = time.monotonic() - self._started_s
            self._end(RunState.FINISHED, _("Finished in {seconds:.0f} s.").format(seconds=seconds))
        elif len(self.rows) == 1:
            self._end(RunState.FAILED, faults[0])
        else:
            text = _("{failed} of {count} volumes failed: {fault}")
            self._end(RunState.FAILED, text.format(failed=len(faults), count=len(self.rows), fault=faults[0]))
        yield

    def _guarded(self, work: Iterator[None], row: Row | None = None) -> Iterator[None]:
        """The work; a fault in it is that of its row, or ends the run."""
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
        if row is not None:
            row.fault = fault
            self.changed()
        else:
            self._fail(fault)

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

    def _end(self, state: RunState, message: str) -> None:
        if self.state.is_over:
            return
        self._pieces.clear()
        if self._folder is not None:
            self._folder.remove()
        self.state, self.fraction, self.remaining_s = state, None, None
        logging.info("MRStyle: %s", message)
        self._say(message)
