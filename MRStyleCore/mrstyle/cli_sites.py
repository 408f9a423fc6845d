"""``mrstyle sites``: which site's scanner volumes look like, and one more site for a model. Slow imports are where they are
used."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cli_display import progress_display
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json
from .errors import InputError
from .files import atomic_path, sidecar_path, suffix_of
from .participants import participant_of, read_participants

if TYPE_CHECKING:
    from .metrics.agreement import Score

sites_app = typer.Typer(
    help="Tell which site's scanner volumes look like; give a model one more site.", no_args_is_help=True
)

_SHOWN = 3
_SUFFIXES = (".json", ".csv")


@sites_app.command()
def classify(
    volumes: Annotated[list[Path], typer.Argument(help="Volumes: files or DICOM folders.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write, .csv, or .json with the score.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Id or folder of a classifier; default: that of simulated sites.")
    ] = None,
    true: Annotated[
        list[str] | None, typer.Option(help="True site: give once for all volumes, or once for each.")
    ] = None,
    participants: Annotated[
        Path | None, typer.Option(help="participants.tsv with the true site of each subject.")
    ] = None,
    site_column: Annotated[str, typer.Option(help="Its column of sites.")] = "site",
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Tell how likely each site is; with true sites also how often that is right.

    After a good harmonization, the balanced accuracy is within its
    confidence interval of chance: sites can no longer be told apart.
    """
    _check_output(output, [*volumes, *([participants] if participants else [])])
    truth = _true_sites(volumes, true or [], participants, site_column)
    with progress_display() as display, hard_stop(lambda: None):
        display.stage("loading")
        from .qa.sites import check_sites, classify, site_classifier, site_score
        from .volume import read_volume

        package = site_classifier(model)
        sites = package.card.sites
        check_sites(truth or [], package.card)
        rows: list[dict[str, Any]] = []
        opinions, known, faults = [], [], []
        for number, path in enumerate(volumes):
            display.stage(f"classifying {path.name} ({number + 1} of {len(volumes)})")
            try:
                opinion = classify(read_volume(path), package, device=device.value)
            except InputError as error:
                display.note(str(error))
                faults.append(path)
                continue
            for note in opinion.notes:
                display.note(note)
            opinions.append(opinion)
            row = {"volume": str(path), "site": opinion.site}
            if truth:
                known.append(truth[number])
                row["true"] = truth[number]
            rows.append(row | {"probabilities": opinion.probabilities})
        score = site_score(known, opinions, package.card) if known else None
    if output is not None and rows:
        _write(output, rows, sites, score, package.card.name)
    if as_json:
        print_json({"model": package.card.name, "volumes": rows, "score": score and asdict(score)})
    elif rows:
        Console().print(_table(rows))
        if score is not None:
            print(score_text(score, len(known)))
    if faults:
        others = ", ".join(map(str, faults))
        raise InputError(f"{len(faults)} of {len(volumes)} volumes could not be classified: {others}.")


@sites_app.command()
def add(
    volumes: Annotated[list[Path], typer.Argument(help="Scans of the site, of one protocol.")],
    name: Annotated[str, typer.Option(help="Of the site, as you will choose it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create for the grown model.")],
    description: Annotated[str, typer.Option(help="Scanner and protocol, for people.")],
    model: Annotated[str, typer.Option(help="Id or folder of a 3D harmonizer.")] = "brain-light3d",
    data_license: Annotated[
        str, typer.Option(help="License of the scans, for the model's card.")
    ] = "not for sharing",
    source: Annotated[str, typer.Option(help="Where the scans are from, for the card.")] = "own scans",
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
) -> None:
    """Give a 3D harmonizer one more target site, whose look it reads from scans.

    Nothing is trained, so it takes seconds; to train on scans of your own
    sites takes an hour and knows them better (mrstyle-train new).
    """
    for option, text in (
        ("--name", name),
        ("--description", description),
        ("--data-license", data_license),
        ("--source", source),
    ):
        if not text.strip():
            raise InputError(f"{option} is empty; say it, because the card of the model will.")
    if output.exists():
        raise InputError(f"{output} exists; name a new folder.")
    if not output.absolute().parent.is_dir():
        raise InputError(
            f"Cannot write {output}: the folder {output.parent} does not exist; create it first."
        )
    with progress_display() as display, hard_stop(lambda: None):
        display.stage("loading")
        from .added_sites import add_site
        from .models.card import TrainingData
        from .models.catalogue import find
        from .models.package import load_package
        from .volume import read_volume

        card = add_site(
            load_package(find(model)),
            name,
            [read_volume(path) for path in volumes],
            output,
            description=description,
            source=TrainingData(
                name=f"Scans of {name}", license=data_license, source=source, citation="", simulated=False
            ),
            device=device.value,
            progress=display,
        )
    print(f"{output}: {card.name} knows {len(card.sites)} sites: {', '.join(card.sites)}.")


def score_text(score: Score, volumes: int) -> str:
    """A balanced accuracy in words."""
    counted = f"{volumes} volume{'' if volumes == 1 else 's'}"
    if score.is_chance:
        verdict = f"no better than a guess, as far as {counted} can tell"
    elif score.low > score.chance:
        verdict = "sites can be told apart"
    else:
        verdict = "worse than a guess: sites are taken for others"
    return (
        f"Balanced accuracy {score.value:.2f} (95 % confidence interval {score.low:.2f} to {score.high:.2f}) on {counted}; "
        f"chance is {score.chance:.2f}: {verdict}."
    )


def _check_output(output: Path | None, inputs: list[Path]) -> None:
    """Refuse a table that cannot be written before any work."""
    if output is None:
        return
    if suffix_of(output) not in _SUFFIXES:
        raise InputError(f"Cannot write the table {output}: name it .csv or .json.")
    kept = {each.resolve() for path in inputs for each in (path, sidecar_path(path))}
    if output.resolve() in kept:
        raise InputError(f"{output} would replace an input or its sidecar; choose another output.")
    if output.is_dir():
        raise InputError(f"Cannot write {output}: it is a folder; name a file.")
    if not output.parent.is_dir():
        raise InputError(
            f"Cannot write {output}: the folder {output.parent} does not exist; create it first."
        )


def _true_sites(volumes: list[Path], true: list[str], participants: Path | None, column: str) -> list[str]:
    """The true site of each volume; none where nobody tells."""
    if participants is not None:
        if true:
            raise InputError("Give the true sites by --true or by --participants, not both.")
        known = read_participants(participants)
        return [_site_of(path, known, participants, column) for path in volumes]
    if len(true) == 1:
        return true * len(volumes)
    if true and len(true) != len(volumes):
        raise InputError(
            f"There are {len(volumes)} volumes and {len(true)} true sites; give --true once for all, or once for each."
        )
    return true


def _site_of(path: Path, known: dict[str, dict[str, str]], table: Path, column: str) -> str:
    name = participant_of(path.absolute())
    if name is None:
        raise InputError(f"{path} names no subject such as sub-01; give its true site by --true.")
    if name not in known:
        raise InputError(f"{table} has no row of {name}, of whom {path} is; add one.")
    if column not in known[name]:
        raise InputError(
            f"{table} has no {column} of {name}; fill it in, or name the column by --site-column."
        )
    return known[name][column]


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    has_truth = "true" in rows[0]
    for name in ("volume", "looks like", *(["true site"] if has_truth else [])):
        table.add_column(name, overflow="fold")
    for row in rows:
        likely = sorted(row["probabilities"].items(), key=lambda item: -item[1])[:_SHOWN]
        cells = [row["volume"], ", ".join(f"{site} {share:.2f}" for site, share in likely)]
        table.add_row(*map(escape, [*cells, *([row["true"]] if has_truth else [])]))
    return table


def _write(
    output: Path, rows: list[dict[str, Any]], sites: tuple[str, ...], score: Score | None, model: str
) -> None:
    with atomic_path(output) as path:
        if suffix_of(output) == ".json":
            content = {"model": model, "volumes": rows, "score": score and asdict(score)}
            path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            return
        flat = [row | row["probabilities"] for row in rows]
        names = [name for name in rows[0] if name != "probabilities"]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*names, *sites], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(flat)
