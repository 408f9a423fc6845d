"""What is done to a scan before a method sees it, and undone after: bias-field correction, 1 mm voxels, brain extraction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage

from .engine.report import Progress, Reporter
from .errors import InputError
from .history import array_sha256
from .intensity import IntensityMap, foreground_mask
from .volume import Volume, check_volume, resample_like, to_sitk

_CONFORMED_MM = 1.0
_ALREADY_CONFORMED = 0.01
_N4_MM = 4.0
_N4_ITERATIONS = (50, 50, 50, 50)
_N4_CONVERGENCE = 1e-3


@dataclass(frozen=True)
class Preparation:
    """What to do; by default, nothing.

    Attributes:
        n4: take the shading of the coils out.
        conform: to voxels of 1 mm, along the axes that the scan has.
        brain: "extract" leaves 0 outside of the brain.
    """

    n4: bool = False
    conform: bool = False
    brain: Literal["keep", "extract"] = "keep"


@dataclass(frozen=True)
class PreparedScan:
    """A scan made ready.

    Attributes:
        volume: what a method gets.
        native: the scan as it came.
        mask: the brain, 1 inside, on the grid of ``native``; None where it was not asked for.
        field: the shading that was divided out, float32, on the grid of ``native``, mean 1 in the head; None without N4.
        record: what was done, as plain JSON data for the history.
    """

    volume: Volume
    native: Volume
    mask: Volume | None
    field: np.ndarray | None
    record: dict[str, Any]

    def restore(self, output: Volume) -> Volume:
        """An output on the grid of `volume`, brought to that of `native`: linearly, and 0 outside of an extracted brain.

        The shading stays out.

        Raises:
            ValueError: the output is on another grid.
        """
        if not output.has_grid_of(self.volume):
            raise ValueError(f"{output.name} is not on the grid of the prepared scan")
        if not self.native.has_grid_of(self.volume):
            output = resample_like(output, self.native)
        array = output.array if self.mask is None else np.where(self.mask.array > 0.5, output.array, 0)
        return replace(output, array=array, affine=self.native.affine)


def prepare(
    volume: Volume,
    preparation: Preparation,
    *,
    mask: Volume | None = None,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> PreparedScan:
    """Prepare a scan as asked.

    Args:
        volume: the scan.
        preparation: what to do.
        mask: the brain on the grid of ``volume``, above 0.5 inside, for the extraction; found here when None.
        device: where the brain is looked for: "auto", "cpu", "cuda" or "mps".
        progress: is told how far it is.
        cancel: asked now and then; True ends the run.

    Raises:
        InputError: the volume or the mask is not usable, there is no brain in it, or it has no shading to correct
            because its intensities are not those of a magnitude image.
        Cancelled: ``cancel`` said so.
    """
    check_volume(volume)
    report = Reporter(progress, cancel)
    report.at("preparing", 0.0)
    brain = None
    if preparation.brain == "extract":
        brain = _checked(mask, volume) if mask is not None else _found(volume, device)
        report.at("preparing", 0.3)
    prepared, field = volume, None
    if preparation.n4:
        field = bias_field(volume, None if brain is None else brain.array > 0.5, report)
        prepared = prepared.with_array(volume.array / field)
    inside = brain
    if preparation.conform:
        prepared = conformed(prepared)
        inside = None if brain is None else resample_like(brain, prepared)
    if inside is not None:
        prepared = prepared.with_array(np.where(inside.array > 0.5, prepared.array, 0))
    report.at("preparing", 1.0)
    record: dict[str, Any] = {
        "n4": preparation.n4,
        "conform": preparation.conform,
        "brain": preparation.brain,
        "spacing_mm": [round(spacing, 4) for spacing in prepared.spacing_mm],
        "size": list(prepared.shape[::-1]),
    }
    if brain is not None:
        record["mask_sha256"] = array_sha256(brain.array)
        record["brain_ml"] = round(float((brain.array > 0.5).sum() * np.prod(volume.spacing_mm)) / 1000, 1)
    return PreparedScan(prepared, volume, brain, field, record)


def bias_field(volume: Volume, mask: np.ndarray | None, report: Reporter) -> np.ndarray:
    """The shading of a scan (N4: Tustison et al., IEEE Trans Med Imaging 29:1310, 2010), by voxels of about 4 mm.

    Args:
        volume: a magnitude image.
        mask: bool, where to look; the foreground when None.
        report: is told of the iterations.

    Returns:
        float32 (k, j, i), positive, with a geometric mean of 1 in the mask.

    Raises:
        InputError: the intensities are not those of a magnitude image.
        Cancelled: the user asked to stop.
    """
    head = foreground_mask(volume.array)
    if IntensityMap.robust(volume.array, head).offset != 0:
        raise InputError(
            f"{volume.name} has intensities below zero in the head, as after a normalization, so its shading cannot be "
            "corrected; leave N4 out."
        )
    mask = head if mask is None else mask
    image = to_sitk(volume)
    where = to_sitk(volume.with_array(mask.astype(np.float32)))
    factors = [
        max(1, min(round(_N4_MM / spacing), size // 8))
        for spacing, size in zip(volume.spacing_mm, volume.shape[::-1], strict=True)
    ]
    coarse = sitk.BinShrink(image, factors)
    coarse_mask = sitk.Cast(sitk.BinShrink(where, factors) > 0.5, sitk.sitkUInt8)
    # N4 takes logarithms of what is in the mask.
    least = 1e-3 * float(np.percentile(volume.array[mask], 99))
    coarse = sitk.Maximum(coarse, max(least, 1e-6))
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(_N4_ITERATIONS)
    n4.SetConvergenceThreshold(_N4_CONVERGENCE)
    done = 0

    def watch() -> None:
        nonlocal done
        done += 1
        if report.cancel is not None and report.cancel():
            n4.Abort()

    n4.AddCommand(sitk.sitkIterationEvent, watch)
    try:
        n4.Execute(coarse, coarse_mask)
    except RuntimeError as error:
        report.at("bias field", 0.9)  # raises where the user has canceled
        raise InputError(f"The shading of {volume.name} cannot be estimated; leave N4 out.") from error
    report.at("bias field", 0.9)
    logarithm = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).astype(np.float32)
    return np.exp(logarithm - logarithm[mask].mean())


def conformed(volume: Volume) -> Volume:
    """The volume in voxels of 1 mm along its own axes, over the same extent; finer ones are smoothed before."""
    spacing = np.array(volume.spacing_mm)
    if np.all(np.abs(spacing - _CONFORMED_MM) <= _ALREADY_CONFORMED):
        return volume
    old_size = np.array(volume.shape[::-1])
    size = np.maximum(2, np.ceil(old_size * spacing / _CONFORMED_MM - _ALREADY_CONFORMED).astype(int))
    axes = volume.affine[:3, :3] / spacing
    middle = volume.affine[:3] @ [*((old_size - 1) / 2), 1]
    affine = np.eye(4)
    affine[:3, :3] = axes * _CONFORMED_MM
    affine[:3, 3] = middle - affine[:3, :3] @ ((size - 1) / 2)
    # The Gaussian whose width, with that of a voxel of the scan, makes the width of a voxel of 1 mm.
    sigma = np.sqrt(np.maximum((_CONFORMED_MM / spacing) ** 2 - 1, 0) / 12)[::-1]
    smooth = ndimage.gaussian_filter(volume.array, sigma) if sigma.any() else volume.array
    grid = Volume(np.zeros(size[::-1], np.float32), affine, volume.name)
    return resample_like(volume.with_array(smooth), grid)


def _found(volume: Volume, device: str) -> Volume:
    from .segmentation.brain_mask import brain_mask

    return brain_mask(volume, device=device)


def _checked(mask: Volume, volume: Volume) -> Volume:
    if not mask.has_grid_of(volume):
        raise InputError(
            f"The brain mask {mask.name} is not on the grid of {volume.name}; resample it, or leave it out."
        )
    if not (mask.array > 0.5).any():
        raise InputError(f"The brain mask {mask.name} is empty: no voxel is above 0.5; check it.")
    return replace(mask, array=(mask.array > 0.5).astype(np.float32))
