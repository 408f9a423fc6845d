"""How an image was probably taken, by its look, where nobody wrote it down."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import nn

from .acquisition import Acquisition
from .engine.prepared import Prepared
from .engine.slices import cut
from .errors import InputError
from .models.package import Package
from .presets import PRESETS, preset_acquisition
from .volume import Volume

_SLICES = 12
_CENTRAL = (0.25, 0.75)
_DEFAULT_FIELD_T = 3.0
_SURE = 0.5
# Kinds that can hardly be told apart share what speaks for them, or each of them would lose to any other kind.
_T1_WEIGHTED = ("T1w", "T1-FLAIR", "MPRAGE", "SPGR")


def estimate(volume: Volume, model: Package) -> tuple[Acquisition, str]:
    """A complete acquisition for ``volume``, and a sentence that says where it is from.

    A small network of the model tells the kind of sequence from central slices; the usual parameters of that kind fill in
    what ``volume.acquisition`` leaves open. What is known there is kept, and only kinds of its family are considered.

    Raises:
        InputError: the model cannot tell sequences apart, or the volume is not usable.
    """
    known = volume.acquisition or Acquisition()
    field_t = known.field_strength_t or _DEFAULT_FIELD_T
    shares = _kinds(volume, model)
    if known.family:
        shares = {kind: share for kind, share in shares.items() if _family(kind) == known.family}
    kind, share = _most_likely(shares)
    acquisition = _filled(known, preset_acquisition(kind, field_t))
    field = "" if known.field_strength_t else f" at {field_t:g} T, which is assumed"
    looks = "looks" if share >= _SURE else "may look"
    sentence = (
        f"{volume.name} {looks} like {kind} ({100 * share:.0f} %); what its file leaves open was estimated as usual for "
        f"that{field}. Enter the real values if you know them."
    )
    return acquisition, sentence


def _kinds(volume: Volume, model: Package) -> dict[str, float]:
    """Probability of each kind of sequence."""
    estimator = getattr(model.network, "estimator", None)
    if not isinstance(estimator, nn.Module):
        raise InputError(
            f"The model {model.card.id} cannot tell sequences from images; enter the parameters of {volume.name}."
        )
    prepared = Prepared.of(volume, model.card.accepts.minimum_size_voxels)
    axis = max(range(3), key=lambda index: prepared.spacing_kji_mm[index])
    pixel_range_mm = model.network.pixel_range_mm
    stack = cut(prepared.array, prepared.mask, prepared.spacing_kji_mm, axis, pixel_range_mm)  # type: ignore[arg-type]
    first, last = (share * (len(stack.images) - 1) for share in _CENTRAL)
    indices = torch.linspace(first, last, _SLICES).round().long().unique()
    with torch.inference_mode():
        logits = estimator(stack.images[indices].unsqueeze(1)).mean(dim=0)
    return dict(zip(PRESETS, logits.softmax(dim=0).tolist(), strict=True))


def _most_likely(shares: dict[str, float]) -> tuple[str, float]:
    """A kind and how likely it, or one that looks like it, is."""
    alike = {kind: share for kind, share in shares.items() if kind in _T1_WEIGHTED}
    others = {kind: share for kind, share in shares.items() if kind not in alike}
    together = sum(alike.values())
    likely = alike if together > max(others.values(), default=0.0) else others
    kind = max(likely, key=lambda name: likely[name])
    share = together if likely is alike else likely[kind]
    return kind, share / sum(shares.values())


def _family(kind: str) -> str | None:
    return preset_acquisition(kind).family


def _filled(known: Acquisition, usual: Acquisition) -> Acquisition:
    """The usual parameters with those that are known instead, as long as they go together."""
    filled = usual
    for field in fields(Acquisition):
        value = getattr(known, field.name)
        if value is None:
            continue
        try:
            filled = replace(filled, **{field.name: value})
        except InputError:
            continue
    return filled
