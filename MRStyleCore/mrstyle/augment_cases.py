"""Which images have labels: one pair that is named, a folder with ``images`` and ``labels``, or a BIDS folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from . import volume_files
from .errors import InputError
from .files import suffix_of

_PAIRS = (("images", "labels"), ("imagesTr", "labelsTr"))
_FRAME = re.compile(r"_frame-?(\d+)(?=_|$)")
_CHANNEL = re.compile(r"_0000$")
_NO_IMAGES = ("dseg", "mask", "probseg")


@dataclass(frozen=True)
class CaseFiles:
    """An image with labels.

    Attributes:
        name: of the image, without folder and suffix.
        image: a file, or a folder of frames.
        labels: a file.
        frame: that they were drawn on, where the name of ``labels`` says so: ``kidney_frame-12.nii.gz``.
    """

    name: str
    image: Path
    labels: Path
    frame: int | None = None


def find_cases(
    cases: Path, labels: Path | None, name: str | None, suffix: str | None = None
) -> tuple[list[CaseFiles], list[str]]:
    """All images that have labels, in the order of their names, and what the user should know.

    Args:
        cases: an image, whose labels are ``labels``; or, without these, a folder of images and labels.
        labels: of one image.
        name: what one image is called; None for its file name.
        suffix: of the images in a BIDS folder, such as "dce"; None where labels have one image each.

    Raises:
        InputError: something is missing or found twice.
    """
    if not cases.exists():
        raise InputError(f"{cases} does not exist; check the path.")
    if labels is not None:
        if not labels.exists():
            raise InputError(f"The labels {labels} do not exist; check the path.")
        return [CaseFiles(name or _stem(cases), cases, labels, _frame(labels))], []
    if name is not None:
        raise InputError("A name (--name) is for one image with --labels; in a folder, files have names.")
    for images, drawn in _PAIRS:
        if (cases / images).is_dir() and (cases / drawn).is_dir():
            return _checked(*_pairs(cases / images, cases / drawn))
    if cases.is_dir() and any(cases.glob("sub-*")):
        return _checked(_of_bids(cases, suffix), [])
    raise InputError(
        f"There are no labels for {cases}; name them (--labels), or give a folder that has images and labels, or sub-…_dseg "
        "files as BIDS has them."
    )


def frames_of(found: list[CaseFiles], frame: int | None) -> list[int]:
    """The frame that the labels of each case were drawn on; ``frame`` where their name does not say it.

    Raises:
        InputError: nothing says it, or there is one case and the two differ.
    """
    if len(found) == 1 and None not in (frame, found[0].frame) and frame != found[0].frame:
        raise InputError(
            f"{found[0].labels.name} is of frame {found[0].frame} by its name, of frame {frame} by --frame; correct one."
        )
    frames = [frame if case.frame is None else case.frame for case in found]
    for case, drawn_on in zip(found, frames, strict=True):
        if drawn_on is None:
            raise InputError(
                f"Nothing tells which frame {case.labels.name} was drawn on; say it (--frame, counted from 0)."
            )
    return [each for each in frames if each is not None]


def _checked(found: list[CaseFiles], notes: list[str]) -> tuple[list[CaseFiles], list[str]]:
    first: dict[tuple[str, int | None], CaseFiles] = {}
    for case in found:
        other = first.setdefault((case.name.casefold(), case.frame), case)
        if other is not case:
            raise InputError(
                f"Two cases are called {case.name}: {other.labels} and {case.labels}; rename one."
            )
    return found, notes


def _pairs(images: Path, labels: Path) -> tuple[list[CaseFiles], list[str]]:
    known: dict[str, list[Path]] = {}
    for path in sorted(images.iterdir()):
        if path.is_dir() or suffix_of(path) in volume_files.SUFFIXES:
            known.setdefault(_CHANNEL.sub("", _stem(path)), []).append(path)
    found = []
    for path in sorted(labels.iterdir()):
        if suffix_of(path) in volume_files.SUFFIXES:
            name = _FRAME.sub("", _stem(path))
            found.append(CaseFiles(name, _one(known.get(name, []), path, images), path, _frame(path)))
    if not found:
        raise InputError(f"{labels} has no labels; put a file there for each image, of the same name.")
    count = len(known.keys() - {case.name for case in found})
    return found, [f"Images without labels, which are left out: {count}."] if count else []


def _of_bids(folder: Path, suffix: str | None) -> list[CaseFiles]:
    files = [path for path in sorted(folder.rglob("sub-*")) if suffix_of(path) in volume_files.SUFFIXES]
    raw: dict[str, list[Path]] = {}
    for path in files:
        kind = _stem(path).rsplit("_", 1)[-1]
        wanted = kind not in _NO_IMAGES if suffix is None else kind == suffix
        if wanted and "derivatives" not in path.relative_to(folder).parts:
            raw.setdefault(_entities(path), []).append(path)
    found = []
    for path in files:
        if _stem(path).endswith("_dseg"):
            image = _one(raw.get(_entities(path), []), path, folder)
            found.append(CaseFiles(_stem(image), image, path, _frame(path)))
    if not found:
        raise InputError(f"{folder} has no labels; BIDS calls them sub-…_dseg.nii.gz.")
    return found


def _one(images: list[Path], labels: Path, where: Path) -> Path:
    if not images:
        raise InputError(f"The labels {labels} have no image of the same name in {where}; add or rename it.")
    if len(images) > 1:
        names = ", ".join(path.name for path in images)
        raise InputError(
            f"The labels {labels} have several images: {names}; keep one, or in a BIDS folder say which (--suffix)."
        )
    return images[0]


def _entities(path: Path) -> str:
    """What an image and its labels have in common: ``sub-01_ses-2`` of ``sub-01_ses-2_desc-mine_dseg``."""
    stem = _FRAME.sub("", _stem(path)).rsplit("_", 1)[0]
    return "_".join(part for part in stem.split("_") if not part.startswith("desc-"))


def _stem(path: Path) -> str:
    """The name without its suffix; ``x`` of ``x.seg.nrrd``, as 3D Slicer names segmentations, too."""
    stem = path.name if path.is_dir() else path.name[: len(path.name) - len(suffix_of(path))]
    return stem.removesuffix(".seg")


def _frame(labels: Path) -> int | None:
    found = _FRAME.search(_stem(labels))
    return int(found[1]) if found else None
