"""Compressed files in short pieces: reading one at once would hold the window of the application too long."""

from __future__ import annotations

import gzip
from collections.abc import Generator
from pathlib import Path

from slicer.i18n import tr as _

_CHUNK_BYTES = 4_000_000


def unpacked(path: Path, folder: Path | None = None) -> Generator[None, None, Path]:
    """The path of the uncompressed file, which is ``path`` itself where it does not end in .gz.

    Args:
        path: the file.
        folder: where the uncompressed file is written; None: beside it.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read, or there is no space to unpack it.
    """
    if path.suffix.lower() != ".gz":
        return path
    target = (folder or path.parent) / path.stem
    try:
        with gzip.open(path) as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                file.write(chunk)
                yield
    except EOFError as error:
        raise ValueError(_("The file {path} is damaged; make it again.").format(path=path)) from error
    return target
