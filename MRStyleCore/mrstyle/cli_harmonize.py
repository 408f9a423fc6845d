"""``mrstyle harmonize``: scans that look as if one site had taken them. Slow imports are where they are used."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cli_display import ManyDisplay, progress_display
from .cli_interrupt import Interrupted, hard_stop, leave
from .cli_options import AsJson, Device, print_json
from .errors import InputError, MRStyleError, OutOfMemory
from .files import sidecar_path
from .outputs import Outputs, write_result

if TYPE_CHECKING:
    from .harmonize import Harmonized

HELP = """Make scans look as if one site had taken them.

The site is one that the model knows, or that of a scan:

    mrstyle harmonize scans/ --site sim-3T-mprage -o harmonized
    mrstyle harmonize a.nii.gz b.nii.gz --reference theirs.nii.gz -o harmonized

Each scan keeps its grid. A scan that cannot be used is reported, and the
others go on. `mrstyle thickness SCAN --compare HARMONIZED` and `mrstyle sites
classify` then tell whether to trust the result.
"""

_TARGET = "Target (one of these; --site may go with --sample)"
_PREPARATION = "Preparation"


class Brain(str, Enum):
    """What becomes of all that is not brain."""

    keep = "keep"
    extract = "extract"


Inputs = Annotated[list[Path], typer.Argument(help="Scans: files, DICOM folders, or folders of files.")]
SiteName = Annotated[
    str | None, typer.Option("--site", help="A site that the model knows.", rich_help_panel=_TARGET)
]
ReferencePath = Annotated[
    Path | None,
    typer.Option("--reference", help="A scan of the site, of any person.", rich_help_panel=_TARGET),
]
SampleSeed = Annotated[
    int | None,
    typer.Option("--sample", min=0, help="Seed of a look drawn at random.", rich_help_panel=_TARGET),
]
Model = Annotated[str, typer.Option(help="Id, id@version or folder; see `mrstyle models`.")]
N4 = Annotated[bool, typer.Option("--n4", help="Take out the bias field.", rich_help_panel=_PREPARATION)]
Conform = Annotated[
    bool,
    typer.Option(
        "--conform",
        help="Work on voxels of 1 mm; the output is back on the grid.",
        rich_help_panel=_PREPARATION,
    ),
]
BrainOption = Annotated[
    Brain, typer.Option(help="Extract: remove all but the brain.", rich_help_panel=_PREPARATION)
]
SinglePlane = Annotated[
    bool,
    typer.Option(
        "--single-plane", help="A model of slices works in one direction: faster, and slices flicker more."
    ),
]
DEFAULT_MODEL = "brain-light3d"


def harmonize(
    scans: Inputs,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; made if needed.")],
    site: SiteName = None,
    reference: ReferencePath = None,
    sample: SampleSeed = None,
    model: Model = DEFAULT_MODEL,
    n4: N4 = False,
    conform: Conform = False,
    brain: BrainOption = Brain.keep,
    single_plane: SinglePlane = False,
    mask: Annotated[bool, typer.Option("--mask", help="Write the brain masks, too.")] = False,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of what the model draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    started = time.monotonic()
    check_one_target(site, reference, sample)
    cases = list(_cases(scans, output, mask))
    _check_folder(output)
    _planned(cases, reference)
    done: list[dict[str, Any]] = []
    failures: list[tuple[Path, MRStyleError]] = []
    started_writing: list[Outputs] = []

    def discard() -> None:
        for outputs in started_writing:
            outputs.discard()

    with progress_display() as display, hard_stop(discard, done), telling_what_is_kept(done):
        display.stage("loading")
        from .harmonize import check_target, harmonize
        from .models.catalogue import find
        from .models.package import load_package
        from .preparation import Preparation
        from .volume import read_volume
        from .worker_harmonize import read_target
        from .worker_job_harmonize import HarmonizeTarget

        package = load_package(find(model))
        target = read_target(HarmonizeTarget(site=site, reference=reference, sample=sample))
        check_target(package.card, target)
        preparation = Preparation(n4=n4, conform=conform, brain=brain.value)
        shown = ManyDisplay(display, len(cases))
        for shown.number, case in enumerate(cases):
            try:
                result = harmonize(
                    read_volume(case.scan),
                    package,
                    target,
                    preparation=preparation,
                    planes="single" if single_plane else "fused",
                    with_mask=mask,
                    device=device.value,
                    seed=seed,
                    progress=shown,
                )
                started_writing.append(_planned([case], reference))
                done.append(_written(case, result, started_writing[-1]))
            except MemoryError:
                failures.append((case.scan, OutOfMemory(f"The computer ran out of memory at {case.scan}.")))
            except MRStyleError as error:
                failures.append((case.scan, error))
    for _, failure in failures:
        print(f"mrstyle: {failure}", file=sys.stderr)
    if as_json:
        seconds = round(time.monotonic() - started, 2)
        told = [{"volume": str(scan), "message": str(error)} for scan, error in failures]
        print_json({"model": package.card.name, "outputs": done, "failures": told, "seconds": seconds})
    elif done:
        Console().print(_table(done))
        print(f"Wrote {len(done)} of {len(cases)} to {output} in {time.monotonic() - started:.0f} s.")
    if failures:
        raise typer.Exit(failures[0][1].exit_code)


def check_one_target(site: str | None, reference: Path | None, sample: int | None) -> None:
    """Refuse none, and more than one.

    Raises:
        InputError: the message says what to give.
    """
    if (reference is None) == (site is None and sample is None):
        raise InputError("Say what the scans shall look like: give one of --site, --reference and --sample.")


@dataclass(frozen=True)
class _Case:
    scan: Path
    image: Path
    mask: Path | None


def _cases(scans: list[Path], folder: Path, with_mask: bool) -> Iterator[_Case]:
    for scan in (each for path in scans for each in _volumes(path)):
        stem = scan.name if scan.is_dir() else sidecar_path(scan).stem
        mask = folder / f"{stem}_mask.nii.gz" if with_mask else None
        yield _Case(scan, folder / f"{stem}_harmonized.nii.gz", mask)


def _volumes(path: Path) -> list[Path]:
    """The volumes in a folder; itself where it is a file, or a folder of DICOM files."""
    from .files import suffix_of
    from .volume_files import SUFFIXES

    if not path.is_dir():
        return [path]
    return sorted(each for each in path.iterdir() if each.is_file() and suffix_of(each) in SUFFIXES) or [path]


def _check_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise InputError(f"Cannot write to {output}: it is a file; name a folder.")


def _planned(cases: list[_Case], reference: Path | None) -> Outputs:
    """All that will be written, checked before any work."""
    outputs = Outputs([*(case.scan for case in cases), *([reference] if reference else [])])
    for case in cases:
        outputs.add_volume(case.image, new_folder=True)
        if case.mask is not None:
            outputs.add_volume(case.mask, new_folder=True)
    return outputs


def _written(case: _Case, result: Harmonized, outputs: Outputs) -> dict[str, Any]:
    from .harmonize import finite
    from .volume import write_volume

    with outputs.staged() as place:
        paths = write_result(result.result, case.image, None, place)
        if case.mask is not None and result.mask is not None:
            write_volume(result.mask, place(case.mask))
    return {
        "volume": str(case.scan),
        "output": paths["output"],
        "sidecar": paths["sidecar"],
        "mask": None if case.mask is None else str(case.mask),
        "flicker_ratio": finite(result.flicker_ratio),
        "notes": result.notes,
        "history": result.history.to_dict(),
    }


def _table(done: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("output", overflow="fold")
    table.add_column("flicker ratio", justify="right")
    for row in done:
        ratio = row["flicker_ratio"]
        table.add_row(escape(Path(row["output"]).name), "" if ratio is None else f"{ratio:.2f}")
    return table


@contextmanager
def telling_what_is_kept(done: Sized) -> Iterator[None]:
    """Let a cancel say that finished scans stay."""
    try:
        yield
    except Interrupted:
        leave(len(done))
