"""A trained model as a folder: ``model.json`` (the card) and ``weights.safetensors``. Never a pickle."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from .. import methods
from ..errors import InputError, PackageError
from .card import CARD_NAME, ModelCard, first_fault, load_card, refusal

WEIGHTS_NAME = "weights.safetensors"
_PICKLE_SUFFIXES = {".pt", ".pth", ".pkl", ".bin", ".ckpt"}
_PICKLE_MAGICS = (b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(2, 6)))
_PICKLE_SENTENCE = "is a Python pickle, which MRStyle never loads; export the model as safetensors"


@dataclass(frozen=True)
class Package:
    """A model that is ready to run: its card and its network in eval mode, float32, on the CPU."""

    card: ModelCard
    folder: Path
    network: torch.nn.Module
    weights_sha256: str | None


def load_package(folder: str | Path) -> Package:
    """Read, check and build the model in ``folder``.

    Weights stored as float16 or bfloat16 (which halves the file) become float32 here; precision at run time
    is the engine's business.

    Raises:
        PackageError: the folder, card, method, config or weights are not usable; the message says why.
    """
    folder = Path(folder)
    card = load_card(folder)
    try:
        network = methods.build(card.method, dict(card.config))
    except PackageError as error:
        raise refusal(folder, str(error)) from error
    network_dim = getattr(network, "dim", None)
    if network_dim != card.accepts.dim:
        raise refusal(
            folder, f"its card says dim {card.accepts.dim}, its method and config give dim {network_dim}"
        )
    network.load_state_dict(_load_weights(folder, card, network.state_dict()), strict=True)
    network.requires_grad_(False).eval()
    return Package(card, folder, network, card.weights_sha256)


def save_package(
    folder: str | Path,
    fields: Mapping[str, Any],
    network: torch.nn.Module,
    *,
    dtype: torch.dtype = torch.float32,
) -> ModelCard:
    """Write ``network`` and its card as a new package, whole or not at all.

    Args:
        folder: the package to create; its parent exists, it does not.
        fields: the fields of the card but ``weights_sha256`` and ``parameters``, which are computed here.
        network: a method as `methods.build` returns it for ``fields["method"]`` and ``fields["config"]``.
        dtype: how floating-point weights are stored: float32, or float16 or bfloat16 for a smaller file. The
            figures on the card should be measured with the weights as stored.

    Returns:
        The card as written.

    Raises:
        PackageError: the fields break the schema or the weights are not finite in ``dtype``.
        InputError: the folder exists already or cannot be written.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(
            f"Cannot write model package {folder}: it exists already; choose another name or remove it."
        )
    if not folder.parent.is_dir():
        raise InputError(f"Cannot write model package {folder}: create the folder {folder.parent} first.")
    tensors = {name: _as_stored(tensor, dtype) for name, tensor in network.state_dict().items()}
    _check_finite(folder, tensors)
    weights = safetensors.torch.save(tensors) if tensors else None
    computed = {
        "weights_sha256": hashlib.sha256(weights).hexdigest() if weights else None,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
    }
    try:
        card = ModelCard.model_validate({**fields, **computed})
    except ValidationError as error:
        raise refusal(folder, first_fault(error)) from error
    _write_folder(folder, card, weights)
    return card


def check_package(folder: str | Path) -> list[str]:
    """Load the package in ``folder`` and say what was checked, one sentence a check.

    Raises:
        PackageError: the first check that failed, as in `load_package`.
    """
    package = load_package(folder)
    card = package.card
    passed = [
        f"{CARD_NAME} follows schema version {card.schema_version}.",
        f"Method {card.method!r} builds from the config as a {card.accepts.dim}D network.",
    ]
    if card.weights_sha256 is None:
        return [*passed, "The method has no weights and needs none."]
    tensors = package.network.state_dict()
    return [
        *passed,
        f"{WEIGHTS_NAME} has the SHA-256 on the card.",
        f"All {len(tensors)} tensors have the names and shapes that the method needs.",
        f"All {card.parameters} values are finite.",
    ]


def _load_weights(
    folder: Path, card: ModelCard, expected: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The checked tensors of the package, in the data types of ``expected``."""
    path = folder / WEIGHTS_NAME
    if card.weights_sha256 is None:
        if path.exists():
            raise refusal(folder, f"it has a {WEIGHTS_NAME}, but its card has no weights_sha256")
        tensors: dict[str, torch.Tensor] = {}
    else:
        tensors = _read_weights(folder, path, card.weights_sha256)
    _check_match(folder, tensors, expected)
    _check_finite(folder, tensors)
    stored = sum(tensor.numel() for tensor in tensors.values())
    if stored != card.parameters:
        raise refusal(folder, f"its card says {card.parameters} parameters, {WEIGHTS_NAME} holds {stored}")
    return {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}


def _read_weights(folder: Path, path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Parse first, hash second: a pickle or a cut download is then called by its name."""
    try:
        data = path.read_bytes()
    except OSError as error:
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _PICKLE_SUFFIXES)
        if pickles:
            raise refusal(folder, f"{pickles[0]} {_PICKLE_SENTENCE}") from error
        raise refusal(folder, f"{WEIGHTS_NAME} is missing or cannot be read") from error
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:
        if data.startswith(_PICKLE_MAGICS):
            raise refusal(folder, f"{WEIGHTS_NAME} {_PICKLE_SENTENCE}") from error
        raise refusal(
            folder, f"{WEIGHTS_NAME} is not a whole safetensors file; copy it again ({error})"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise refusal(
            folder, f"{WEIGHTS_NAME} does not have the SHA-256 on its card: it was changed or damaged"
        )
    return tensors


def _check_match(folder: Path, tensors: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Refuse the first tensor, by name, that is missing, unknown, or of another shape or kind of number."""
    for name in sorted(tensors.keys() | expected.keys()):
        if name not in tensors:
            raise refusal(folder, f"its weights lack the tensor {name!r} that the method needs")
        if name not in expected:
            raise refusal(folder, f"its weights have a tensor {name!r} that the method does not know")
        have, need = tensors[name], expected[name]
        if have.shape != need.shape:
            raise refusal(
                folder, f"tensor {name!r} has shape {tuple(have.shape)}, the method needs {tuple(need.shape)}"
            )
        if have.is_floating_point() != need.is_floating_point():
            raise refusal(folder, f"tensor {name!r} holds {have.dtype}, the method needs {need.dtype}")


def _check_finite(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor.float()).all()):
            raise refusal(folder, f"tensor {name!r} has values that are not finite")


def _as_stored(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A copy of its own, because safetensors refuses tensors that share memory."""
    kept = dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", kept, copy=True).contiguous()


def _write_folder(folder: Path, card: ModelCard, weights: bytes | None) -> None:
    temporary = folder.with_name(f".partial-{uuid.uuid4().hex}-{folder.name}")
    try:
        temporary.mkdir()
        if weights is not None:
            (temporary / WEIGHTS_NAME).write_bytes(weights)
        (temporary / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
        temporary.replace(folder)
    except OSError as error:
        raise InputError(f"Cannot write model package {folder}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
