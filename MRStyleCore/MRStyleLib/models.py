"""The models that a panel offers, and how one more is installed.

Only what a panel shows is read and checked here; the worker checks the rest before it runs a model.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from . import settings
from .environment import package_folder, python_executable, worker_environment
from .model_description import describe as describe

CARD_NAME, WEIGHTS_NAME = "model.json", "weights.safetensors"
_CARD_LIMIT_BYTES = 1_000_000
_CHECK_TIMEOUT_S = 120
_PATTERNS = {
    "id": r"[a-z0-9][a-z0-9-]{1,63}",
    "version": r"\d{1,9}\.\d{1,9}\.\d{1,9}",
    "license": r"[A-Za-z0-9.+-]+",
}
_KINDS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "description": str,
    "accepts": dict,
    "target_kinds": list,
    "training": dict,
    "license_note": str,
    "figures": list,
    "seconds_per_megavoxel": dict,
    "citation": str,
    "weights_sha256": (str, type(None)),
}
_OPTIONAL = {"license_note", "figures", "seconds_per_megavoxel"}


@dataclass(frozen=True)
class ModelEntry:
    """A model package that was found.

    Args:
        id: of a package whose card cannot be read, the name of its folder.
        version: MAJOR.MINOR.PATCH; empty where the card cannot be read.
        title: for the list of models.
        card: the content of model.json; empty where it cannot be read.
        folder: what a `Job` takes as its model.
        fault: why it cannot be chosen, in one sentence; None if it can.
    """

    id: str
    version: str
    title: str
    card: dict[str, Any]
    folder: Path
    fault: str | None = None

    @property
    def name(self) -> str:
        """``id@version``, which names one model among all."""
        return f"{self.id}@{self.version}"


def bundled_models_folder() -> Path:
    """The models that come with MRStyle: beside the packages when installed, else at the root of the checkout."""
    beside = package_folder() / "Resources" / "Models"
    return beside if beside.is_dir() else package_folder().parent / "Resources" / "Models"


def find_models(extra: Iterable[Path] = ()) -> list[ModelEntry]:
    """All models: the bundled ones, those in the user's model folder, then ``extra`` (packages, or folders of them).

    Of several with one id and version the first can be chosen; the others say so as their fault.
    """
    folders = [*_packages(bundled_models_folder()), *_packages(settings.model_folder())]
    for place in extra:
        folders += [place] if (place / CARD_NAME).exists() else _packages(place)
    winners: dict[str, ModelEntry] = {}
    entries = []
    for folder in dict.fromkeys(folders):
        entry = read_entry(folder)
        if entry.version and (winner := winners.setdefault(entry.name, entry)) is not entry:
            fault = _("{model} is taken from {folder}, which comes first.")
            entry = replace(entry, fault=fault.format(model=entry.name, folder=winner.folder))
        entries.append(entry)
    return entries


def find_model(model_id: str) -> ModelEntry:
    """The installed model ``id`` or ``id@version``; without a version, the first one found.

    Raises:
        ValueError: it is not installed.
    """
    for entry in find_models():
        if entry.fault is None and model_id in (entry.id, entry.name):
            return entry
    text = _("There is no model {model_id}; see the list of models in the panel.")
    raise ValueError(text.format(model_id=model_id))


def read_entry(folder: Path) -> ModelEntry:
    """The entry of one package folder."""
    try:
        card = _read_card(folder / CARD_NAME)
    except ValueError as error:
        fault = _("The model in {folder} cannot be used: {reason}.").format(folder=folder, reason=error)
        return ModelEntry(folder.name, "", folder.name, {}, folder, fault)
    fault = None
    if card["weights_sha256"] is not None and not (folder / WEIGHTS_NAME).is_file():
        fault = _("The model in {folder} has lost its {file}; install it again.").format(
            folder=folder, file=WEIGHTS_NAME
        )
    return ModelEntry(card["id"], card["version"], card["title"], card, folder, fault)


def install_model(source: Path, model_folder: Path | None = None) -> ModelEntry:
    """Copy a package into the user's model folder, whole or not at all; takes seconds, while the worker checks it.

    Args:
        source: the folder of the package.
        model_folder: by default `settings.model_folder`; made if needed.

    Raises:
        ValueError: the package is refused; the message says why.
        RuntimeError: it cannot be checked, because something is not installed.
        OSError: it cannot be copied.
    """
    entry = read_entry(source)
    if entry.fault:
        raise ValueError(entry.fault)
    model_folder = settings.model_folder() if model_folder is None else model_folder
    target = model_folder / f"{entry.id}-{entry.version}"
    if target.exists():
        raise ValueError(
            _("{model} is installed already, in {folder}; remove that folder first.").format(
                model=entry.name, folder=target
            )
        )
    model_folder.mkdir(parents=True, exist_ok=True)
    # What is checked is the copy: nobody can change it on the way to its place. A dot hides it from the list.
    staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=model_folder))
    try:
        _copy_package(source, staging)
        _check(staging, source)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return read_entry(target)


def _packages(place: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def _read_card(path: Path) -> dict[str, Any]:
    """The card; raises ValueError with what is wrong with the file."""
    try:
        if path.stat().st_size > _CARD_LIMIT_BYTES:
            raise ValueError(_("its {file} is too large").format(file=CARD_NAME))
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(_("it has no {file}").format(file=CARD_NAME)) from None
    except OSError as error:
        raise ValueError(
            _("its {file} cannot be read ({reason})").format(file=CARD_NAME, reason=error.strerror)
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError(_("its {file} is not valid JSON").format(file=CARD_NAME)) from None
    if not isinstance(card, dict) or card.get("schema_version") != 1:
        raise ValueError(_("its {file} is not of a version that MRStyle knows").format(file=CARD_NAME))
    for field in (*_PATTERNS, *_KINDS):
        if not _is_usable(card, field):
            raise ValueError(_("its {file} has no usable field {field}").format(file=CARD_NAME, field=field))
    return card


def _is_usable(card: dict[str, Any], field: str) -> bool:
    if field in _PATTERNS:
        return isinstance(card.get(field), str) and re.fullmatch(_PATTERNS[field], card[field]) is not None
    return field in _OPTIONAL - card.keys() or (field in card and isinstance(card[field], _KINDS[field]))


def _copy_package(source: Path, target: Path) -> None:
    """Only what belongs to a package: a user may have chosen a folder with much else in it."""
    wanted = re.compile(
        rf"{re.escape(CARD_NAME)}|{re.escape(WEIGHTS_NAME)}|(license|notice|readme)(\.\w+)?", re.IGNORECASE
    )
    for path in sorted(source.iterdir()):
        if wanted.fullmatch(path.name) and path.is_file():
            shutil.copyfile(path, target / path.name)


def _check(staging: Path, source: Path) -> None:
    """Let the worker's Python check a package; ``source`` is what messages call it."""
    flags = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
    try:
        done = subprocess.run(
            [python_executable(), "-m", "mrstyle", "models", "check", str(staging)],
            env=worker_environment(),
            cwd=staging,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_CHECK_TIMEOUT_S,
            **flags,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            _("The model in {folder} was not checked within {time} s; try again.").format(
                folder=source, time=_CHECK_TIMEOUT_S
            )
        ) from None
    if done.returncode == 0:
        return
    last = (done.stderr.strip().splitlines() or [_("no reason was given")])[-1]
    if last.startswith("mrstyle: "):
        raise ValueError(last.removeprefix("mrstyle: ").replace(str(staging), str(source)))
    raise RuntimeError(
        _("The model in {folder} cannot be checked: {reason}.").format(folder=source, reason=last)
    )
