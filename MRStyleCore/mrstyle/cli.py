"""The commands of ``mrstyle``. Slow imports are where they are used."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from . import __version__
from .cli_augment import HELP as AUGMENT_HELP
from .cli_augment import augment
from .cli_cohort import HELP as COHORT_HELP
from .cli_cohort import cohort
from .cli_dce import HELP as DCE_HELP
from .cli_dce import dce, evaluate_series
from .cli_display import head_seconds, metrics_table, models_table, progress_display
from .cli_harmonize import HELP as HARMONIZE_HELP
from .cli_harmonize import harmonize
from .cli_interrupt import Interrupted, hard_stop, interruptible, leave
from .cli_options import AsJson, Device, print_json
from .cli_phantom import CONTRASTS
from .cli_sites import sites_app
from .cli_synthesize import HELP as SYNTHESIZE_HELP
from .cli_synthesize import synthesize
from .cli_thickness import HELP as THICKNESS_HELP
from .cli_thickness import thickness
from .errors import InputError, MRStyleError, OutOfMemory, PackageError
from .outputs import Outputs, uncertainty_path, write_maps, write_result

if TYPE_CHECKING:
    from .models.catalogue import Entry

HELP = "Change how MR volumes look, never what they show. For research, not for diagnosis."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
models_app = typer.Typer(help="List the models that there are, or check one.", invoke_without_command=True)
app.add_typer(models_app, name="models")
app.add_typer(sites_app, name="sites")


Contrast = Enum("Contrast", {name: name for name in CONTRASTS}, type=str)  # type: ignore[misc]
T1W = Contrast("T1w")


Maps = Annotated[Path | None, typer.Option(help="Folder for quality maps (.nii.gz) and metrics.json.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, by default that of the command line, and exit; a user's mistake is one sentence."""
    with interruptible():
        try:
            app(arguments)
        except MRStyleError as error:
            _fail(error)
        except Interrupted:
            leave()
        except MemoryError:
            _fail(
                OutOfMemory("The computer ran out of memory; close other programs or use a smaller volume.")
            )


def _fail(error: MRStyleError) -> None:
    print(f"mrstyle: {error}", file=sys.stderr)
    # A package is one of the inputs here; only the worker's protocol tells it from the others.
    raise SystemExit(InputError.exit_code if isinstance(error, PackageError) else error.exit_code)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"mrstyle {__version__}")
        raise typer.Exit


@app.command()
def transfer(
    content: Annotated[Path, typer.Argument(help="Volume whose anatomy is kept: a file or a DICOM folder.")],
    style: Annotated[Path, typer.Argument(help="Volume whose look is taken; it may show another person.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Volume to write, on the content's grid.")],
    model: Annotated[
        str, typer.Option(help="Id, id@version or folder; see `mrstyle models`.")
    ] = "brain-reference",
    maps: Maps = None,
    report: Annotated[Path | None, typer.Option(help="Report to write, one HTML file.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="2 or more also give an uncertainty volume.")] = 1,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Give a volume the look of another one."""
    started = time.monotonic()
    outputs = Outputs([content, style])
    uncertainty = uncertainty_path(output) if samples > 1 else None
    outputs.add_transfer(output, uncertainty, maps, report)
    if report is not None:
        from .qa.report import require_libraries

        require_libraries()
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("loading")
        from .models.catalogue import find
        from .models.package import load_package
        from .qa.evaluate import evaluate
        from .targets import Reference
        from .translate import translate
        from .volume import read_volume

        package = load_package(find(model))
        volumes = {"content": read_volume(content), "style": read_volume(style)}
        result = translate(
            volumes["content"],
            package,
            Reference(volumes["style"]),
            samples=samples,
            device=device.value,
            seed=seed,
            progress=display,
        )
        if samples > 1 and result.uncertainty is None:
            display.note(f"{package.card.id} gives no uncertainty; only the image is written.")
        evaluation = None
        if as_json or maps is not None or report is not None:
            display.stage("measuring quality")
            evaluation = evaluate(result.image, content=volumes["content"], style=volumes["style"])
        display.stage("writing")
        with outputs.staged() as place:
            written = write_result(result, output, uncertainty, place)
            if maps is not None and evaluation is not None:
                written["maps"] = write_maps(evaluation, maps, place, result.history)
            if report is not None and evaluation is not None:
                from .qa.report import write_report

                write_report(
                    place(report), **volumes, result=result, evaluation=evaluation, card=package.card
                )
                written["report"] = str(report)
    seconds = round(time.monotonic() - started, 2)
    if as_json and evaluation is not None:
        facts = {"notes": result.notes, "seconds": seconds, "history": result.history.to_dict()}
        print_json(written | {"metrics": evaluation.to_dict()["rows"]} | facts)
        return
    if evaluation is not None:
        Console().print(metrics_table(evaluation.rows))
    print(f"Wrote {output} in {seconds:.0f} s.")


app.command(help=HARMONIZE_HELP)(harmonize)
app.command(help=COHORT_HELP)(cohort)
app.command(help=DCE_HELP)(dce)
app.command(help=AUGMENT_HELP)(augment)
app.command(help=THICKNESS_HELP)(thickness)
app.command(help=SYNTHESIZE_HELP)(synthesize)


@app.command()
def evaluate(
    generated: Annotated[Path, typer.Argument(help="Volume to judge.")],
    content: Annotated[Path | None, typer.Option(help="What it was made from.")] = None,
    style: Annotated[Path | None, typer.Option(help="The volume whose look it took.")] = None,
    reference: Annotated[Path | None, typer.Option(help="The true image of that contrast.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Voxels above 0.5 count; default: the patient.")] = None,
    series: Annotated[
        bool, typer.Option("--series", help="Both are dynamic series; --content is needed.")
    ] = False,
    maps: Maps = None,
    as_json: AsJson = False,
) -> None:
    """Measure the quality of a generated volume, or of a series frame by frame."""
    if series:
        evaluate_series(generated, content, mask, maps, as_json, others=(style, reference))
        return
    known = {"content": content, "style": style, "reference": reference, "mask": mask}
    given = {name: path for name, path in known.items() if path is not None}
    outputs = Outputs([generated, *given.values()])
    if maps is not None:
        outputs.add_folder(maps)
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("measuring quality")
        from .history import read_history
        from .qa.evaluate import evaluate
        from .volume import read_mask, read_volume

        volumes = {name: read_volume(path) for name, path in given.items() if name != "mask"}
        evaluation = evaluate(
            read_volume(generated),
            content=volumes.get("content"),
            style=volumes.get("style"),
            reference=volumes.get("reference"),
            mask=None if mask is None else read_mask(mask),
        )
        history = read_history(generated)
        written: dict[str, Any] = {"history": None if history is None else history.to_dict()}
        if maps is not None:
            with outputs.staged() as place:
                written["maps"] = write_maps(evaluation, maps, place, history)
    if as_json:
        print_json({"generated": str(generated), "metrics": evaluation.to_dict()["rows"]} | written)
    else:
        Console().print(metrics_table(evaluation.rows))


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that there are, or check one."""
    if context.invoked_subcommand is not None:
        return
    from .models.catalogue import catalogue

    entries = catalogue()
    if as_json:
        print_json({"models": [_entry(entry) for entry in entries]})
    else:
        Console().print(models_table(entries))


@models_app.command()
def check(folder: Annotated[Path, typer.Argument(help="Folder of a model package.")]) -> None:
    """Say whether a model package can be used, and if not, why."""
    from .models.package import check_package

    for sentence in check_package(folder):
        print(f"ok: {sentence}")


@app.command()
def phantom(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; made if needed.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another person.")] = 1,
    contrast: Annotated[Contrast, typer.Option(help="Kind of image.")] = T1W,
    spacing: Annotated[float, typer.Option(min=0.5, max=2.0, help="Voxel size in mm.")] = 1.0,
    field: Annotated[float, typer.Option(help="Field strength in tesla, 1.5 or 3.")] = 3.0,
    labels: Annotated[bool, typer.Option("--labels", help="Write the label map, too.")] = False,
    site: Annotated[
        str | None, typer.Option(help="The T1-weighted scan of a simulated site, such as sim-3T-mprage.")
    ] = None,
) -> None:
    """Write the image of a digital head."""
    from .cli_phantom import write_phantom

    for path in write_phantom(output, seed, contrast.value, spacing, field, labels, site):
        print(f"Wrote {path}.")


@app.command(hidden=True)
def infer(job: Annotated[Path, typer.Option(help="Job file.")]) -> None:
    """Run a job for another program; see mrstyle.worker."""
    from .worker import run

    with interruptible(KeyboardInterrupt):
        raise typer.Exit(run(job, sys.stdin, sys.stdout))


def _entry(entry: Entry) -> dict[str, Any]:
    facts = {"folder": str(entry.folder), "origin": entry.origin, "problem": entry.problem}
    if entry.card is None:
        return facts
    card = entry.card
    return facts | {"head_1mm_seconds": head_seconds(card), "card": card.model_dump(mode="json")}
