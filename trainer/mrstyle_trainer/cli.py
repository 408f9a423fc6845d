"""``mrstyle-train``: fit, resume, export."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from mrstyle.errors import InputError, MRStyleError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train MRStyle models.")

Devices = Annotated[int, typer.Option(min=1, help="Processes (CPU) or GPUs to train on together.")]


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="Training configuration (YAML).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; default runs/<configuration>.")] = None,  # type: ignore[assignment]
    devices: Devices = 1,
) -> None:
    """Train from a configuration."""
    from .config import read_config
    from .loop import fit

    fit(read_config(config), output or Path("runs") / config.stem, devices=devices)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    config: Annotated[Path, typer.Option(help="Configuration to go on with, if it changed.")] = None,  # type: ignore[assignment]
    devices: Devices = 1,
) -> None:
    """Go on with a training that was stopped or killed, from its last checkpoint."""
    from .config import TrainingConfig, read_config
    from .loop import fit

    saved = run / "config.json"
    if config is None and not saved.is_file():
        raise InputError(f"{run} is not the folder of a training; start one with `mrstyle-train fit`.")
    fit(
        read_config(config) if config else TrainingConfig.model_validate_json(saved.read_text()),
        run,
        resume=True,
        devices=devices,
    )


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    package: Annotated[Path, typer.Argument(help="Folder of the package to write.")],
    recipe: Annotated[str, typer.Option(help="Path of the configuration as the card shall name it.")] = None,  # type: ignore[assignment]
    version: Annotated[str, typer.Option(help="Version of the package.")] = "0.1.0",
) -> None:
    """Write the trained model as a package for the panels and `mrstyle transfer --model`."""
    from .export import export

    card = export(run, package, recipe_path=recipe, version=version)
    print(f"{package}: {card.name}, {card.parameters:,} parameters")
    for figure in card.figures:
        print(f"  {figure.metric}: {figure.value} {figure.unit} ({figure.dataset})")


def main() -> None:
    """Run, with a user's mistake shown as one sentence."""
    from .loop import ALLOCATOR_ENVIRONMENT

    if sys.platform == "linux" and "MALLOC_TOP_PAD_" not in os.environ:
        # glibc reads these when a program starts, so the program starts again with them.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ALLOCATOR_ENVIRONMENT)
    try:
        app()
    except MRStyleError as error:
        print(f"mrstyle-train: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
