"""What the commands show: progress on standard error, tables on standard output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from .qa.wording import accepts_text, distinct_notes, figure_text, sequence_text, value_text

if TYPE_CHECKING:
    from .models.card import ModelCard
    from .models.catalogue import Entry
    from .qa.evaluate import Row
    from .translate import Progress as Translation

HEAD_MEGAVOXELS = 7.2
_PLAIN_INTERVAL_S = 5.0


class ProgressDisplay:
    """Stage, bar and time left. Where there is no terminal: plain lines, now and then, once the work has begun.

    Whatever is refused is refused before that, so its one sentence stands alone.
    """

    def __init__(self, console: Console, bar: Progress, task: TaskID) -> None:
        self._console = console
        self._bar = bar
        self._task = task
        self._begun = False
        self._last_line = time.monotonic()

    def __call__(self, progress: Translation) -> None:
        """Show the progress of a translation."""
        if progress.message:
            self.note(progress.message)
            return
        self._begun = self._begun or progress.fraction > 0
        left = "" if progress.remaining_s is None else f"{_duration(progress.remaining_s)} left"
        self._bar.update(self._task, description=progress.stage, completed=progress.fraction, left=left)
        self._now_and_then(f"{progress.stage}, {progress.fraction:.0%}{left and f', {left}'}")

    def stage(self, name: str) -> None:
        """A stage that does not tell how far it is."""
        self._bar.update(self._task, description=name, left="")
        self._now_and_then(name)

    def note(self, message: str) -> None:
        """Something that the user should know."""
        self._say(message)

    def _now_and_then(self, text: str) -> None:
        now = time.monotonic()
        if self._begun and not self._console.is_terminal and now - self._last_line >= _PLAIN_INTERVAL_S:
            self._last_line = now
            self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_display() -> Iterator[ProgressDisplay]:
    """A progress display on standard error, removed when the block ends."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        yield ProgressDisplay(console, bar, bar.add_task("starting", total=1.0, left=""))


@dataclass
class ManyDisplay:
    """Progress of one of several pieces of work as that of all; what is to be noted about several is said once."""

    display: ProgressDisplay
    count: int
    number: int = 0
    said: set[str] = field(default_factory=set)

    def __call__(self, progress: Translation) -> None:
        if progress.message:
            if progress.message not in self.said:
                self.said.add(progress.message)
                self.display.note(progress.message)
            return
        if self.count > 1:
            stage = f"{progress.stage} ({self.number + 1} of {self.count})"
            overall = (self.number + progress.fraction) / self.count
            progress = replace(progress, stage=stage, fraction=overall, remaining_s=None)
        self.display(progress)


def metrics_table(rows: list[Row]) -> Group:
    """Metrics as a table; what all rows share, and the numbered notes, below it."""
    notes = distinct_notes(rows)
    columns: dict[str, Callable[[Row], str]] = {
        "metric": lambda row: row.metric,
        "value": value_text,
        "unit": lambda row: row.unit,
        "against": lambda row: row.against,
        "data range": lambda row: row.data_range,
        "mask": lambda row: row.mask,
        "note": lambda row: str(notes.index(row.note) + 1) if row.note else "",
    }
    below = []
    for name in ("data range", "mask"):
        if len(values := {columns[name](row) for row in rows}) == 1:
            below.append(f"{name}: {escape(values.pop())}")
            del columns[name]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in ("value", "note") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell(row)) for cell in columns.values()))
    below += [f"note {number}: {escape(note)}" for number, note in enumerate(notes, start=1)]
    return Group(table, *(f"[dim]{line}[/dim]" for line in below))


def models_table(entries: list[Entry]) -> Group:
    """All models that were found, then those that are refused, with the reason."""
    usable = [entry for entry in entries if entry.card is not None and entry.problem is None]
    refused = [entry for entry in entries if entry.problem is not None]
    parts: list[object] = []
    for entry in usable:
        assert entry.card is not None
        card = entry.card
        head = f"[bold]{escape(card.id)}[/bold] {escape(card.version)}  {escape(card.title)}"
        grid = Table.grid(padding=(0, 2))
        for name, value in _model_lines(card, entry):
            grid.add_row(f"[dim]{name}[/dim]", escape(value))
        parts += [head, Padding(grid, (0, 0, 1, 2))]
    for entry in refused:
        parts.append(f"[red]refused[/red] {escape(str(entry.problem))}")
    return Group(*(parts or ["No models found."]))  # type: ignore[arg-type]


def _model_lines(card: ModelCard, entry: Entry) -> Iterator[tuple[str, str]]:
    yield "accepts", accepts_text(card)
    yield "target", ", ".join(card.target_kinds)
    if card.sites:
        yield "sites", ", ".join(card.sites)
    for index, seen in enumerate(card.sequences):
        yield "" if index else "trained on", sequence_text(seen)
    yield "license", f"{card.license}{f' ({card.license_note})' if card.license_note else ''}"
    yield "time", expected_time(card)
    for index, figure in enumerate(card.figures):
        yield "" if index else "held out", figure_text(figure)
    if not card.figures:
        yield "held out", "no figures on the card"
    yield "origin", f"{entry.origin}, {entry.folder}"


def head_seconds(card: ModelCard) -> dict[str, float]:
    """Expected seconds for a head at 1 mm by kind of device, as far as the card says."""
    return {
        kind: per_megavoxel * HEAD_MEGAVOXELS for kind, per_megavoxel in card.seconds_per_megavoxel.items()
    }


def expected_time(card: ModelCard) -> str:
    """`head_seconds` in words."""
    times = [f"{_duration(seconds)} on {kind}" for kind, seconds in head_seconds(card).items()]
    if not times:
        return "not measured"
    return f"about {', '.join(times)} for a head at 1 mm (from the card; machines differ)"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"
