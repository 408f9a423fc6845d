"""How files are named and written: under a temporary name beside their target, then renamed, so that a killed run
leaves no half file.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError


def suffix_of(path: Path) -> str:
    """The suffix in lower case, with what ``.gz`` compresses: ``.nii.gz``; "" when there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return "".join(suffixes) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def natural_order(path: Path) -> list[Any]:
    """Key for sorting: frame 10 comes after frame 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def sidecar_path(output: str | Path) -> Path:
    """Where the history of ``output`` is: ``name.nii.gz`` and ``name.nrrd`` both have ``name.json``."""
    output = Path(output)
    stem = output.with_suffix("") if output.suffix.lower() == ".gz" else output
    return stem.with_suffix(".json")


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that replaces it when the block ends without an error.

    The temporary name keeps all suffixes of the target, because writers choose the format by them. On any error,
    including a keyboard interrupt, the temporary file is removed and the target is left as it was.

    Raises:
        InputError: the folder does not exist or cannot be written to.
    """
    target = Path(target)
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"Cannot write {target}: the folder {folder} does not exist; create it first.")
    try:
        handle, name = tempfile.mkstemp(prefix=".partial-", suffix=f"-{target.name}", dir=folder)
    except OSError as error:
        raise InputError(
            f"Cannot write {target}: {error.strerror}; choose a folder you can write to."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
