"""How bright usual white matter is all over a real scan: what simulated heads know of themselves, estimated."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch
import torch.nn.functional as F
from torch import Tensor

from mrstyle.engine.blocks import resized
from mrstyle.methods import build
from mrstyle.methods.light3d import COARSE_MM
from mrstyle.physics.sites import WHITE_MATTER_LEVEL

from .site_samples import COARSE_SHAPE

_TISSUE = 0.1
_ITERATIONS = (20, 20, 20)
_SHRINK = 2
# Of the box of a head or a brain, along superior, anterior and right: a part that shows brain alone.
_BRAIN = ((0.45, 0.9), (0.25, 0.75), (0.25, 0.75))


def coarse_levels(image: Tensor, voxel_kji_mm: list[float]) -> tuple[Tensor, Tensor]:
    """A T1-weighted head at 4 mm, and the logarithm of the gain that takes out its shading and brings white matter to 0.6.

    The shading is that of N4 (Tustison et al., IEEE Trans Med Imaging 29:1310, 2010), the level the last peak of the histogram
    in the middle of the brain (Shinohara et al., NeuroImage Clin 6:9, 2014).

    Args:
        image: float32 (D, H, W), the box of the patient, air 0, the 99.5th percentile of the patient 1.
        voxel_kji_mm: of its voxels.

    Returns:
        Both float32 (d, h, w).
    """
    size = [
        max(4, round(length * voxel / COARSE_MM))
        for length, voxel in zip(image.shape, voxel_kji_mm, strict=True)
    ]
    coarse = resized(image, size)
    log_field = _log_shading(coarse)
    fine = F.interpolate(log_field[None, None], size=image.shape, mode="trilinear")[0, 0]
    middle = (image * torch.exp(-fine))[
        tuple(
            slice(int(first * length), max(int(first * length) + 2, int(last * length)))
            for (first, last), length in zip(_BRAIN, image.shape, strict=True)
        )
    ]
    white, _ = build("white_stripe", {"peak": "last"}).style(middle[None, None])  # type: ignore[operator]
    return coarse, math.log(WHITE_MATTER_LEVEL / max(float(white), _TISSUE)) - log_field


def framed(coarse: Tensor, log_gain: Tensor) -> dict[str, Tensor]:
    """Items of a sample for a head at 4 mm: in the middle of a frame of one size, which counts where there is tissue."""
    weight = (coarse > _TISSUE).float()
    pads: list[int] = []
    for wanted, length in zip(reversed(COARSE_SHAPE), reversed(coarse.shape), strict=True):
        before = (wanted - length) // 2
        pads += [before, wanted - length - before]  # less than 0 cuts off
    return {
        "coarse": F.pad(coarse, pads)[None],
        "coarse_log_gain": F.pad(log_gain, pads)[None],
        "coarse_weight": F.pad(weight, pads)[None],
    }


def block_gain(log_gain: Tensor, starts: list[int], size: list[int], shape: list[int]) -> Tensor:
    """Of a block of the image (D, H, W) that begins at ``starts``, the part of ``log_gain``, which covers the same box."""
    lines = [
        (2 * (torch.arange(first, first + count) + 0.5) / length - 1)
        for first, count, length in zip(starts, size, shape, strict=True)
    ]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], dim=-1)[None]
    return F.grid_sample(log_gain[None, None], grid, padding_mode="border", align_corners=False)[0, 0]


def _log_shading(coarse: Tensor) -> Tensor:
    """Zero on average over the tissue."""
    mask = (coarse > _TISSUE).numpy()
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(_ITERATIONS)
    image = sitk.GetImageFromArray(np.maximum(coarse.numpy(), 1e-3))
    image.SetSpacing((COARSE_MM,) * 3)
    where = sitk.GetImageFromArray(mask.astype(np.uint8))
    where.CopyInformation(image)
    small = sitk.BinShrink(image, [_SHRINK] * 3)
    small_mask = sitk.BinShrink(sitk.Cast(where, sitk.sitkFloat32), [_SHRINK] * 3) > 0.5
    try:
        n4.Execute(small, sitk.Cast(small_mask, sitk.sitkUInt8))
    except RuntimeError:
        return torch.zeros_like(coarse)  # too little tissue to tell
    field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).astype(np.float32)
    return torch.from_numpy(field - field[mask].mean())
