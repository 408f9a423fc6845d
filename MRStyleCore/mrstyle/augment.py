"""Labelled synthetic cases: images that were made of an image, with the labels that were drawn on that, as a data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .augment_layouts import LAYOUTS, CaseName, CasePaths, Contents
from .cohort_bids import write_json
from .errors import InputError
from .files import atomic_path
from .labels import Labels, check_names
from .outputs import NewFolder
from .volume import Volume, write_volume

_DESCRIPTION = (
    "Synthesized: no scanner took this image. The labels were drawn on the image that it was made of."
)


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """Images of one place, by contrast ("T1w"), and labels on their grid.

    Attributes:
        source: the image that they were made of; what was made of one patient has one, so that it stays in one fold.
        variant: which of those that were made of it: letters and digits.
        images: by contrast.
        labels: on the same grid.
        provenance: how the images were made, as JSON.
    """

    source: str
    variant: str
    images: dict[str, Volume]
    labels: Labels
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        for image in self.images.values():
            if not self.labels.volume.has_grid_of(image):
                raise ValueError(f"the labels of {self.source} are on another grid than {image.name}")


class Export:
    """A data set in a layout of `LAYOUTS`, which appears whole or not at all.

    Args:
        out: the folder; there may be an empty one.
        layout: its name.

    Raises:
        InputError: there is something in the folder, or it cannot be written to.
    """

    def __init__(self, out: Path, layout: str) -> None:
        self._layout = LAYOUTS[layout]
        self._out = out.resolve()
        self._folder = NewFolder(out)

    @property
    def home(self) -> Path:
        """Where the data set is when it is written."""
        return self._out / self._layout.home(self._out.name)

    @contextmanager
    def writing(self) -> Iterator[Callable[[LabelledCase], None]]:
        """Yield a function that writes a case; the data set is there when the block ends without an error.

        Raises:
            InputError: two cases have one name, differ in their contrasts, or call a value or a name by different ones.
        """
        with self._folder.staged() as staging:
            contents = _Contents(staging / self._layout.home(self._out.name))
            yield lambda case: contents.add(case, self._layout.paths(_name(case), list(case.images)))
            self._layout.finish(contents.folder, contents.told(self.home.name))

    def discard(self) -> None:
        """Remove what was written so far; call it from another thread when the process is about to end."""
        self._folder.discard()


class _Contents:
    """What a data set holds so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._contrasts: list[str] = []
        self._names: dict[int, str] = {}
        self._cases: list[CasePaths] = []
        self._sources: dict[str, str] = {}

    def add(self, case: LabelledCase, paths: CasePaths) -> None:
        self._check(case, paths)
        for path in (*paths.images, paths.labels, paths.sidecar):
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        for path, image in zip(paths.images, case.images.values(), strict=True):
            write_volume(image, self.folder / path)
        with atomic_path(self.folder / paths.labels) as temporary:
            temporary.write_bytes(case.labels.nifti)
        history = {"source": case.source, "variant": case.variant} | case.provenance
        write_json(
            self.folder / paths.sidecar,
            {"Description": _DESCRIPTION, "MRStyle": history | {"labels": case.labels.record()}},
        )

    def told(self, title: str) -> Contents:
        return Contents(title, self._contrasts, dict(sorted(self._names.items())), self._cases)

    def _check(self, case: LabelledCase, paths: CasePaths) -> None:
        # File systems of Windows and macOS do not tell upper from lower case.
        first = self._sources.setdefault(paths.labels.casefold(), case.source)
        if any(paths.labels.casefold() == each.labels.casefold() for each in self._cases):
            raise InputError(
                f"Two cases would be called {Path(paths.labels).name}, of {first} and of {case.source}; rename one."
            )
        contrasts = list(case.images)
        if self._cases and contrasts != self._contrasts:
            raise InputError(
                f"{case.source} has {', '.join(contrasts)}, other cases {', '.join(self._contrasts)}; export them apart."
            )
        for value, name in case.labels.names.items():
            if self._names.setdefault(value, name) != name:
                raise InputError(
                    f"The value {value} is {name!r} in the labels of {case.source} and {self._names[value]!r} in others; name "
                    "them alike (--label-names)."
                )
        check_names(self._names, "The labels of all cases together")
        self._contrasts = contrasts
        self._cases.append(paths)


def _name(case: LabelledCase) -> CaseName:
    """With what every file system takes."""
    source = re.sub(r"[^A-Za-z0-9_-]+", "-", case.source).strip("-_") or "case"
    return CaseName(source, case.variant)
