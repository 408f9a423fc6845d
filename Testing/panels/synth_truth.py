"""The tissue of the patient in the tests of ContrastSynth; numpy alone, as the worker that knows it loads nothing else."""

from __future__ import annotations

import numpy as np

FAT, GRAY, FLUID = (0.9, 330.0, 75.0), (0.8, 1300.0, 90.0), (1.0, 4100.0, 1900.0)


def tissue_maps(shape: tuple[int, int, int]) -> np.ndarray:
    """PD (0 to 1), T1 and T2 in ms, float64 (3, k, j, i): shells of fat, gray matter and fluid in air."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = k**2 + j**2 + i**2
    maps = np.zeros((3, *shape)) + np.array([0.0, 1000.0, 80.0])[:, None, None, None]
    for limit, tissue in ((0.8, FAT), (0.6, GRAY), (0.15, FLUID)):
        maps = np.where(radius < limit, np.array(tissue)[:, None, None, None], maps)
    return maps
