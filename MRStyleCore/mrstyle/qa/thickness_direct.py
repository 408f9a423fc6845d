"""Cortical thickness by DiReCT, from a scan on a grid of about 1 mm: what runs in the process of `thickness_process`.

Tissues come from the anatomy maps of the bundled model `brain-reference`, which reads any contrast, sharpened by Atropos
(Avants et al., Neuroinformatics 9:381, 2011). DiReCT (Das et al., NeuroImage 45:867, 2009), as ANTs implements it, then grows
the white matter into the cortex by a diffeomorphism; thickness is how far it had to go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from scipy import ndimage

from ..engine.channels import read_channels
from ..engine.device import choose
from ..engine.plan import first_plan, run_down
from ..engine.prepared import Prepared
from ..engine.report import Reporter
from ..errors import InputError
from ..methods.anatomy_basis import AnatomyBasis
from ..models.catalogue import find
from ..models.package import load_package
from ..preparation import bias_field
from ..volume import Volume
from .thickness_parts import CSF, DEEP, GRAY, WHITE, Parts, find_parts

# DiReCT's own step of 0.025 does not arrive within 45 iterations: a shell of 3 mm is found to be 2.2 mm. With these, shells of
# 2, 3 and 4 mm are found to be 1.9, 3.1 and 4.2 mm, and more iterations change nothing (test_thickness_direct.py).
ITERATIONS = 8
GRADIENT_STEP = 0.1
SMOOTHING = 1.5
ATROPOS_SPAN, DIRECT_SPAN = (0.12, 0.28), (0.28, 0.98)  # of the progress
_ATROPOS_ITERATIONS = 5
_PRIOR_WEIGHT = (
    0.25  # at 0.5, cortex is half a millimeter thicker than FreeSurfer finds it (benchmarks/thickness.py)
)
_SMOOTHNESS = 0.1
# Of the middle intensity: in brains the tissues spread over half of it and more, in a bottle only noise does.
_LEAST_CONTRAST = 0.15
_TISSUE_MODEL = "brain-reference"
# Groups of the model's maps (simulate.GROUPS of the trainer, without air); a lesion lies in white matter.
_MAPS = {CSF: (0,), GRAY: (1,), DEEP: (2,), WHITE: (3, 4)}
_LEAST_CORTEX_ML = 50.0
_THINNEST_MM = 0.2
_MARGIN_VOXELS = 4


@dataclass(frozen=True)
class Cortex:
    """What is measured of a head; arrays (k, j, i), canonical.

    Attributes:
        gray: probability of cortical gray matter, 0 to 1.
        white: probability of what the cortex encloses, 0 to 1: white matter, deep gray matter and ventricles.
        right: the right hemisphere.
        thickness_mm: 0 outside of the cortex.
    """

    gray: np.ndarray
    white: np.ndarray
    right: np.ndarray
    thickness_mm: np.ndarray


def read_tissues(scan: Volume, brain: np.ndarray, device: str, report: Reporter) -> np.ndarray:
    """Probabilities (4, k, j, i) of fluid, cortical gray, deep gray and white matter, by the bundled model."""
    package = load_package(find(_TISSUE_MODEL))
    prepared = Prepared.of(
        scan.with_array(np.where(brain, scan.array, 0)), package.card.accepts.minimum_size_voxels
    )
    network = cast(AnatomyBasis, package.network)
    count = 1 + max(max(group) for group in _MAPS.values())

    def maps(images: list[torch.Tensor]) -> torch.Tensor:
        return network.encode(images[0])[:, :count]

    plan = first_plan(choose(device)[0])
    channels, _ = run_down(
        plan,
        lambda each: read_channels(network, maps, [prepared], each, report, (0.0, 1.0)),
        report.tell,
    )
    tissues = np.stack([channels[list(group)].sum(axis=0) for group in _MAPS.values()])
    tissues += 1e-3
    return np.where(brain, tissues / tissues.sum(axis=0), 0).astype(np.float32)


def sharpened(scan: Volume, brain: np.ndarray, tissues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of gray matter and of what it encloses after Atropos has looked at the intensities, each (k, j, i).

    ``tissues`` are its priors. Deep gray matter goes with the white: alone it may be too little for a class, which Atropos
    refuses.

    Raises:
        InputError: Atropos finds no such tissues.
    """
    ants = import_ants()
    spacing = scan.spacing_mm
    priors = (tissues[CSF], tissues[GRAY], tissues[WHITE] + tissues[DEEP])
    image, mask = (_to_ants(each, spacing) for each in (scan.array, brain.astype(np.float32)))
    try:
        found = ants.atropos(
            a=image,
            x=mask,
            i=[_to_ants(each, spacing) for each in priors],
            m=f"[{_SMOOTHNESS:g},1x1x1]",
            c=f"[{_ATROPOS_ITERATIONS},0]",
            priorweight=_PRIOR_WEIGHT,
            v=1,
        )
    except Exception as error:  # ants raises nothing more special
        raise InputError(no_cortex(_volume_ml(tissues[GRAY] > 0.5, scan))) from error
    _, gray, inner = (_from_ants(each).astype(np.float32) for each in found["probabilityimages"])
    return gray, inner


def find_cortex(gray: np.ndarray, inner: np.ndarray, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of cortex and of what it encloses, each (k, j, i), 0 to 1; neither has hindbrain in it."""
    gray = np.where(parts.core | ~parts.cerebrum, 0, gray)
    white = np.where(parts.cerebrum, np.maximum(inner, parts.core), 0).astype(np.float32)
    # Islands of white matter would give a cortex of their own.
    whole = _largest(white > 0.5)
    return gray, np.where(ndimage.binary_dilation(whole, iterations=2), white, 0)


def direct_thickness(
    gray: np.ndarray,
    white: np.ndarray,
    spacing_mm: tuple[float, float, float],
) -> np.ndarray:
    """Thickness in mm (k, j, i), float32, 0 where there is no cortex.

    Args:
        gray: probability of cortex (k, j, i), 0 to 1.
        white: probability of what it encloses.
        spacing_mm: of the voxels along (i, j, k).

    Raises:
        InputError: there is no cortex, or no white matter within it.
    """
    ants = import_ants()
    other = 1 - gray - white
    labels = np.zeros(gray.shape, np.uint32)
    labels[(white > gray) & (white >= other)] = 3
    labels[(gray >= white) & (gray >= other) & (gray > 0)] = 2
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    if not (labels == 2).any() or not (labels == 3).any():
        raise InputError(no_cortex(0.0))
    box = _around(labels > 0)
    found = np.zeros(gray.shape, np.float32)
    found[box] = _from_ants(
        ants.kelly_kapowski(
            _to_ants(labels[box], spacing_mm),
            _to_ants(gray[box], spacing_mm),
            _to_ants(white[box], spacing_mm),
            its=ITERATIONS,
            r=GRADIENT_STEP,
            m=SMOOTHING,
            v=1,
        )
    )
    thickness = np.where((labels == 2) & (found > _THINNEST_MM), found, 0).astype(np.float32)
    if not thickness.any():
        raise InputError(no_cortex(float((labels == 2).sum()) * voxel_ml))
    return thickness


def measure(scan: Volume, brain: np.ndarray, device: str, stage: Callable[[str, float], None]) -> Cortex:
    """All of it: tissues, parts and thickness of a canonical scan of which ``brain`` is the mask.

    Raises:
        InputError: there is no cortex in it.
    """
    stage("correcting the shading", 0.0)
    report = Reporter(lambda told: stage("reading the tissues", 0.03 + 0.07 * told.fraction), None)
    even = _evened(scan, brain)
    low, middle, high = np.percentile(even.array[brain], (10, 50, 90))
    if high - low < _LEAST_CONTRAST * abs(middle):
        raise InputError(no_cortex(0.0))
    tissues = read_tissues(even, brain, device, report)
    stage("finding the cerebrum", 0.10)
    if min(_volume_ml(tissues[each] > 0.5, scan) for each in (GRAY, WHITE)) < _LEAST_CORTEX_ML:
        raise InputError(no_cortex(_volume_ml(tissues[GRAY] > 0.5, scan)))
    parts = find_parts(tissues, brain, scan.affine)
    stage("separating the tissues", ATROPOS_SPAN[0])
    gray, white = find_cortex(*sharpened(even, brain, tissues), parts)
    if (found_ml := _volume_ml(gray > 0.5, scan)) < _LEAST_CORTEX_ML:
        raise InputError(no_cortex(found_ml))
    stage("measuring the thickness", DIRECT_SPAN[0])
    return Cortex(gray, white, parts.right, direct_thickness(gray, white, scan.spacing_mm))


def _evened(scan: Volume, brain: np.ndarray) -> Volume:
    """Without the shading of the coils; as it is where intensities were normalized to below zero, which N4 cannot read."""
    try:
        return scan.with_array(scan.array / bias_field(scan, brain, Reporter(None, None)))
    except InputError:
        return scan


def no_cortex(found_ml: float) -> str:
    """What a user is told where nothing can be measured."""
    return (
        f"No cortex was found in it (gray matter: {found_ml:.0f} mL); thickness needs a head scan that shows the whole brain, "
        "at about 1 mm"
    )


def import_ants() -> Any:
    """The module ``ants``.

    Raises:
        InputError: it is not installed.
    """
    try:
        import ants
    except ImportError as error:
        raise InputError(
            'Cortical thickness needs antspyx; install it: pip install "mrstyle[qa]".'
        ) from error
    return ants


def _to_ants(array: np.ndarray, spacing_mm: Sequence[float]) -> Any:
    return import_ants().from_numpy(
        np.ascontiguousarray(array.T), spacing=[float(each) for each in spacing_mm]
    )


def _from_ants(image: Any) -> np.ndarray:
    array: np.ndarray = np.ascontiguousarray(image.numpy().T)
    return array


def _around(mask: np.ndarray) -> tuple[slice, ...]:
    """The box of a mask and some voxels more: time goes with its size."""
    places = np.nonzero(mask)
    return tuple(
        slice(max(int(place.min()) - _MARGIN_VOXELS, 0), int(place.max()) + 1 + _MARGIN_VOXELS)
        for place in places
    )


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def _volume_ml(mask: np.ndarray, scan: Volume) -> float:
    return float(mask.sum() * np.prod(scan.spacing_mm) / 1000)
