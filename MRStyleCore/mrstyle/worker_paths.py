"""What the jobs of the worker have in common: nothing that they write replaces an input or another output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from .files import sidecar_path


class FileCase(Protocol):
    """A case of a job."""

    def read(self) -> Iterator[Path]:
        """The files and folders that it reads."""
        ...

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What it is told to write, and the files that it then writes, as absolute paths."""
        ...


def check_paths(cases: Iterable[FileCase]) -> None:
    """Refuse a job that would write a file twice, or over one that it reads.

    Raises:
        ValueError: the message names what the job was told to write.
    """
    cases, taken = list(cases), set[Path]()
    for path in (path for case in cases for path in case.read()):
        taken.add(path.resolve())
        if not path.is_dir():
            taken.add(sidecar_path(path.resolve()))
    for told, files in (each for case in cases for each in case.written()):
        if not taken.isdisjoint(files):
            raise ValueError(
                f"{told}, or a file that comes with it, would replace an input or another output; rename it"
            )
        taken.update(files)
