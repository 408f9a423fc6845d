"""What the tests of volumes share: grids, and what a refusal looks like."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mrstyle.errors import InputError
from mrstyle.volume import read_volume

SHAPE = (4, 5, 6)


def affine_of(
    angles_deg: tuple[float, float, float],
    spacing_mm: tuple[float, float, float] = (0.7, 1.1, 5.0 / 3.0),
    order: tuple[int, int, int] = (0, 1, 2),
    flips: tuple[int, int, int] = (1, 1, 1),
) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = (
        Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()[:, order] * flips * spacing_mm
    )
    affine[:3, 3] = (-91.23456789, 126.7, -72.01)
    return affine


GRIDS = {
    "oblique": affine_of((11, -23, 37)),
    "left-handed": affine_of((5, 3, -8), flips=(-1, 1, 1)),
    "sagittal": affine_of((2, 1, 0.5), order=(1, 2, 0), flips=(-1, -1, 1)),
    "half a right angle": affine_of((0, 0, 45)),
}


def refused(path: Path, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        read_volume(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".") and "\n" not in message
