"""Where models are found: those that come with MRStyle, the user's own folder, then any folder named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import PackageError
from .card import CARD_NAME, ModelCard, load_card

Origin = Literal["bundled", "user", "named"]
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Entry:
    """A model package that was found; one with a ``problem`` (one sentence) cannot be chosen by its id."""

    card: ModelCard | None
    folder: Path
    origin: Origin
    problem: str | None = None


def bundled_models_folder() -> Path:
    """The models that come with MRStyle: inside the wheel's package, beside it in Slicer, or in the checkout."""
    in_wheel = _PACKAGE_ROOT / "bundled_models"
    in_slicer, in_checkout = (
        folder / "Resources" / "Models" for folder in (_PACKAGE_ROOT.parent, _PACKAGE_ROOT.parents[1])
    )
    return next((place for place in (in_wheel, in_slicer) if place.is_dir()), in_checkout)


def user_models_folder() -> Path:
    """The user's own models: environment variable MRSTYLE_MODELS, else where the platform keeps such data."""
    if chosen := os.environ.get("MRSTYLE_MODELS"):
        return Path(chosen)
    if sys.platform == "win32":
        data = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "mrstyle" / "models"


def catalogue(extra: Iterable[str | Path] = ()) -> list[Entry]:
    """All packages, in the order in which they are preferred; cards are read, weights are not.

    Args:
        extra: folders named by the user, each a package or a folder of packages.

    Returns:
        One entry a package. Its ``problem`` tells when the card cannot be used, or when an earlier entry
        has the same id and version.
    """
    places: list[tuple[Path, Origin]] = [(bundled_models_folder(), "bundled"), (user_models_folder(), "user")]
    places += [(Path(folder), "named") for folder in extra]
    first: dict[str, Entry] = {}
    entries: list[Entry] = []
    for entry in (_entry(folder, origin) for place, origin in places for folder in _packages(place, origin)):
        if entry.card is not None:
            winner = first.setdefault(entry.card.name, entry)
            if winner is not entry:
                entry = replace(
                    entry, problem=f"{entry.card.name} is taken from {winner.folder}, which comes first."
                )
        entries.append(entry)
    return entries


def find(model: str | Path, extra: Iterable[str | Path] = ()) -> Path:
    """The folder of a model.

    Args:
        model: ``id`` (its highest version), ``id@version``, or the path of a package. A path of one part is
            taken for an id first.
        extra: as in `catalogue`.

    Raises:
        PackageError: there is no such model; the message lists those that there are.
    """
    path, name = Path(model), str(model)
    if len(path.parts) > 1:
        return path
    entries = catalogue(extra)
    usable = [
        (entry.card, entry.folder) for entry in entries if entry.card is not None and entry.problem is None
    ]
    matching = [(card.version_key, folder) for card, folder in usable if name in (card.id, card.name)]
    if matching:
        return max(matching)[1]
    if path.is_dir():
        return path
    for entry in entries:
        if entry.folder.name == name and entry.problem is not None:
            raise PackageError(entry.problem)
    there_are = ", ".join(sorted(card.name for card, _ in usable)) or "none at all"
    raise PackageError(
        f"There is no model {name!r}; choose one of these, or the folder of a package: {there_are}."
    )


def _packages(place: Path, origin: Origin) -> Iterator[Path]:
    """The package folders in ``place``, or ``place`` itself when it is one (or was named and is missing)."""
    if origin == "named" and ((place / CARD_NAME).exists() or not place.is_dir()):
        yield place
    elif place.is_dir():
        yield from sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _entry(folder: Path, origin: Origin) -> Entry:
    try:
        return Entry(load_card(folder), folder, origin)
    except PackageError as error:
        return Entry(None, folder, origin, str(error))
