"""Cortical thickness of a head scan as a volume, a surface and a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)

from ..engine.report import Progress, Reporter
from ..errors import InputError
from ..intensity import foreground_mask
from ..volume import Volume, check_volume, from_sitk, to_sitk
from .surfaces import Surface, boundary, nearest_values, require_vtk
from .thickness_direct import import_ants, no_cortex
from .thickness_parts import sectors
from .thickness_process import measure_apart

SURFACE_ARRAY = "thickness_mm"
_GRID_MM = 1.0
_NEARLY = 0.05
_COARSE_MM = 1.5
_MARGIN_VOXELS = 4
_BRAIN_ML = (500.0, 2200.0)
_LEAST_REGION_VOXELS = 50


@dataclass(frozen=True)
class Region:
    """The mean thickness of a part of the cortex, and over how many voxels (points, where read from surfaces)."""

    region: str
    hemisphere: str
    thickness_mm: float
    voxels: int


@dataclass(frozen=True)
class Thickness:
    """What is known of the cortex of a head.

    Attributes:
        image: mm in the cortex and 0 elsewhere, on the grid of the scan.
        surface: the white surface, RAS mm, with `SURFACE_ARRAY` at its points; NaN where there is no cortex.
        regions: those of some size.
        mean_mm: of the whole cortex: over its voxels, or over the points of surfaces that were read.
        method: what measured it, and how its regions are made, in words.
    """

    image: Volume
    surface: Surface
    regions: list[Region]
    mean_mm: float
    method: str
    notes: list[str]


@dataclass(frozen=True)
class Regions:
    """A division of the cortex: values on a grid, each with the name of region and hemisphere."""

    labels: Volume
    names: dict[int, tuple[str, str]]


def measure_thickness(
    scan: Volume,
    *,
    mask: Volume | None = None,
    regions: Regions | None = None,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Thickness:
    """Cortical thickness by DiReCT, in a process of its own that ends within a second of a cancel.

    Args:
        scan: a head of any contrast of gray and white matter, best at 1 mm.
        mask: of the brain, on the grid of ``scan``; when None the foreground where the scan shows the brain alone, else
            found by the bundled network.
        regions: a parcellation in the same space; when None, sectors of each hemisphere (`thickness_parts.sectors`).
        device: for the networks.
        progress: is told stage and fraction.
        cancel: asked ten times a second.

    Raises:
        InputError: the scan or mask is not usable, shows no cortex, or a library is missing.
        Cancelled: ``cancel`` said so.
    """
    import_ants()
    require_vtk()
    check_volume(scan)
    report = Reporter(progress, cancel)
    report.at("finding the brain", 0.0)
    mask = mask or find_brain(scan, device)
    if not mask.has_grid_of(scan):
        raise InputError(f"The mask {mask.name} is not on the grid of {scan.name}; resample it first.")
    if not (mask.array > 0.5).any():
        raise InputError(f"Thickness of {scan.name}: {no_cortex(0.0)}.")
    if max(scan.spacing_mm) > _COARSE_MM:
        report.tell(
            f"{scan.name} has voxels of {' x '.join(f'{each:.2g}' for each in scan.spacing_mm)} mm; a cortex of 2 to 3 mm "
            "is measured well at about 1 mm only."
        )
    work, brain = _cut_out(scan, mask)
    try:
        cortex = measure_apart(work, brain, device, report.at)
    except InputError as error:
        raise InputError(f"Thickness of {scan.name}: {str(error).rstrip('.')}.") from error
    report.at("drawing the surface", 0.98)
    thick = cortex.thickness_mm > 0
    if regions is None:
        labels, names = sectors(thick, cortex.right)
        method = "DiReCT (ANTs); sectors: thirds of each hemisphere's bounding box, not lobes"
    else:
        labels = _onto(regions.labels, work).array.astype(np.int32)
        names, method = regions.names, "DiReCT (ANTs); regions of the given parcellation"
    surface = boundary(cortex.white, work.affine)
    places = np.argwhere(thick)[:, ::-1] @ work.affine[:3, :3].T + work.affine[:3, 3]
    values = nearest_values(surface.points, places, cortex.thickness_mm[thick])
    image = _onto(work.with_array(cortex.thickness_mm), scan)
    return Thickness(
        image=replace(image, name=f"Thickness of {scan.name}", acquisition=None),
        surface=replace(surface, values={SURFACE_ARRAY: values}),
        regions=_table(cortex.thickness_mm, labels, names),
        mean_mm=float(cortex.thickness_mm[thick].mean()),
        method=method,
        notes=report.notes,
    )


def find_brain(scan: Volume, device: str) -> Volume:
    """The mask of the brain: what is not background where the scan shows the brain alone, else what the bundled network finds.

    Raises:
        InputError: the network is missing, or finds no brain.
    """
    head = foreground_mask(scan.array)
    outside = scan.array[~head]
    volume_ml = head.sum() * np.prod(scan.spacing_mm) / 1000
    least, most = _BRAIN_ML
    if outside.size and outside.min() == outside.max() and least < volume_ml < most:
        return scan.with_array(head, f"{scan.name} brain")
    from ..segmentation.brain_mask import brain_mask

    return brain_mask(scan, device=device)


def _cut_out(scan: Volume, mask: Volume) -> tuple[Volume, np.ndarray]:
    """The brain's box of a scan and its mask, along the axes of the patient, at 1 mm or the scan's own finest spacing."""
    image, inside = (sitk.DICOMOrient(to_sitk(each), "RAS") for each in (scan, mask))
    voxels = np.argwhere(sitk.GetArrayFromImage(inside) > 0.5)[:, ::-1]
    size = np.array(image.GetSize())
    first = np.maximum(voxels.min(axis=0) - _MARGIN_VOXELS, 0)
    last = np.minimum(voxels.max(axis=0) + 1 + _MARGIN_VOXELS, size)
    box = [(int(n)) for n in last - first], [int(n) for n in first]
    image, inside = (sitk.RegionOfInterest(each, *box) for each in (image, inside))
    spacing = np.array(image.GetSpacing())
    wanted = max(_GRID_MM, float(spacing.min()))
    if np.abs(spacing / wanted - 1).max() > _NEARLY:
        image, inside = (_at_spacing(each, wanted) for each in (image, inside))
    work = from_sitk(image, scan.name)
    return work, sitk.GetArrayFromImage(inside) > 0.5


def _at_spacing(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Linear, after a Gaussian against aliasing along axes that are finer."""
    spacing = np.array(image.GetSpacing())
    blur = np.where(spacing < spacing_mm, np.sqrt(np.maximum(spacing_mm**2 - spacing**2, 0)) / 2.355, 0)
    if blur.any():
        image = sitk.DiscreteGaussian(image, (blur**2).tolist(), useImageSpacing=True)
    counts = np.ceil(np.array(image.GetSize()) * spacing / spacing_mm).astype(int)
    corner = image.TransformContinuousIndexToPhysicalPoint(((spacing_mm / spacing - 1) / 2).tolist())
    return sitk.Resample(
        image,
        counts.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        corner,
        [spacing_mm] * 3,
        image.GetDirection(),
        0.0,
        sitk.sitkFloat32,
    )


def _onto(volume: Volume, grid: Volume) -> Volume:
    """The nearest voxels: neither labels nor the edge of a cortex can be averaged."""
    image = sitk.Resample(
        to_sitk(volume), to_sitk(grid), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkFloat32
    )
    return replace(volume, array=sitk.GetArrayFromImage(image), affine=grid.affine)


def _table(thickness_mm: np.ndarray, labels: np.ndarray, names: dict[int, tuple[str, str]]) -> list[Region]:
    rows = []
    for value, (region, hemisphere) in names.items():
        inside = thickness_mm[(labels == value) & (thickness_mm > 0)]
        if len(inside) >= _LEAST_REGION_VOXELS:
            rows.append(Region(region, hemisphere, float(inside.mean()), len(inside)))
    return rows
