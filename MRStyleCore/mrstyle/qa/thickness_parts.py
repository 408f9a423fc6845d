"""Which part of a brain is which, without an atlas of anybody's brain: the digital head of `physics.phantom` is laid over it.

An affine registration places the phantom within some 5 mm. That is enough to say where cerebrum, hindbrain and ventricles
are certain; where they end, the image itself decides (a watershed that stops at the fluid between them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
from scipy import ndimage
from skimage.segmentation import watershed

from ..physics.phantom import HeadPhantom, head_phantom
from ..volume import Volume, from_sitk, to_sitk

CSF, GRAY, DEEP, WHITE = range(4)
_SHELL = (54, 68, 54)  # (k, j, i) of the phantom at 3 mm
_PHANTOM_MM = 3.0
_COARSE_MM = 4.0
_LEVELS = np.array(
    [0.3, 1.0, 1.3, 2.0], np.float32
)  # of fluid, cortex, deep gray and white matter in the image to register
_CERTAIN_MM = 5.0
_RIM_MM = 3.0
_HINDBRAIN = ("brainstem", "cerebellar_gray_matter", "cerebellar_white_matter")
_CEREBRUM = ("gray_matter", "white_matter", "corpus_callosum", "deep_gray_matter", "thalamus", "pallidum")
_CORE = ("ventricle", "choroid_plexus", "deep_gray_matter", "thalamus", "pallidum")


@dataclass(frozen=True)
class Parts:
    """Masks (k, j, i) on the grid of the tissues.

    Attributes:
        cerebrum: brain and fluid above the tentorium.
        core: ventricles and deep gray matter with a rim of a few mm; what is in it is no cortex.
        right: of the patient; the other half is the left one.
    """

    cerebrum: np.ndarray
    core: np.ndarray
    right: np.ndarray


def find_parts(tissues: np.ndarray, brain: np.ndarray, affine: np.ndarray) -> Parts:
    """The parts of a brain.

    Args:
        tissues: probabilities (4, k, j, i) of fluid, cortical gray, deep gray and white matter, 0 to 1.
        brain: bool (k, j, i).
        affine: (i, j, k) to RAS mm.
    """
    phantom = head_phantom(0, _SHELL, _PHANTOM_MM)
    fixed = Volume(np.where(brain, np.tensordot(_LEVELS, tissues, 1), 0), affine, "brain")
    structures, sagittal_mm = _laid_over(phantom, fixed)
    spacing_kji = fixed.spacing_mm[::-1]
    cerebrum = np.isin(structures, _values(phantom, _CEREBRUM))
    hindbrain = np.isin(structures, _values(phantom, _HINDBRAIN))
    seeds = np.zeros(brain.shape, np.int32)
    for label, part in ((1, cerebrum), (2, hindbrain)):
        inner = ndimage.distance_transform_edt(part, sampling=spacing_kji) > _CERTAIN_MM
        seeds[inner & brain] = label
    # Flooding starts in white matter and comes to the fluid of the tentorium last.
    height = tissues[CSF] + 0.5 * tissues[GRAY]
    parts = watershed(height, seeds, mask=brain)
    core = np.isin(structures, _values(phantom, _CORE))
    near_core = ndimage.distance_transform_edt(~core, sampling=spacing_kji) <= _CERTAIN_MM
    ventricles = _connected(tissues[CSF] > 0.5, core, near_core)
    deep = _connected(tissues[DEEP] > 0.5, core, near_core)
    rim = ndimage.distance_transform_edt(~(ventricles | deep), sampling=spacing_kji) <= _RIM_MM
    return Parts(parts == 1, rim & near_core, sagittal_mm > 0)


def sectors(cortex: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[str, str]]]:
    """Each hemisphere's cortex in thirds of its bounding box: from back to front and from bottom to top.

    A grid in proportion to the brain (the idea of Talairach & Tournoux, 1988) needs no atlas and is the same for two images
    of one head. Its parts are sectors, not lobes.

    Args:
        cortex: bool (k, j, i), canonical: inferior to superior, posterior to anterior, left to right.
        right: bool of that shape, the right hemisphere.

    Returns:
        uint8 (k, j, i), 0 outside of the cortex, and (region, hemisphere) by value.
    """
    labels = np.zeros(cortex.shape, np.uint8)
    names: dict[int, tuple[str, str]] = {}
    for hemisphere, side in (("left", cortex & ~right), ("right", cortex & right)):
        if not side.any():
            continue
        places = np.nonzero(side)
        thirds = [
            np.minimum(3 * (place - place.min()) // (np.ptp(place) + 1), 2).astype(int) for place in places
        ]
        first = len(names) + 1
        labels[places] = first + 3 * thirds[1] + thirds[0]
        for depth in ("posterior", "central", "anterior"):
            for level in ("inferior", "middle", "superior"):
                names[len(names) + 1] = (f"{depth} {level} sector", hemisphere)
    return labels, names


def _laid_over(phantom: HeadPhantom, fixed: Volume) -> tuple[np.ndarray, np.ndarray]:
    """The phantom's labels and its left-right coordinate in mm, on the grid of ``fixed``."""
    levels = np.zeros(len(phantom.names), np.float32)
    for index, names in (
        (CSF, ("csf", "ventricle", "choroid_plexus")),
        (GRAY, ("gray_matter", "cerebellar_gray_matter")),
        (DEEP, ("deep_gray_matter", "thalamus")),
        (WHITE, ("white_matter", "corpus_callosum", "pallidum", "brainstem", "cerebellar_white_matter")),
    ):
        levels[list(_values(phantom, names))] = _LEVELS[index]
    image = to_sitk(Volume(levels[phantom.labels], phantom.affine, "phantom"))
    target = to_sitk(fixed)
    coarse = sitk.Resample(
        sitk.SmoothingRecursiveGaussian(target, _COARSE_MM / 2),
        [
            max(8, round(n * s / _COARSE_MM))
            for n, s in zip(target.GetSize(), target.GetSpacing(), strict=True)
        ],
        sitk.Transform(),
        sitk.sitkLinear,
        target.GetOrigin(),
        [_COARSE_MM] * 3,
        target.GetDirection(),
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.02, numberOfIterations=150, relaxationFactor=0.7
    )
    method.SetOptimizerScalesFromPhysicalShift()
    moments = sitk.CenteredTransformInitializerFilter.MOMENTS
    start = sitk.CenteredTransformInitializer(coarse, image, sitk.AffineTransform(3), moments)
    method.SetInitialTransform(start, inPlace=False)
    transform = method.Execute(coarse, sitk.SmoothingRecursiveGaussian(image, _COARSE_MM / 2))
    labels = to_sitk(Volume(phantom.labels, phantom.affine, "labels"))
    across = np.broadcast_to(np.arange(phantom.labels.shape[2], dtype=np.float32), phantom.labels.shape)
    sagittal = Volume(across * phantom.affine[0, 0] + phantom.affine[0, 3], phantom.affine, "x")
    placed = sitk.Resample(labels, target, transform, sitk.sitkNearestNeighbor, 0.0, sitk.sitkFloat32)
    moved = sitk.Resample(to_sitk(sagittal), target, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    return from_sitk(placed, "labels").array.astype(np.uint8), from_sitk(moved, "x").array


def _connected(part: np.ndarray, core: np.ndarray, near: np.ndarray) -> np.ndarray:
    """What of ``part`` hangs together with its voxels in ``core``, without leaving what is ``near``."""
    return ndimage.binary_propagation(part & core, mask=part & near)


def _values(phantom: HeadPhantom, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(phantom.names.index(name) for name in names)
