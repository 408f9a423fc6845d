"""A run over several volumes, each of which may fail by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from slicer.i18n import tr as _

from .scene_run import RunState, SceneRun


@dataclass(eq=False)
class Row:
    """One volume of a run and how far it is.

    Attributes:
        name: of the volume.
        source: the volume; None while it is only a file.
        result: what was made of it, once that is in the scene.
        is_complete: whether maps and figures of the result are in the scene, too.
        fault: why it failed; empty if it did not.
        note: what the user should know about the result; empty if nothing.
    """

    name: str
    source: Any = None
    result: Any = None
    is_complete: bool = False
    fault: str = ""
    note: str = ""


@dataclass(eq=False)
class RowRun(SceneRun):
    """A `SceneRun` over rows; one case of the worker is one row, unless a kind of run says otherwise.

    Attributes:
        rows: one for each volume.
        current_row: number of the row that the worker is at, None before.
    """

    rows: list[Row] = field(default_factory=list)
    current_row: int | None = None

    @property
    def results(self) -> list[Any]:
        """Results that are in the scene."""
        return [row.result for row in self.rows if row.result is not None and self._has(row.result)]

    def row_text(self, row: Row) -> str:
        """How far a row is, in a few words."""
        if row.fault:
            return _("Failed: {fault}").format(fault=row.fault)
        if row.is_complete:
            return _("Done. {note}").format(note=row.note) if row.note else _("Done")
        if row.result is not None:
            return _("Reading the results")
        if self.state in (RunState.CANCELED, RunState.CANCELING):
            return _("Canceled")
        current = self.rows[self.current_row] if self.current_row is not None else None
        return _("Running") if row is current else _("Waiting")

    def _describe_progress(self, stage: str, case: int, cases: int) -> str:
        self.current_row = case - 1
        return super()._describe_progress(stage, case, cases)

    def _fault_of_scene(self) -> str:
        """Every volume was deleted."""
        if any(row.source is None or self._has(row.source) for row in self.rows):
            return ""
        text = _("Canceled, because {name} was deleted during the run.")
        return text.format(name=", ".join(row.name for row in self.rows))

    def _source_of(self, row: Row):
        """The volume of a row.

        Raises:
            ValueError: it was deleted.
        """
        if not self._has(row.source):
            raise ValueError(_("{name} was deleted during the run.").format(name=row.name))
        return row.source

    def _of_row(self, work: Iterator[None], row: Row) -> Iterator[None]:
        """The work; a fault in it is that of the row."""

        def take_fault(fault: str) -> None:
            row.fault = fault
            self.changed()

        return self._guarded(work, take_fault)

    def _take_failures(self, row_of_case: dict[int, Row]) -> None:
        """Give the faults of the worker's cases, or its own, to their rows."""
        outcome = self._outcome
        for case, fault in outcome.failures.items():
            row_of_case[case].fault = row_of_case[case].fault or fault
        if outcome.state == "failed" and not outcome.failures:
            for row in self.rows:
                row.fault = row.fault or ("" if row.is_complete else outcome.message)

    def _end_by_rows(self) -> None:
        """End well, or with the first fault."""
        faults = [row.fault for row in self.rows if row.fault]
        if not faults:
            self._finish(self.rows[0].note if len(self.rows) == 1 else "")
        elif len(self.rows) == 1:
            self._end(RunState.FAILED, faults[0])
        else:
            text = _("{failed} of {count} volumes failed: {fault}")
            self._end(RunState.FAILED, text.format(failed=len(faults), count=len(self.rows), fault=faults[0]))
