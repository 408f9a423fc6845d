"""``mrstyle-train``: fit, resume, export."""

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

Devices = Annotated[int, typer.Option(min=1, help="Processes (CPU) or GPUs to train on together.")]
Run = Annotated[Path, typer.Argument(help="Folder of a run.")]


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="Training configuration (YAML).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; default runs/<configuration>.")
    ] = None,
    devices: Devices = 1,
) -> None:
    """Train from a configuration."""
    from .config import read_config

    _train(read_config(config), output or Path("runs") / config.stem, resume=False, devices=devices)


@app.command()
def resume(
    run: Run,
    config: Annotated[Path | None, typer.Option(help="Configuration to go on with, if it changed.")] = None,
    devices: Devices = 1,
) -> None:
    """Go on with a training that was stopped or killed, from its last checkpoint."""
    from .config import read_config, read_saved_config

    _train(read_config(config) if config else read_saved_config(run), run, resume=True, devices=devices)


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


def _train(config: TrainingConfig, run: Path, *, resume: bool, devices: int) -> None:
    from .loop import fit

    progress, ending = fit(config, run, resume=resume, devices=devices)
    if not _is_first_process():
        return
    if ending == "interrupted":
        print(f"Stopped at step {progress.step}; go on with: mrstyle-train resume {run}")
        raise typer.Exit(Cancelled.exit_code)
    reason = "" if ending == "finished" else ", because validation got no better"
    print(
        f"Done at step {progress.step}{reason}: at best {progress.best_psnr_db:.2f} dB on held-out heads. "
        f"Make a model of it with: mrstyle-train export {run} FOLDER"
    )


def _is_first_process() -> bool:
    """Of a training on several devices; the others have nothing to say."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
