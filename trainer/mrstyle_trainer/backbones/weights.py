"""Weights of a backbone from a file that a user names: checked by hash, names, shapes, and never code."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from mrstyle.errors import InputError

if TYPE_CHECKING:
    from . import PerceptualConfig

_PICKLED = (".pth", ".pt")
# Before it, a file could run code in spite of weights_only (CVE-2025-32434).
_SAFE_TORCH = (2, 6)


def read_weights(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a file: a .safetensors one, or a .pth one that holds nothing but tensors.

    Of a checkpoint, those under ``state_dict``.

    Raises:
        InputError: the file is missing, damaged, of another format or of another hash than ``sha256``.
    """
    suffix = path.suffix.lower()
    if suffix != ".safetensors" and suffix not in _PICKLED:
        raise InputError(f"The weights {path} are no .safetensors or .pth file; check perceptual.weights.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read the weights {path}: {error.strerror or error}; check perceptual.weights."
        ) from error
    if sha256 is not None and (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise InputError(
            f"The weights {path} have the SHA-256 {found}, not the {sha256} that they should; download the file again, or "
            "correct perceptual.sha256."
        )
    content = _of_safetensors(path, data) if suffix == ".safetensors" else _of_pickle(path, data)
    content = content.get("state_dict", content)
    if not isinstance(content, dict) or not content or not all(map(torch.is_tensor, content.values())):
        raise InputError(f"The file {path} holds no weights of a network; check perceptual.weights.")
    return content


def checked_match(
    config: PerceptualConfig, tensors: dict[str, Tensor], needed: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors that a backbone needs, as float32 where it has that.

    Raises:
        InputError: one of them is missing, unknown, of another shape, or not finite.
    """
    of = f"The weights {config.weights} are not those of {config.backbone}"
    for name in sorted(tensors.keys() | needed.keys()):
        # Old files do not count the batches that a norm has seen; in eval mode nobody asks.
        if name.endswith("num_batches_tracked"):
            continue
        if name not in tensors:
            raise InputError(f"{of}: they lack the tensor {name}; check perceptual.weights.")
        if name not in needed:
            raise InputError(
                f"{of}: they have a tensor {name} that it does not know; check perceptual.weights."
            )
        have, need = tuple(tensors[name].shape), tuple(needed[name].shape)
        if have != need:
            raise InputError(
                f"{of}: the tensor {name} has the shape {have}, not {need}; check perceptual.weights."
            )
        if not torch.isfinite(tensors[name].float()).all():
            raise InputError(
                f"The weights {config.weights} are damaged: {name} is not finite; download them again."
            )
    return {name: tensors.get(name, value).to(value.dtype) for name, value in needed.items()}


def _of_safetensors(path: Path, data: bytes) -> dict[str, Any]:
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:
        raise InputError(f"{path} is not a whole safetensors file; copy it again ({error}).") from error


def _of_pickle(path: Path, data: bytes) -> dict[str, Any]:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < _SAFE_TORCH:
        raise InputError(
            f"PyTorch {torch.__version__} cannot read {path.name} safely; install PyTorch 2.6 or later, or save the weights "
            "as .safetensors."
        )
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch does not list how a file can be damaged
        raise InputError(
            f"{path} is damaged or holds more than tensors, which MRStyle never loads; save its weights as .safetensors."
        ) from error
    return content if isinstance(content, dict) else {}
