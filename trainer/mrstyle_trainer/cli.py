"""``mrstyle-train``: fit, stop, resume, export, and what starts or ends them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mrstyle.errors import Cancelled, MRStyleError

if TYPE_CHECKING:
    from .config import TrainingConfig

# Large blocks come from the heap and stay there: otherwise each step spends its time in page faults.
ALLOCATOR_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "536870912",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train MRStyle models.")

Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or mps; auto takes a CUDA GPU where there is one.")
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.01, help="Time budget of the whole training; it ends there with a usable model."),
]
Devices = Annotated[int, typer.Option(min=1, help="Processes (CPU) or GPUs to train on together.")]
Run = Annotated[Path, typer.Argument(help="Folder of a run.")]


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="Training configuration (YAML).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; default runs/<configuration>.")
    ] = None,
    minutes: Minutes = None,
    device: Device = "auto",
    devices: Devices = 1,
) -> None:
    """Train from a configuration."""
    from .config import read_config

    run = output or Path("runs") / config.stem
    _train(read_config(config), run, minutes, resume=False, device=device, devices=devices)


@app.command()
def resume(
    run: Run,
    config: Annotated[Path | None, typer.Option(help="Configuration to go on with, if it changed.")] = None,
    minutes: Minutes = None,
    device: Device = "auto",
    devices: Devices = 1,
) -> None:
    """Go on with a training that was stopped or killed, from its last checkpoint."""
    from .config import read_config, read_saved_config

    read = read_config(config) if config else read_saved_config(run)
    _train(read, run, minutes, resume=True, device=device, devices=devices)


@app.command()
def stop(run: Run) -> None:
    """Ask a training that runs to save and to end; `resume` goes on with it."""
    from .status import ask_to_stop

    ask_to_stop(run)


@app.command()
def recipes(
    as_json: Annotated[bool, typer.Option("--json", help="For other programs.")] = False,
) -> None:
    """List the trainings that `new` makes a configuration of."""
    import json

    from .templates import TEMPLATES

    if as_json:
        print(json.dumps([template.as_dict() for template in TEMPLATES], indent=2))
        return
    for template in TEMPLATES:
        print(f"{template.name}: {template.title}. {template.description}")


@app.command()
def new(
    recipe: Annotated[str, typer.Option(help="What to train; `recipes` lists it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Configuration to write (YAML).")],
    data: Annotated[Path | None, typer.Option(help="BIDS folder of your scans.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the model; default its file's name.")] = None,
) -> None:
    """Make a configuration for your own scans."""
    import shlex

    from .templates import new_config

    new_config(recipe, data, output, title)
    command = shlex.join(["mrstyle-train", "fit", str(output), "-o", str(Path("runs") / output.stem)])
    print(f"Wrote {output}; start with: {command}")


@app.command()
def export(
    run: Run,
    package: Annotated[Path, typer.Argument(help="Folder of the package to write.")],
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration to name on the card and to take the entries under `card` from."),
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the package.")] = "0.1.0",
) -> None:
    """Write the trained model as a package for the panels and `mrstyle transfer --model`."""
    from .export import export

    card = export(run, package, config_path=config, version=version)
    print(f"{package}: {card.name}, {card.parameters:,} parameters")
    for figure in card.figures:
        print(f"  {figure.metric}: {figure.value} {figure.unit} ({figure.dataset})")


@app.command()
def backbone(
    run: Run,
    path: Annotated[Path, typer.Argument(help="File to write (.safetensors); a .json goes beside it.")],
) -> None:
    """Write the backbone of perceptual losses that a training of tissue_features ends with."""
    from .backbone_export import export_backbone

    facts = export_backbone(run, path)
    print(f"{path}: {facts['parameters']:,} parameters, SHA-256 {facts['sha256']}")
    for name, value in facts["figures"].items():
        print(f"  {name}: {value}")


def main() -> None:
    """Run, with a user's mistake shown as one sentence."""
    if sys.platform == "linux" and "MALLOC_TOP_PAD_" not in os.environ:
        # glibc reads these when a program starts, so the program starts again with them.
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | ALLOCATOR_ENVIRONMENT)
    try:
        app()
    except MRStyleError as error:
        if _is_first_process():
            print(f"mrstyle-train: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _train(
    config: TrainingConfig, run: Path, minutes: float | None, *, resume: bool, device: str, devices: int
) -> None:
    from .loop import fit
    from .score import score_text

    if minutes is not None:
        config = config.model_copy(update={"loop": config.loop.model_copy(update={"minutes": minutes})})
    progress, ending = fit(config, run, resume=resume, devices=devices, device=device)
    if not _is_first_process():
        return
    if ending == "interrupted":
        print(f"Stopped at step {progress.step}; go on with: mrstyle-train resume {run}")
        raise typer.Exit(Cancelled.exit_code)
    best = score_text(progress.score_name, progress.score_unit, progress.best_score)
    reason = {"early": ", because validation got no better", "time": ", because the time is up"}.get(
        ending, ""
    )
    print(
        f"Done at step {progress.step}{reason}: at best {best} on held-out heads. "
        f"Make a model of it with: mrstyle-train export {run} FOLDER"
    )


def _is_first_process() -> bool:
    """Of a training on several devices; the others have nothing to say."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
