"""``mrstyle thickness``: how thick the cortex is, and how far that changed. Slow imports are where they are used."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cli_display import progress_display
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json

if TYPE_CHECKING:
    from .qa.thickness_check import Check

HELP = """Measure the thickness of the cortex of a head scan.

With --compare, also of a second scan of the same head on the same grid, and
how far the two agree:

    mrstyle thickness scan.nii.gz --compare harmonized.nii.gz -o thickness

Written into the folder: thickness in mm as a volume, the white surface with
the thickness at its points (.vtp, RAS), a table by region, and of a comparison
the differences. Takes some minutes a scan. For research, not for diagnosis.
"""


class Method(str, Enum):
    """What measures a scan that has no subject."""

    direct = "direct"
    fastsurfer = "fastsurfer"


def thickness(
    volume: Annotated[Path, typer.Argument(help="Head scan: a file or a DICOM folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to, made if needed.")],
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Second scan of the head on the same grid; with --subject: the subject of that scan."
        ),
    ] = None,
    subject: Annotated[
        Path | None, typer.Option(help="FreeSurfer or FastSurfer subject of the scan: read, not measured.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="DiReCT of ANTs, or FastSurfer where it is installed.")
    ] = Method.direct,
    device: Annotated[Device, typer.Option(help="Where networks run.")] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """See `HELP`."""
    started = time.monotonic()
    from .qa.thickness_files import planned_outputs, write_thickness

    inputs = [path for path in (volume, compare, subject) if path is not None]
    outputs = planned_outputs(output, inputs, compared=compare is not None)
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("loading")
        from .qa.thickness_check import check_thickness

        check = check_thickness(
            volume,
            compare,
            subject,
            method=method.value,
            work_folder=output,
            device=device.value,
            progress=display,
        )
        display.stage("writing")
        with outputs.staged() as place:
            told = write_thickness(output, check.measured, check.after, check.comparison, place)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        print_json(told | {"method": check.measured.method, "notes": check.notes, "seconds": seconds})
        return
    _print(check)
    print(f"Wrote {output} in {seconds:.0f} s.")


def _print(check: Check) -> None:
    """The table by region, and below it the whole cortex."""
    console = Console()
    comparison = check.comparison
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    headers = ("thickness (mm)",) if comparison is None else ("before (mm)", "after (mm)", "change (mm)")
    for name in ("region", "hemisphere"):
        table.add_column(name)
    for name in headers:
        table.add_column(name, justify="right")
    if comparison is None:
        for row in check.measured.regions:
            table.add_row(escape(row.region), row.hemisphere, f"{row.thickness_mm:.2f}")
    else:
        for pair in comparison.regions:
            change = f"{pair.after_mm - pair.before_mm:+.2f}"
            cells = (f"{pair.before_mm:.2f}", f"{pair.after_mm:.2f}", change)
            table.add_row(escape(pair.region), pair.hemisphere, *cells)
    console.print(table)
    mean = f"Mean of the cortex: {check.measured.mean_mm:.2f} mm"
    if check.after is None or comparison is None:
        print(f"{mean} ({check.measured.method}).")
        return
    print(f"{mean} before, {check.after.mean_mm:.2f} mm after ({check.measured.method}).")
    print(
        f"Regions: mean absolute difference {comparison.mean_absolute_difference_mm:.3f} mm, "
        f"bias {comparison.bias_mm:+.3f} mm."
    )
    if comparison.icc is not None:
        print(
            f"ICC(A,1) {comparison.icc:.3f} (95 % interval {comparison.icc_low:.3f} to {comparison.icc_high:.3f})."
        )
