"""A digital head phantom made by code alone: labels, tissue parameters, and images of any sequence.

Use it wherever an image with a known truth is needed: tests, simulated training data, demonstrations. Every
seed is another person, and the same one at every voxel size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..acquisition import Acquisition
from ..errors import InputError
from ..volume import Volume
from .anatomy import BRAIN, INTRACRANIAL, LABEL, STRUCTURES, Grid, draw_head, noise
from .signal import signal
from .tissues import tissue_table

Array = NDArray[np.float32]

_CENTER_MM = (0.0, -3.0, -9.0)  # of the image, from the anterior commissure: crown, nose and occiput fit in
_SMALLEST_MM = (150, 190, 150)  # (k, j, i): the brain of the largest person, tilted

# Structure -> (share of the tissue's proton density, its relative unevenness). Fat is crossed by septa and
# vessels, marrow by trabeculae of bone, so both hold less signal than the pure tissue; flowing blood loses
# most of its own. Brain is the most even.
_TEXTURE = {
    "fat": (0.72, 0.09),
    "marrow": (0.62, 0.20),
    "muscle": (1.0, 0.08),
    "skin": (1.0, 0.10),
    "gland": (1.0, 0.10),
    "mucosa": (1.0, 0.10),
    "blood": (0.4, 0.15),
}
_EVEN = (1.0, 0.025)


@dataclass(frozen=True)
class HeadPhantom:
    """A head with known truth.

    Attributes:
        labels: uint8 (k, j, i), inferior to superior, posterior to anterior, left to right; see ``names``.
        names: the structure of each label value.
        tissues: the tissue (key of ``tissues.TISSUES``) of each label value.
        affine: float64 4x4, (i, j, k) to RAS mm, the origin near the anterior commissure.
        pd: proton density relative to fluid, float32 (k, j, i), 0 to about 1.
        t1_ms: longitudinal relaxation time in ms, of the same shape.
        t2_ms: transverse relaxation time in ms, of the same shape.
    """

    labels: NDArray[np.uint8]
    names: tuple[str, ...]
    tissues: tuple[str, ...]
    affine: NDArray[np.float64]
    pd: Array
    t1_ms: Array
    t2_ms: Array
    seed: int = field(repr=False)
    grid: Grid = field(repr=False)

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Whether a voxel belongs to one of the named structures.

        Raises:
            InputError: the phantom has no structure of that name.
        """
        unknown = [name for name in names if name not in LABEL]
        if unknown:
            raise InputError(f"The phantom has no {', '.join(unknown)}; it has {', '.join(LABEL)}.")
        mask: NDArray[np.bool_] = np.isin(self.labels, [LABEL[name] for name in names])
        return mask

    def brain_mask(self) -> NDArray[np.bool_]:
        """Brain tissue and the ventricles within it, without the fluid around the brain."""
        return self.mask(*BRAIN)

    def render(
        self,
        acquisition: Acquisition,
        *,
        noise: float = 0.02,
        bias: float = 0.2,
        blur_mm: float | None = None,
        scale: float = 1000.0,
        seed: int = 0,
        skull: bool = True,
    ) -> Volume:
        """An image of the head as a scanner would give it: float32, not negative.

        Args:
            acquisition: sequence family and its times, see ``signal.signal``.
            noise: standard deviation of the Rician noise in each channel, as a fraction of ``scale``.
            bias: amplitude of the smooth coil sensitivity, 0 to about 0.5 (the signal times e^(+-bias)).
            blur_mm: standard deviation of the point spread function; 0.55 voxel when not given.
            scale: intensity of the 99.5 percentile of the clean image.
            seed: of noise and coil; the head stays the same.
            skull: False leaves only brain and intracranial fluid, all else is exactly 0.

        Raises:
            InputError: a needed parameter of the acquisition is missing, or an argument is out of range.
        """
        _check_render(noise, bias, blur_mm, scale)
        clean = np.asarray(signal(self.pd, self.t1_ms, self.t2_ms, acquisition), np.float32)
        inside = self.mask(*INTRACRANIAL)
        if not skull:
            clean = np.where(inside, clean, np.float32(0))
        spread = 0.55 if blur_mm is None else blur_mm / self.grid.spacing_mm
        image = gaussian_filter(clean, spread) * _coil(seed, bias, self.grid)
        top = float(np.percentile(image[image > 0.02 * image.max()], 99.5))
        image *= np.float32(scale / top)
        if noise > 0:
            image = _rician(image, noise * scale, np.random.default_rng(seed))
        if not skull:
            image[~inside] = 0
        return Volume(image, self.affine, name=f"phantom-{self.seed}", acquisition=acquisition)


def head_phantom(
    seed: int,
    shape: tuple[int, int, int] = (192, 224, 192),
    spacing_mm: float = 1.0,
    field_strength_t: float = 3.0,
    lesions: int = 0,
) -> HeadPhantom:
    """The head of person ``seed`` with ``lesions`` small white-matter lesions.

    ``shape`` counts voxels along (k, j, i); ``spacing_mm`` is isotropic, 2 or finer for a folded cortex.
    Tissue parameters are those of ``field_strength_t`` (1.5 or 3) with a smooth unevenness of some percent.

    Raises:
        InputError: the image cannot hold the brain, or spacing, lesions or field strength are out of range.
    """
    if not spacing_mm > 0:
        raise InputError(f"The phantom's voxel spacing must be more than 0 mm, not {spacing_mm:g}.")
    if len(shape) != 3 or any(n * spacing_mm < least for n, least in zip(shape, _SMALLEST_MM, strict=True)):
        raise InputError(
            f"A phantom of shape {tuple(shape)} at {spacing_mm:g} mm would cut off the brain; "
            f"(k, j, i) must cover at least {_SMALLEST_MM} mm."
        )
    if lesions < 0 or seed < 0:
        raise InputError("The phantom's seed and its number of lesions must not be negative.")
    tissues = tuple(STRUCTURES.values())
    table = np.array(tissue_table(tissues, field_strength_t), np.float32)
    grid = Grid.centered(shape, spacing_mm, _CENTER_MM)
    labels = draw_head(seed, grid, lesions).labels
    pd, t1_ms, t2_ms = _tissue_maps(labels, table, seed, grid)
    return HeadPhantom(labels, tuple(STRUCTURES), tissues, grid.affine, pd, t1_ms, t2_ms, seed, grid)


def _tissue_maps(
    labels: NDArray[np.uint8], table: Array, seed: int, grid: Grid
) -> tuple[Array, Array, Array]:
    """(PD, T1, T2) maps: the table's values made uneven within each structure, each map in its own way."""
    share, uneven = np.array([_TEXTURE.get(name, _EVEN) for name in STRUCTURES], np.float32).T
    unevenness = uneven[labels]
    maps = []
    for index, name in enumerate(("pd", "t1", "t2")):
        texture = noise(seed, f"{name} grain", 5.0).on(grid)
        texture += noise(seed, f"{name} drift", 25.0).on(grid)
        values = table[:, index] * share if name == "pd" else table[:, index]
        maps.append(values.astype(np.float32)[labels] * (1 + unevenness * np.clip(texture, -3, 3)))
    return maps[0], maps[1], maps[2]


def _coil(seed: int, bias: float, grid: Grid) -> Array:
    """Smooth multiplicative sensitivity e^(bias * field)."""
    field_values = np.clip(noise(seed, "coil", 90.0).on(grid), -1.5, 1.5) * np.float32(bias)
    sensitivity: Array = np.exp(field_values)
    return sensitivity


def _rician(image: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Magnitude with normal noise in the real and imaginary channel (Gudbjartsson & Patz, MRM 1995)."""
    real = image + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, imaginary)


def _check_render(noise_fraction: float, bias: float, blur_mm: float | None, scale: float) -> None:
    if min(noise_fraction, bias, 0.0 if blur_mm is None else blur_mm) < 0 or not scale > 0:
        raise InputError(
            "Rendering the phantom needs noise, bias and blur of 0 or more, and a scale above 0."
        )
