"""The two real patients that several benchmarks look at: how their images are scaled, compared and shown.

patient19 and patient26 of the MS lesion data of Lesjak et al. (Neuroinformatics 16:51, 2018; CC-BY): T1, T2 and FLAIR on one
grid, brain-extracted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage.exposure import match_histograms

from mrstyle.metrics.image import flicker_ratio, psnr, ssim
from mrstyle.volume import Volume

CONTRASTS = ("T1", "T2", "FLAIR")
PATIENTS = ("patient19", "patient26")


def level(volume: Volume) -> float:
    """The 99.5th percentile in the brain, which is where a brain-extracted volume is not 0."""
    return float(np.percentile(volume.array[volume.array != 0], 99.5))


def scaled(volume: Volume, brain: np.ndarray, unit: float) -> np.ndarray:
    """Intensities in that unit, 0 outside of the brain."""
    return np.where(brain, volume.array / unit, 0).astype(np.float32)


def matched(source: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The source with the histogram that the truth has inside the patient; 0 outside."""
    image = np.zeros_like(source)
    image[inside] = match_histograms(source[inside], truth[inside])
    return image


def compare(image: np.ndarray, truth: np.ndarray, brain: np.ndarray) -> dict[str, float]:
    """PSNR, SSIM and flicker of one output."""
    shown = np.broadcast_to(brain.any(axis=(1, 2))[:, None, None], brain.shape)
    return {
        "psnr_db": psnr(image, truth, data_range=1.0, mask=shown),
        "psnr_db_in_brain": psnr(image, truth, data_range=1.0, mask=brain),
        "ssim": ssim(image, truth, data_range=1.0, mask=shown),
        "ssim_in_brain": ssim(image, truth, data_range=1.0, mask=brain),
        "flicker_ratio": flicker_ratio(image, truth, axis=0, data_range=1.0, mask=brain),
    }


def save_picture(folder: Path, name: str, *images: np.ndarray) -> None:
    """A middle axial slice of each image, from the source to the truth, in one row: ``name.png``."""
    import matplotlib.image

    folder.mkdir(parents=True, exist_ok=True)
    row = np.concatenate([image[image.shape[0] // 2, ::-1] for image in images], axis=1)
    matplotlib.image.imsave(folder / f"{name}.png", row.clip(0, 1), cmap="gray", vmin=0, vmax=1)
