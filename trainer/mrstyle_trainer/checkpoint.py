"""Checkpoints as safetensors (all tensors) with JSON (all else) inside: nothing in them runs code when read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mrstyle.errors import InputError
from mrstyle.files import atomic_path

_FILE = "checkpoint.safetensors"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (nested dicts and lists of tensors and JSON values); a kill leaves the previous one.

    Keys that are whole numbers come back as int (an optimizer's state has such), all others as text.
    """
    tensors: dict[str, Tensor] = {}
    tree = _flatten(state, "", tensors)
    with atomic_path(folder / _FILE) as path:
        save_file(tensors, path, metadata={"state": json.dumps(tree)})


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote.

    Raises:
        InputError: there is no checkpoint in the folder, or it is damaged.
    """
    path = folder / _FILE
    if not path.is_file():
        raise InputError(f"There is no checkpoint in {folder}; start the training with `mrstyle-train fit`.")
    try:
        with safe_open(path, "pt") as file:
            tree = json.loads(file.metadata()["state"])
        return _unflatten(tree, load_file(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"The checkpoint {path} is damaged ({error}); start the training anew.") from error


def _flatten(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Move the tensors of nested dicts and lists into ``tensors``, leaving their names behind."""
    if isinstance(tree, Tensor):
        tensors[path] = tree.detach().contiguous().clone()
        return {"__tensor__": path}
    if isinstance(tree, dict):
        return {str(key): _flatten(value, f"{path}/{key}", tensors) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_flatten(value, f"{path}/{index}", tensors) for index, value in enumerate(tree)]
    return tree


def _unflatten(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict):
        if "__tensor__" in tree:
            return tensors[tree["__tensor__"]]
        return {int(key) if key.isdigit() else key: _unflatten(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_unflatten(value, tensors) for value in tree]
    return tree
