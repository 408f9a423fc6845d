"""What the commands show: progress on standard error, tables on standard output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from .models.card import Figure, ModelCard
    from .models.catalogue import Entry
    from .qa.evaluate import Row
    from .translate import Progress as Translation

HEAD_MEGAVOXELS = 7.2
_PLAIN_INTERVAL_S = 5.0
_SKULL = {"with": "whole heads", "without": "brain-extracted", "any": "with or without skull"}


class ProgressDisplay:
    """Stage, bar and time left; plain lines, now and then, where there is no terminal."""

    def __init__(self, console: Console, bar: Progress, task: TaskID) -> None:
        self._console = console
        self._bar = bar
        self._task = task
        self._last_line = time.monotonic()

    def __call__(self, progress: Translation) -> None:
        """Show the progress of a translation."""
        if progress.message:
            self.note(progress.message)
            return
        left = "" if progress.remaining_s is None else f"{_duration(progress.remaining_s)} left"
        self._bar.update(self._task, description=progress.stage, completed=progress.fraction, left=left)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= _PLAIN_INTERVAL_S:
            self._last_line = now
            self._say(f"{progress.stage}, {progress.fraction:.0%}{f', {left}' if left else ''}")

    def stage(self, name: str) -> None:
        """A stage that does not tell how far it is."""
        self._bar.update(self._task, description=name, total=None, left="")
        if not self._console.is_terminal:
            self._say(name)

    def note(self, message: str) -> None:
        """Something that the user should know."""
        self._say(message)

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


def metrics_table(rows: list[Row]) -> Group:
    """Metrics as a table; notes below it, numbered."""
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("metric", "value", "unit", "against", "data range", "mask"):
        table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
    if notes:
        table.add_column("note", justify="right")
    for row in rows:
        number = [str(notes.index(row.note) + 1) if row.note else ""] if notes else []
        cells = (row.metric, format_value(row), row.unit, row.against, row.data_range, row.mask, *number)
        table.add_row(*(escape(cell) for cell in cells))
    return Group(table, *(f"[dim]{number} {escape(note)}[/dim]" for number, note in enumerate(notes, start=1)))


def format_value(row: Row) -> str:
    """The number with as many digits as are worth reading."""
    if row.value is None:
        return "n/a"
    return f"{row.value:.2f}" if row.unit else f"{row.value:.4f}"


def models_table(entries: list[Entry], device: str) -> Group:
    """All models that were found, then those that are refused, with the reason."""
    usable = [entry for entry in entries if entry.card is not None and entry.problem is None]
    refused = [entry for entry in entries if entry.problem is not None]
    parts: list[object] = []
    for entry in usable:
        assert entry.card is not None
        card = entry.card
        head = f"[bold]{escape(card.id)}[/bold] {escape(card.version)}  {escape(card.title)}"
        grid = Table.grid(padding=(0, 2))
        for name, value in _model_lines(card, entry, device):
            grid.add_row(f"[dim]{name}[/dim]", escape(value))
        parts += [head, Padding(grid, (0, 0, 1, 2))]
    for entry in refused:
        parts.append(f"[red]refused[/red] {escape(str(entry.problem))}")
    return Group(*(parts or ["No models found."]))  # type: ignore[arg-type]


def _model_lines(card: ModelCard, entry: Entry, device: str) -> Iterator[tuple[str, str]]:
    yield "accepts", accepts(card)
    yield "target", ", ".join(card.target_kinds)
    yield "license", f"{card.license}{f' ({card.license_note})' if card.license_note else ''}"
    yield "time", expected_time(card, device)
    for index, figure in enumerate(card.figures):
        yield "" if index else "held out", figure_text(figure)
    if not card.figures:
        yield "held out", "no figures on the card"
    yield "origin", f"{entry.origin}, {entry.folder}"


def accepts(card: ModelCard) -> str:
    """The inputs that a model was made for, in one line."""
    low, high = card.accepts.spacing_mm
    contrasts = ", ".join(card.accepts.contrasts) or "any contrast"
    return (
        f"{card.accepts.body_part}, {contrasts}, {_SKULL[card.accepts.skull]}, voxels of {low:g} to {high:g} mm, "
        f"at least {card.accepts.minimum_size_voxels} along two axes"
    )


def head_seconds(card: ModelCard, device: str) -> float | None:
    """Expected seconds for a head at 1 mm on a kind of device; None where the card does not say."""
    kind = device if card.weights_sha256 is not None else "cpu"
    per_megavoxel = {str(name): value for name, value in card.seconds_per_megavoxel.items()}.get(kind)
    return None if per_megavoxel is None else per_megavoxel * HEAD_MEGAVOXELS


def expected_time(card: ModelCard, device: str) -> str:
    """`head_seconds` in words."""
    seconds = head_seconds(card, device)
    if seconds is None:
        return f"not measured on {device}"
    kind = device if card.weights_sha256 is not None else "cpu"
    return f"about {_duration(seconds)} for a head at 1 mm on {kind} (from the card; machines differ)"


def figure_text(figure: Figure) -> str:
    """A held-out figure with all that tells what it means."""
    unit = "" if figure.unit == "1" else f" {figure.unit}"
    data_range = f", data range {figure.data_range:g}" if figure.data_range is not None else ""
    return f"{figure.metric} {figure.value:g}{unit} ({figure.dataset}; {figure.mask}{data_range})"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"
