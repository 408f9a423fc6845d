"""From what the user has chosen to a training that runs."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from slicer.i18n import tr as _

from . import settings, train_scans
from .train_files import SCANS
from .train_recipes import NO_DATA, SERIES, SITES, Recipe
from .train_run import Training, TrainingRequest

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")


def refusal_of_folder(recipe: Recipe, folder: Path) -> str | None:
    """Why a recipe cannot learn from a folder, as far as a look into it tells; None if it can."""
    if recipe.data == NO_DATA:
        return None
    if not folder.is_dir():
        return _("The folder {folder} is not there; choose another one.").format(folder=folder)
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        return _("The folder {folder} cannot be read: {reason}.").format(folder=folder, reason=error.strerror)
    if recipe.data == SERIES:
        # What is a series, only the trainer can tell.
        text = _("{folder} is empty; put series of three or more people there, one file or folder each.")
        return None if entries else text.format(folder=folder)
    if sum(_SUBJECT.fullmatch(path.name) is not None for path in entries) < 2:
        return _(
            "{folder} does not hold the scans of two or more subjects (folders sub-...); lay it out as BIDS says."
        ).format(folder=folder)
    if recipe.data == SITES and not (folder / "participants.tsv").is_file():
        return _("{folder} has no participants.tsv with the columns participant_id and site.").format(
            folder=folder
        )
    return None


def start_training(
    title: str, recipe: Recipe, data: Path | Sequence[train_scans.Scan] | None, minutes: int, device: str
) -> Generator[float, None, Training]:
    """Prepare a training in short pieces and start it; yields how much of the preparation is done, 0 to 1.

    Args:
        title: of the model.
        recipe: what to train.
        data: a BIDS folder, or volumes that are exported into one beside the run; None where none is needed.
        minutes: time budget.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: a volume cannot be used.
        RuntimeError: this Slicer has no Python.
        OSError: the folder of the training cannot be written to.
    """
    place = settings.trainings_folder()
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{model_id(title)}-", dir=place))
    try:
        if data is not None and not isinstance(data, Path):
            yield from train_scans.export(data, folder / SCANS)
            data = folder / SCANS
        request = TrainingRequest(
            title=title,
            model_id=model_id(title),
            recipe=recipe.name,
            data=str(data) if data is not None else "",
            minutes=minutes,
            device=device,
            models=str(settings.model_folder()),
            created=time.strftime("%Y-%m-%d %H:%M"),
        )
        training = Training.create(folder, request)
        training.start("fit")
    except BaseException:  # also where the application closes meanwhile
        settings.forget_training(folder)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return training


def model_id(title: str) -> str:
    """An id as model cards need it, made of the title."""
    letters = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].rstrip("-")
    return letters if len(letters) > 1 else f"model-{letters}".rstrip("-")
