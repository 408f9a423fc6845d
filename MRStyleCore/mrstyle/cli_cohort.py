"""``mrstyle cohort``: a BIDS App that harmonizes many scans. Slow imports are where they are used."""

from __future__ import annotations

import time
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_display import ProgressDisplay, progress_display
from .cli_harmonize import (
    DEFAULT_MODEL,
    N4,
    Brain,
    BrainOption,
    Conform,
    Model,
    ReferencePath,
    SampleSeed,
    SinglePlane,
    SiteName,
    check_one_target,
    telling_what_is_kept,
)
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json

if TYPE_CHECKING:
    from .cohort_scan import Record

HELP = """Harmonize the scans of a BIDS data set (a BIDS App).

    mrstyle cohort bids out participant --site sim-3T-mprage
    mrstyle cohort bids out group

"participant" writes a harmonized image for each scan, as BIDS derivatives.
Call it again to go on after an interruption: what is done is skipped, what
was made with another model or other options is made anew. Scans that cannot
be read, or are in the data set twice, are reported, the others go on, and
the exit code is then not 0. "group" writes harmonization.tsv and .html.

Work is spread by Dask over processes on this machine, or over those of the
scheduler at --scheduler, which must see the same folders.
"""
_CLUSTER = "Where it runs"


class Level(str, Enum):
    """Levels of analysis of a BIDS App."""

    participant = "participant"
    group = "group"


def cohort(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set to read.")],
    output_dir: Annotated[Path, typer.Argument(help="Data set of derivatives to write; made if needed.")],
    level: Annotated[Level, typer.Argument(help="Level of analysis.")],
    site: SiteName = None,
    reference: ReferencePath = None,
    sample: SampleSeed = None,
    participant_label: Annotated[
        list[str] | None, typer.Option(help="Participants, with or without sub-; repeat for several.")
    ] = None,
    suffix: Annotated[str, typer.Option(help="BIDS suffix of the contrast.")] = "T1w",
    site_column: Annotated[
        str, typer.Option(help="Column of participants.tsv that names the site of each.")
    ] = "site",
    model: Model = DEFAULT_MODEL,
    n4: N4 = False,
    conform: Conform = False,
    brain: BrainOption = Brain.keep,
    single_plane: SinglePlane = False,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of what the model draws.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on this machine; default: one a core, as memory allows.",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler: tcp://host:8786.", rich_help_panel=_CLUSTER),
    ] = None,
    as_json: AsJson = False,
) -> None:
    labels = tuple(participant_label or ())
    if level is Level.group:
        _group(bids_dir, output_dir, suffix, labels, site_column, as_json)
        return
    check_one_target(site, reference, sample)
    started = time.monotonic()
    new: list[Record] = []
    with progress_display() as display, hard_stop(lambda: None, new), telling_what_is_kept(new):
        display.stage("loading")
        from .cohort import cohort_options, harmonize_cohort
        from .cohort_bids import find_scans
        from .models.catalogue import find
        from .models.package import load_package
        from .preparation import Preparation
        from .worker_job_harmonize import HarmonizeTarget

        count = len(find_scans(bids_dir, suffix, labels))
        options = cohort_options(
            load_package(find(model)),
            HarmonizeTarget(site=site, reference=reference and reference.resolve(), sample=sample),
            preparation=Preparation(n4=n4, conform=conform, brain=brain.value),
            planes="single" if single_plane else "fused",
            device=device.value,
            seed=seed,
        )
        told = _Told(display, count, new)
        display.stage(f"harmonizing {count} scans")
        records = harmonize_cohort(
            bids_dir,
            output_dir,
            options,
            suffix=suffix,
            labels=labels,
            scheduler=scheduler,
            workers=workers,
            finished=told,
        )
    seconds = round(time.monotonic() - started, 2)
    _report(records, len(records) - len(new), output_dir, seconds, as_json)
    if codes := [record.exit_code for record in records if record.exit_code]:
        raise typer.Exit(codes[0])


def _group(
    bids: Path, out: Path, suffix: str, labels: tuple[str, ...], site_column: str, as_json: bool
) -> None:
    from .cohort_group import read_cohort, write_report, write_table
    from .qa.report import require_libraries

    require_libraries()
    cohort = read_cohort(bids, out, suffix, labels, site_column)
    table, report = write_table(cohort, out), write_report(cohort, out)
    if as_json:
        print_json({"table": str(table), "report": str(report), "scans": dict(cohort.counts())})
        return
    print(f"{_counted(cohort.counts())}. Wrote {table} and {report}.")


class _Told:
    """Shows each scan that is finished."""

    def __init__(self, display: ProgressDisplay, count: int, new: list[Record]) -> None:
        self._display = display
        self._count = count
        self._new = new
        self._started = time.monotonic()
        self._done = 0

    def __call__(self, record: Record, is_new: bool) -> None:
        from .engine.report import Progress

        self._done += 1
        if is_new:
            self._new.append(record)
        if record.exit_code:
            self._display.note(f"{record.source}: {record.message}")
        left = None
        if self._new:
            left = (time.monotonic() - self._started) / len(self._new) * (self._count - self._done)
        self._display(Progress(f"{self._done} of {self._count} scans", self._done / self._count, left))


def _report(records: list[Record], skipped: int, out: Path, seconds: float, as_json: bool) -> None:
    counts = Counter(record.status for record in records)
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                "source": record.source,
                "status": record.status,
                "output": str(out / record.output) if record.output else None,
                "message": record.message,
                "flicker_ratio": record.flicker_ratio,
            }
            for record in records
        ]
        print_json({"scans": rows, "done_before": skipped, "seconds": seconds})
        return
    before = f" ({skipped} of them done before)" if skipped else ""
    print(
        f"{_counted(counts)}{before} in {seconds:.0f} s. Run mrstyle cohort … group for a table and a report."
    )


def _counted(counts: Counter[str]) -> str:
    scans = sum(counts.values())
    parts = [f"{number} {status}" for status, number in sorted(counts.items(), key=lambda each: -each[1])]
    return f"{scans} scan{'' if scans == 1 else 's'}: {', '.join(parts)}"
