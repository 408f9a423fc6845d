"""Where the brain is in a scan of the head of any contrast, with or without skull."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from ..engine.device import choose, has_fast_bfloat16
from ..errors import InputError
from ..methods.brain_mask import VOXEL_MM, normalized
from ..models.catalogue import find
from ..models.package import Package, load_package
from ..volume import Volume, check_volume, to_canonical

_MODEL = "brain-mask"
_LEAST_ML = 30.0
_SURE = 10.0


def brain_mask(volume: Volume, *, model: Package | None = None, device: str = "auto") -> Volume:
    """The brain with its ventricles and the fluid between its folds, without the spinal cord.

    The network sees the whole volume at 2 mm; its largest connected part, with holes filled, is interpolated back.

    Args:
        volume: of the head, of any contrast.
        model: a package whose card has the task "brain_mask"; the bundled ``brain-mask`` when None.
        device: "auto", "cpu", "cuda" or "mps".

    Returns:
        1 inside and 0 outside, on the grid of ``volume``.

    Raises:
        InputError: the volume is not usable, or no brain of 30 ml or more is in it.
        PackageError: there is no such model.
    """
    check_volume(volume)
    model = model or _bundled()
    if model.card.task != "brain_mask":
        raise InputError(
            f"The model {model.card.id} does not find brains; choose one with the task brain_mask."
        )
    canonical = to_canonical(volume)
    coarse = _resized(
        torch.from_numpy(canonical.array), _coarse_sizes(canonical.array.shape, canonical.spacing_mm)
    )
    logits = _logits(model, normalized(coarse), choose(device)[0])
    coarse_mask = torch.from_numpy(_one_part(logits.numpy()))
    voxel_ml = float(np.prod(canonical.spacing_mm)) / 1000
    fine = _resized(coarse_mask, canonical.array.shape).numpy() > 0
    if fine.sum() * voxel_ml < _LEAST_ML:
        raise InputError(
            f"No brain was found in {volume.name}; choose a scan that shows the brain, or leave brain extraction out."
        )
    return Volume(canonical.restore(fine.astype(np.float32)), volume.affine, f"Brain mask of {volume.name}")


@lru_cache(maxsize=1)
def _bundled() -> Package:
    return load_package(find(_MODEL))


def _coarse_sizes(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> tuple[int, ...]:
    """Of a grid of about 2 mm over the same extent; spacing has the fastest axis first."""
    return tuple(
        max(2, round(size * spacing / VOXEL_MM))
        for size, spacing in zip(shape, spacing_mm[::-1], strict=True)
    )


def _resized(volume: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Over the same extent: means along the axes that get coarser, linear interpolation along the others."""
    smaller = [min(size, wanted) for size, wanted in zip(volume.shape, shape, strict=True)]
    volume = F.interpolate(volume[None, None], size=smaller, mode="area")
    return F.interpolate(volume, size=tuple(shape), mode="trilinear", align_corners=False)[0, 0]


def _logits(model: Package, volume: Tensor, device: torch.device) -> Tensor:
    """Of a volume (D, H, W) of 2 mm, the same shape."""
    network = model.network.to(device)
    divisor = int(network.divisor)  # type: ignore[arg-type]
    padding = [extra for size in volume.shape[::-1] for extra in (0, -size % divisor)]
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device)),
    ):
        logits = network(F.pad(volume, padding)[None, None].to(device))[0, 0].float().cpu()
    depth, height, width = volume.shape
    return logits[:depth, :height, :width].clone()


def _one_part(logits: np.ndarray) -> np.ndarray:
    """Without all parts but the largest, and without its holes."""
    labels, count = ndimage.label(logits > 0)
    if count == 0:
        return logits
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == sizes.argmax()
    holes = ndimage.binary_fill_holes(largest) & ~largest
    logits = np.where((labels > 0) & ~largest, -_SURE, logits)
    return np.where(holes, _SURE, logits).astype(np.float32)
