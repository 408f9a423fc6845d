"""How alike two images are, and how sharp and steady one is: (j, i) or (k, j, i) arrays in, one number out.

Nothing here guesses: every function takes the mask, and every one that depends on it the data range (the
difference of the greatest and smallest possible intensity). A mask picks the voxels that are averaged. The
window of SSIM still sees the voxels around it, so values within 5 voxels of the mask's edge also depend on
what lies outside.

All raise InputError for images of different shapes, NaN or infinite voxels, an empty mask or one of another
shape, and a data range that is not positive.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch.nn import functional as F

from ..errors import InputError
from .gaussian_ssim import RADIUS, WINDOW, local_similarity

# Wang et al., "Multiscale structural similarity for image quality assessment" (Asilomar 2003), finest first.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_NMI_BINS = 64
_BLUR_TAPS = 9


def psnr(image: np.ndarray, reference: np.ndarray, *, data_range: float, mask: np.ndarray | None) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(data_range^2 / mean squared error); inf when identical."""
    _check((image, reference), mask, data_range)
    difference = np.subtract(image, reference, dtype=np.float32)
    error = masked_mean(np.square(difference), mask)
    return 10 * math.log10(data_range**2 / error) if error > 0 else math.inf


def ssim_map(x: np.ndarray, y: np.ndarray, *, data_range: float) -> np.ndarray:
    """Structural similarity around each voxel, float32 in [-1, 1] (Wang et al. 2004, eq. 13).

    The window is an 11-tap Gaussian of sigma 1.5 voxels along every axis longer than 1, so a single slice
    gets the 2D map; images are mirrored at their edges. Equals scikit-image's
    ``structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)``, in a
    tenth of its time.

    Raises:
        InputError: also when an axis is shorter than the window (and not 1).
    """
    _check((x, y), None, data_range)
    _check_window(x.shape)
    return _local_similarity(x, y, data_range)


def ssim(x: np.ndarray, y: np.ndarray, *, data_range: float, mask: np.ndarray | None) -> float:
    """Mean of `ssim_map` over the mask; None: over voxels whose window lies inside the image.

    Raises:
        InputError: see `ssim_map`.
    """
    _check((x, y), mask, data_range)
    return similarity_mean(ssim_map(x, y, data_range=data_range), mask)


def similarity_mean(similarity: np.ndarray, mask: np.ndarray | None) -> float:
    """What `ssim` makes of a map: its mean over the mask, or over the voxels with a whole window."""
    if mask is None:
        similarity = similarity[
            tuple(slice(RADIUS, n - RADIUS) if n > 1 else slice(None) for n in similarity.shape)
        ]
    return masked_mean(similarity, mask)


def ms_ssim_scales(shape: tuple[int, ...]) -> int:
    """Number of scales, at most 5, at which the window still fits into an image that is halved at each."""
    scales = 1
    while scales < len(_SCALE_WEIGHTS) and all(n == 1 or -(-n // 2**scales) >= WINDOW for n in shape):
        scales += 1
    return scales


def ms_ssim(x: np.ndarray, y: np.ndarray, *, data_range: float, mask: np.ndarray | None) -> float:
    """Multi-scale SSIM (Wang et al. 2003, eq. 7), in [0, 1].

    The images are halved by averaging 2 x 2 (x 2) voxels between scales; a voxel of a coarse mask is in when
    any of its voxels was. Small images get `ms_ssim_scales` scales, with the first weights scaled to the sum
    1. A negative mean at any scale makes the result 0.

    Raises:
        InputError: see `ssim_map`.
    """
    _check((x, y), mask, data_range)
    _check_window(x.shape)
    scales = ms_ssim_scales(x.shape)
    weights = np.array(_SCALE_WEIGHTS[:scales]) / sum(_SCALE_WEIGHTS[:scales])
    result = 1.0
    for scale, weight in enumerate(weights.tolist(), start=1):
        similarity = _local_similarity(x, y, data_range, luminance=scale == scales)
        result *= max(similarity_mean(similarity, mask), 0.0) ** weight
        if scale < scales:
            x, y = _halved(x), _halved(y)
            mask = None if mask is None else _halved(mask) > 0
    return result


def nmi(image: np.ndarray, reference: np.ndarray, *, data_range: float, mask: np.ndarray | None) -> float:
    """Normalized mutual information (H(A) + H(B)) / H(A, B), from 1, independent, to 2.

    Studholme et al., "An overlap invariant entropy measure of 3D medical image alignment" (Pattern
    Recognition 1999, eq. 7), from 64 x 64 bins, each image's over ``data_range`` above its minimum in the
    mask; brighter voxels count in the last bin. Two images of one value each give 1.
    """
    _check((image, reference), mask, data_range)
    rows, columns = (
        _bins(array if mask is None else array[mask], data_range) for array in (image, reference)
    )
    counts = np.bincount(rows * _NMI_BINS + columns, minlength=_NMI_BINS**2).reshape(_NMI_BINS, _NMI_BINS)
    joint = _entropy(counts)
    return (_entropy(counts.sum(0)) + _entropy(counts.sum(1))) / joint if joint > 0 else 1.0


def blur(image: np.ndarray, *, mask: np.ndarray | None) -> float:
    """Blur without a reference, from 0 (sharp) to 1; free of the intensity scale and offset.

    Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric"
    (SPIE 2007): the share of the differences of neighbors that a 9-voxel moving average leaves, of the
    blurriest axis. Pairs of neighbors count when both are in the mask. Noise makes an image look sharper than
    it is.

    Raises:
        InputError: also for an axis shorter than 9 voxels (and not 1), or one value everywhere.
    """
    _check((image,), mask, None)
    if any(1 < n < _BLUR_TAPS for n in image.shape):
        raise InputError(
            f"An image of shape {image.shape} is too small for the blur measure: it needs 9 voxels."
        )
    image = np.asarray(image, dtype=np.float32)
    axes = [axis for axis, n in enumerate(image.shape) if n > 1]
    shares = [share for axis in axes if (share := _kept_by_blurring(image, axis, mask)) is not None]
    if not shares:
        raise InputError("The image has one value only inside the mask, so it has no blur; check the mask.")
    return max(shares)


def flicker(image: np.ndarray, *, axis: int, data_range: float, mask: np.ndarray | None) -> float:
    """Mean absolute second difference along ``axis``, as a share of the data range.

    A steady gradient across slices gives 0; slices that jump in brightness give the size of their jumps.
    Triples of neighbors count when all three are in the mask.

    Raises:
        InputError: also when there is no such triple.
    """
    _check((image,), mask, data_range)
    first = np.diff(np.moveaxis(np.asarray(image, dtype=np.float32), axis, 0), axis=0)
    second = np.abs(np.diff(first, axis=0))
    if mask is not None:
        inside = np.moveaxis(mask, axis, 0)
        mask = inside[:-2] & inside[1:-1] & inside[2:]
    if not (second.size if mask is None else mask.any()):
        raise InputError(
            "Flicker needs three neighboring slices inside the mask; use a larger mask or volume."
        )
    return masked_mean(second, mask) / data_range


def flicker_ratio(
    image: np.ndarray, reference: np.ndarray, *, axis: int, data_range: float, mask: np.ndarray | None
) -> float:
    """`flicker` of the image over that of the reference: above 1, slices were made to jump.

    It is inf when only the reference has none, 1 when both have none.

    Raises:
        InputError: see `flicker`.
    """
    _check((image, reference), mask, data_range)
    own, usual = (flicker(array, axis=axis, data_range=data_range, mask=mask) for array in (image, reference))
    if usual == 0:
        return 1.0 if own == 0 else math.inf
    return own / usual


def masked_mean(values: np.ndarray, mask: np.ndarray | None) -> float:
    """Mean over the mask, or over everything when it is None, summed in float64."""
    if mask is None:
        return float(values.mean(dtype=np.float64))
    return float(values[mask].mean(dtype=np.float64))


def _local_similarity(x: np.ndarray, y: np.ndarray, data_range: float, luminance: bool = True) -> np.ndarray:
    first, second = (image[None] if image.ndim == 2 else image for image in (x, y))
    return local_similarity(first, second, data_range=data_range, luminance=luminance).reshape(x.shape)


def _halved(image: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 (x 2) voxels; those at an odd end stand alone, and an axis of length 1 stays."""
    kernel = [min(n, 2) for n in image.shape]
    tensor = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    pool = F.avg_pool3d if image.ndim == 3 else F.avg_pool2d
    return pool(tensor, kernel, ceil_mode=True, count_include_pad=False)[0, 0].numpy()


def _bins(values: np.ndarray, data_range: float) -> np.ndarray:
    scaled = (values - values.min()).ravel() * (_NMI_BINS / data_range)
    return np.minimum(scaled, _NMI_BINS - 1).astype(np.int64)


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _kept_by_blurring(image: np.ndarray, axis: int, mask: np.ndarray | None) -> float | None:
    """Share of the neighbor differences along an axis that blurring keeps; None when there are none."""
    sharp = np.abs(np.diff(image, axis=axis))
    kept = np.abs(np.diff(uniform_filter1d(image, _BLUR_TAPS, axis=axis, mode="nearest"), axis=axis))
    np.minimum(sharp, kept, out=kept)
    if mask is not None:
        inside = np.moveaxis(mask, axis, 0)
        pairs = np.moveaxis(inside[:-1] & inside[1:], 0, axis)
        sharp, kept = sharp[pairs], kept[pairs]
    total = float(sharp.sum(dtype=np.float64))
    return float(kept.sum(dtype=np.float64)) / total if total > 0 else None


def _check(images: tuple[np.ndarray, ...], mask: np.ndarray | None, data_range: float | None) -> None:
    shape = images[0].shape
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"An image of shape {shape} cannot be measured; give a slice or a volume.")
    if any(image.shape != shape for image in images):
        raise InputError(
            f"The images differ in shape, {shape} and {images[1].shape}; resample one to the other's grid."
        )
    if data_range is not None and not (math.isfinite(data_range) and data_range > 0):
        raise InputError(f"The data range must be a positive number, not {data_range}.")
    if mask is not None and (mask.shape != shape or mask.dtype != bool):
        raise InputError(
            f"The mask ({mask.dtype}, shape {mask.shape}) must be boolean and of the image's shape {shape}."
        )
    if mask is not None and not mask.any():
        raise InputError("The mask is empty, so there is nothing to measure; check it.")
    if not all(math.isfinite(image.sum()) for image in images):
        raise InputError("The images contain NaN or infinite voxels; replace them first, for example by 0.")


def _check_window(shape: tuple[int, ...]) -> None:
    if any(1 < n < WINDOW for n in shape):
        raise InputError(
            f"An image of shape {shape} is too small for SSIM: its window needs {WINDOW} voxels an axis."
        )
