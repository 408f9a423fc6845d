"""What was done to make an image, in enough detail to do it again: a JSON file beside each output, and the
same text in its header where the format has room for it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
import torch

from . import __version__, volume_files
from .errors import InputError
from .files import atomic_path, sidecar_path, suffix_of


@dataclass(frozen=True)
class History:
    """One translation. Every value is JSON: text, numbers, null, and dicts and lists of them.

    ``planes`` are the slice directions whose mean the image is; none for a method that looks at no neighborhood.
    """

    model_id: str
    model_version: str
    weights_sha256: str | None
    target: dict[str, Any]
    content: dict[str, Any]
    samples: int
    seed: int
    device: str
    precision: str
    planes: list[str]
    versions: dict[str, str]
    created: str

    def to_dict(self) -> dict[str, Any]:
        """A deep copy as plain data, the content of the sidecar."""
        return asdict(self)

    def to_json(self) -> str:
        """One line of ASCII, for the header of an image."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """The inverse of `to_dict`.

        Raises:
            InputError: a field is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        if faults := sorted(names ^ data.keys()):
            state = "lacks" if faults[0] in names else "has an unknown"
            raise InputError(f"This is not a history that MRStyle wrote: it {state} field {faults[0]!r}.")
        return cls(**data)


def versions() -> dict[str, str]:
    """The versions of all that decides about the bits of a result."""
    return {
        "mrstyle": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "SimpleITK": sitk.__version__,
        "python": platform.python_version(),
    }


def array_sha256(array: np.ndarray) -> str:
    """SHA-256 of an array's shape and of its values as little-endian float32 in C order."""
    digest = hashlib.sha256(json.dumps(array.shape).encode("ascii"))
    digest.update(np.ascontiguousarray(array, dtype="<f4").data)
    return digest.hexdigest()


def write_sidecar(history: History, output: str | Path, bids: Mapping[str, Any] | None = None) -> Path:
    """Write the history of ``output`` beside it, whole or not at all, and return its path.

    Args:
        history: of the image.
        output: the image.
        bids: keys of a BIDS sidecar to go with it, in the same file; each begins with a capital, as no field of a
            history does.

    Raises:
        InputError: the folder is missing or cannot be written to.
    """
    path = sidecar_path(output)
    text = json.dumps({**(bids or {}), **history.to_dict()}, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def read_history(path: str | Path) -> History | None:
    """How an image was made: from its header, else from the JSON file beside it; None where neither says so.

    The header comes first, because it cannot be left behind when the image is moved or renamed.
    """
    path, texts = Path(path), []
    suffix = suffix_of(path)
    if path.is_file() and suffix in volume_files.SUFFIXES:
        texts.append(volume_files.read_history_text(path, suffix))
    with suppress(OSError, UnicodeDecodeError):
        texts.append(sidecar_path(path).read_text(encoding="utf-8"))
    for text in texts:
        with suppress(TypeError, ValueError, InputError):
            data = json.loads(text or "")
            if isinstance(data, dict):
                return History.from_dict({key: data[key] for key in data if not key[:1].isupper()})
    return None
