"""How much faster the SSIM map is than scikit-image's, in one interleaved run on two cores; prints JSON.

The figure that counts, ``ratio_gaussian``, is against the call that gives the same map. The default there,
a 7 x 7 x 7 uniform window, gives another map and is timed for comparison only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from mrstyle.metrics.contrast_weighted import contrast_weighted_ssim, enhanced_in_pair
from mrstyle.metrics.image import ssim_map

GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def volumes(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random volume, and the same with an enhanced ball and noise, in [0, 1]."""
    generator = np.random.default_rng(0)
    content = gaussian_filter(generator.random(shape, dtype=np.float32), 3)
    content = (content - content.min()) / (content.max() - content.min())
    k, j, i = (np.linspace(-n / 2, n / 2, n) for n in shape)
    distance = np.sqrt(k[:, None, None] ** 2 + j[:, None] ** 2 + i**2)
    enhanced = content + 0.3 * (distance < min(shape) / 6)
    noise = generator.standard_normal(shape, dtype=np.float32)
    return content, np.clip(enhanced + 0.02 * noise, 0, 1).astype(np.float32)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Time all calls in turn, so that a busy machine slows them alike, and print medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(160, 256, 256), metavar=("K", "J", "I"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    content, generated = volumes(tuple(options.shape))
    enhanced = enhanced_in_pair(content, generated, data_range=1.0)
    calls: dict[str, Callable[[], object]] = {
        "ssim_map": lambda: ssim_map(content, generated, data_range=1.0),
        "skimage_gaussian": lambda: structural_similarity(
            content, generated, data_range=1.0, full=True, **GAUSSIAN
        ),
        "skimage_uniform_7": lambda: structural_similarity(content, generated, data_range=1.0, full=True),
        "contrast_weighted_ssim": lambda: contrast_weighted_ssim(
            generated, content, content, enhanced=enhanced, spacing_mm=(1, 1, 1), data_range=1.0, mask=None
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    calls["ssim_map"]()
    for _ in range(options.repeats):
        for name, call in calls.items():
            times[name].append(seconds(call))
    median = {name: statistics.median(values) for name, values in times.items()}
    expected = structural_similarity(
        content.astype(float), generated.astype(float), data_range=1.0, full=True, **GAUSSIAN
    )[1]
    report = {
        "shape": list(options.shape),
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "median_s": {name: round(value, 3) for name, value in median.items()},
        "ratio_gaussian": round(median["skimage_gaussian"] / median["ssim_map"], 1),
        "ratio_uniform_7": round(median["skimage_uniform_7"] / median["ssim_map"], 1),
        "largest_difference": float(np.abs(ssim_map(content, generated, data_range=1.0) - expected).max()),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
