"""Simulated sites: scanners that take T1-weighted heads each in a way of its own.

What differs between real sites is here in the order in which it happens: field strength (relaxation times), sequence,
gradient non-linearity (where things appear), receive field (shading), resolution, noise, reconstruction filter. `scan` does
the last four to a clean signal; the others belong to how the signal is made.

Sources: Jovicich et al., NeuroImage 30:436 (2006) for gradient non-linearity; Sled et al., IEEE TMI 17:87 (1998) for shading;
Gudbjartsson & Patz, Magn Reson Med 34:910 (1995) for noise; Jack et al., J Magn Reson Imaging 27:685 (2008) for the MPRAGE
protocols of a multi-site study, after which the first two sites are made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..acquisition import Acquisition
from ..errors import InputError
from ..volume import Volume
from .phantom import HeadPhantom
from .signal import signal
from .tissues import TISSUES

SHADING_TERMS = 10
SHADING_REACH_MM = 100.0


@dataclass(frozen=True)
class SimulatedSite:
    """A scanner and its protocol.

    Attributes:
        description: for people.
        acquisition: sequence and field strength.
        resolution_mm: size of acquired voxels toward superior, anterior and right.
        noise: standard deviation, of the 99.5th percentile of the head.
        shading: standard deviation of the logarithm of the receive field over a head.
        surface: share of that which is brightness near coils at the surface; the rest varies from scan to scan.
        sharpening: above 0, how much of the difference to a blurred image the reconstruction adds; below 0, takes away.
        nonlinearity: how far points 100 mm from the isocenter appear moved outward, as a share of that.
    """

    description: str
    acquisition: Acquisition
    resolution_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 0.015
    shading: float = 0.08
    surface: float = 0.0
    sharpening: float = 0.0
    nonlinearity: float = 0.0


def _mprage(field_t: float, tr: float, te: float, ti: float, flip: float) -> Acquisition:
    return Acquisition("mprage", tr, te, ti, flip, field_t)


SITES: dict[str, SimulatedSite] = {
    "sim-1.5T-mprage": SimulatedSite(
        "1.5 T, MPRAGE 2400/3.5/1000 ms, 8 degrees, 1.2 mm sagittal slices, body-coil-like shading, rather noisy",
        _mprage(1.5, 2400, 3.5, 1000, 8),
        resolution_mm=(1.0, 1.0, 1.25),
        noise=0.028,
        shading=0.08,
        nonlinearity=0.010,
    ),
    "sim-3T-mprage": SimulatedSite(
        "3 T, MPRAGE 2300/3/900 ms, 9 degrees, 1 mm, shading normalized by the scanner",
        _mprage(3.0, 2300, 3.0, 900, 9),
        noise=0.012,
        shading=0.06,
        nonlinearity=0.003,
    ),
    "sim-3T-surface-coil": SimulatedSite(
        "3 T, MPRAGE 1800/2.4/900 ms, 9 degrees, many-channel coil without normalization: bright near the surface",
        _mprage(3.0, 1800, 2.4, 900, 9),
        noise=0.020,
        shading=0.45,
        surface=0.85,
        nonlinearity=0.003,
    ),
    "sim-1.5T-spgr": SimulatedSite(
        "1.5 T, spoiled gradient echo 24/5 ms, 30 degrees, 1.5 mm coronal slices, smoothed by the reconstruction",
        Acquisition("spoiled_gradient_echo", 24, 5, None, 30, 1.5),
        resolution_mm=(1.0, 1.5, 1.0),
        noise=0.030,
        shading=0.15,
        surface=0.3,
        sharpening=-0.5,
        nonlinearity=0.012,
    ),
    "sim-3T-ir-spgr": SimulatedSite(
        "3 T, inversion-prepared spoiled gradient echo 1400/3/450 ms, 12 degrees, sharpened by the reconstruction",
        _mprage(3.0, 1400, 3.0, 450, 12),
        noise=0.018,
        shading=0.20,
        surface=0.5,
        sharpening=0.8,
        nonlinearity=0.006,
    ),
    "sim-3T-tfe": SimulatedSite(
        "3 T, turbo field echo 3000/3.5/1150 ms, 8 degrees, 1.2 mm axial slices, smooth and quiet",
        _mprage(3.0, 3000, 3.5, 1150, 8),
        resolution_mm=(1.2, 1.0, 1.0),
        noise=0.008,
        shading=0.10,
        sharpening=-0.25,
        nonlinearity=0.004,
    ),
}
"""The sites that the bundled models know, by name."""


def simulated_site(name: str) -> SimulatedSite:
    """The simulated site of that name.

    Raises:
        InputError: there is none; the message lists those that there are.
    """
    if name not in SITES:
        raise InputError(f"There is no simulated site {name!r}; choose one of {', '.join(SITES)}.")
    return SITES[name]


WHITE_MATTER_LEVEL = 0.6
"""Of white matter in a harmonized image, model units: a scale that every part of a head tells, with skull or without."""


def white_matter_signal(acquisition: Acquisition) -> float:
    """The signal of usual white matter, in units of proton density."""
    return float(signal(*TISSUES["white_matter"].at(field_of(acquisition)), acquisition))


LOOK_TISSUES = ("gray_matter", "deep_gray_matter", "csf", "marrow", "fat")
LOOK_SIZE = len(LOOK_TISSUES) + 4


def look_of(site: SimulatedSite) -> Tensor:
    """What a site's scans look like, in ``LOOK_SIZE`` numbers of the order of 1: the levels of ``LOOK_TISSUES`` where white
    matter is at ``WHITE_MATTER_LEVEL``, by how many mm the resolution toward superior, anterior and right is above 1 mm, and
    the reconstruction filter."""
    unit = white_matter_signal(site.acquisition) / WHITE_MATTER_LEVEL
    field_t = field_of(site.acquisition)
    levels = [float(signal(*TISSUES[name].at(field_t), site.acquisition)) / unit for name in LOOK_TISSUES]
    return torch.tensor([*levels, *(mm - 1 for mm in site.resolution_mm), site.sharpening])


def field_of(acquisition: Acquisition) -> float:
    """The field strength, 1.5 or 3 T, whose tissue values hold for an acquisition."""
    return 1.5 if (acquisition.field_strength_t or 3.0) < 2.2 else 3.0


def displaced(points_mm: Tensor, nonlinearity: float) -> Tensor:
    """Where in the patient the scanner looks when it shows points (3, …), both in mm from the isocenter.

    The usual pincushion: the error grows with the cube of the distance.
    """
    share = points_mm.square().sum(dim=0) / SHADING_REACH_MM**2
    return points_mm * (1 - nonlinearity * share)


def shading_weights(site: SimulatedSite, generator: Generator) -> Tensor:
    """The ``SHADING_TERMS`` weights of one scan's receive field: the same part of a site, and what varies."""
    drawn = torch.randn(SHADING_TERMS, generator=generator)
    drawn = drawn / drawn.norm().clamp_min(1e-6)
    weights = (1 - site.surface) * drawn * torch.rand((), generator=generator).sqrt()
    # The radial term, which on its own has a standard deviation of about a third over a head.
    weights[3:6] += site.surface
    return 3.0 * site.shading * weights


def receive_field(points_mm: Tensor, weights: Tensor) -> Tensor:
    """The receive field at points (3, …) from the head's center: exp of a polynomial of degree 3 in the position."""
    terms = shading_terms(points_mm)
    logarithm = sum(weight * term for weight, term in zip(weights.tolist(), terms, strict=True))
    return torch.exp(logarithm - 0.25 * weights[3:6].sum().item())


def shading_terms(points_mm: Tensor) -> tuple[Tensor, ...]:
    """The ``SHADING_TERMS`` of a polynomial of degree 3 at points (3, …) from the head's center.

    The position saturates at ``SHADING_REACH_MM``: in a neck or a chin, a polynomial would grow without end.
    """
    share = points_mm / SHADING_REACH_MM
    x, y, z = share / (1 + share.square().sum(dim=0).square()) ** 0.25
    return x, y, z, x * x, y * y, z * z, x * y, y * z, x * z, x * y * z


def resolved(image: Tensor, site: SimulatedSite, voxel_mm: tuple[float, float, float]) -> Tensor:
    """The image (D, H, W) with the resolution of the site: a Gaussian as wide as an acquired voxel where that is larger."""
    for axis, (acquired_mm, shown_mm) in enumerate(zip(site.resolution_mm, voxel_mm, strict=True)):
        sigma_mm = 0.42 * math.sqrt(max(acquired_mm**2 - 0.5 * shown_mm**2, 0.0))
        image = blurred(image, sigma_mm / shown_mm, axis)
    return image


def filtered(image: Tensor, sharpening: float, sigma: float = 0.8) -> Tensor:
    """The image (D, H, W) after the reconstruction's filter."""
    if sharpening == 0:
        return image
    smooth = image
    for axis in range(3):
        smooth = blurred(smooth, sigma, axis)
    return image + sharpening * (image - smooth)


def magnitude(image: Tensor, noise: float, generator: Generator) -> Tensor:
    """Magnitude of a complex image with Gaussian noise of that standard deviation in both channels (Rician)."""
    real = image + noise * torch.randn(image.shape, generator=generator)
    return torch.hypot(real, noise * torch.randn(image.shape, generator=generator))


def scan(
    clean: Tensor,
    site: SimulatedSite,
    points_mm: Tensor,
    voxel_mm: tuple[float, float, float],
    generator: Generator,
    weights: Tensor,
) -> Tensor:
    """What the site's scanner shows of a clean signal.

    Args:
        clean: (D, H, W), the signal of its sequence, 99.5th percentile of the head about 1.
        site: the site.
        points_mm: (3, D, H, W), positions from the head's center.
        voxel_mm: voxel sizes of the image along its axes.
        generator: of the noise.
        weights: of the receive field, see `shading_weights`.
    """
    image = resolved(clean * receive_field(points_mm, weights), site, voxel_mm)
    return filtered(magnitude(image, site.noise, generator), site.sharpening).clamp_min(0)


def appearance(clean: Tensor, site: SimulatedSite, voxel_mm: tuple[float, float, float]) -> Tensor:
    """The truth to harmonize to: contrast, resolution and filter of the site, without its noise and shading."""
    return filtered(resolved(clean, site, voxel_mm), site.sharpening).clamp_min(0)


def blurred(image: Tensor, sigma: float, axis: int) -> Tensor:
    """Gaussian blur of (D, H, W) along one axis, ``sigma`` in voxels; edges are repeated."""
    if sigma < 0.2:
        return image
    radius = max(1, math.ceil(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (weights / weights.sum()).tolist()
    pad = [0] * 6
    pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
    padded = F.pad(image[None, None], pad, mode="replicate")[0, 0]
    length = image.shape[axis]
    total = kernel[0] * padded.narrow(axis, 0, length)
    for index, value in enumerate(kernel[1:], start=1):
        total = torch.add(total, padded.narrow(axis, index, length), alpha=value)
    return total


def phantom_scan(phantom: HeadPhantom, site: SimulatedSite, seed: int = 0, scale: float = 1000.0) -> Volume:
    """A digital head as the site takes it.

    Args:
        phantom: made for the field strength of the site.
        site: the site.
        seed: of noise and shading.
        scale: intensity of the 99.5th percentile of the head without shading.

    Returns:
        A volume on the phantom's grid with the acquisition of the site.
    """
    generator = torch.Generator().manual_seed(seed)
    pd, t1_ms, t2_ms = (torch.from_numpy(values) for values in (phantom.pd, phantom.t1_ms, phantom.t2_ms))
    clean = signal(pd, t1_ms, t2_ms, site.acquisition).float()
    clean = clean / np.percentile(clean[clean > 0.02 * clean.max()].numpy(), 99.5).item()
    spacing_mm = phantom.grid.spacing_mm
    lines = [(torch.arange(length) - (length - 1) / 2) * spacing_mm for length in clean.shape]
    points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    clean = _sampled(clean, displaced(points_mm, site.nonlinearity), lines)
    weights = shading_weights(site, generator)
    image = scan(clean, site, points_mm, (spacing_mm,) * 3, generator, weights) * scale
    return Volume(image.numpy(), phantom.affine, name=f"phantom-{phantom.seed}", acquisition=site.acquisition)


def _sampled(image: Tensor, points_mm: Tensor, lines_mm: list[Tensor]) -> Tensor:
    """The image at points (3, D, H, W), by linear interpolation between the voxels that lie at ``lines_mm``."""
    share = [points / line[-1] for points, line in zip(points_mm, lines_mm, strict=True)]
    grid = torch.stack(share[::-1], dim=-1)[None]
    return F.grid_sample(image[None, None], grid, align_corners=True, padding_mode="border")[0, 0]
