"""``mrstyle``: transfer, evaluate, models, phantom. What takes long to import is imported where it is used."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from . import __version__
from .cli_display import accepts, figure_text, head_seconds, metrics_table, models_table, progress_display
from .cli_output import Interrupted, Outputs, interruptible, uncertainty_path
from .errors import Cancelled, InputError, MRStyleError, OutOfMemory, PackageError

if TYPE_CHECKING:
    from .history import History
    from .models.catalogue import Entry
    from .qa.evaluate import Evaluation
    from .translate import Result

HELP = "Change how MR volumes look, never what they show. For research, not for diagnosis."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
models_app = typer.Typer(help="List the models that there are, or check one.", invoke_without_command=True)
app.add_typer(models_app, name="models")


class Device(str, Enum):
    """Where a model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


Maps = Annotated[Path | None, typer.Option(help="Folder for quality maps (.nii.gz) and metrics.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, by default that of the command line, and exit; a user's mistake is one sentence."""
    with interruptible():
        try:
            app(arguments)
        except MRStyleError as error:
            _fail(error)
        except Interrupted:
            _fail(Cancelled())
        except MemoryError:
            _fail(OutOfMemory("The computer ran out of memory; close other programs or use a smaller volume."))


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
    model: Annotated[str, typer.Option(help="Id, id@version or folder; see `mrstyle models`.")] = "brain-reference",
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
    outputs.add_volume(output)
    if samples > 1:
        outputs.add_volume(uncertainty_path(output))
    if maps is not None:
        outputs.add_folder(maps)
    if report is not None:
        from .qa.report import require_libraries

        require_libraries()
        outputs.add_report(report)
    with progress_display() as display:
        display.stage("loading")
        from .models.catalogue import find
        from .models.package import load_package
        from .qa.evaluate import evaluate
        from .targets import Reference
        from .translate import translate
        from .volume import read_volume

        package = load_package(find(model))
        content_volume, style_volume = read_volume(content), read_volume(style)
        result = translate(
            content_volume,
            package,
            Reference(style_volume),
            samples=samples,
            device=device.value,
            seed=seed,
            progress=display,
        )
        if samples > 1 and result.uncertainty is None:
            display.note(f"{package.card.id} gives no uncertainty; only the image is written.")
        evaluation = None
        if maps is not None or report is not None or as_json:
            display.stage("measuring quality")
            evaluation = evaluate(result.image, content=content_volume, style=style_volume)
        display.stage("writing")
        with outputs.staged() as place:
            written = _write_result(result, output, place)
            if maps is not None and evaluation is not None:
                written["maps"] = _write_maps(evaluation, result.history, maps, place)
            if report is not None and evaluation is not None:
                from .qa.report import write_report

                write_report(
                    place(report),
                    content=content_volume,
                    style=style_volume,
                    result=result,
                    evaluation=evaluation,
                    card=package.card,
                )
                written["report"] = str(report)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        assert evaluation is not None
        metrics = evaluation.to_dict()["rows"]
        _print_json(written | {"metrics": metrics, "history": result.history.to_dict(), "notes": result.notes, "seconds": seconds})
        return
    if evaluation is not None:
        Console().print(metrics_table(evaluation.rows))
    print(f"Wrote {output} in {seconds:.0f} s.")
