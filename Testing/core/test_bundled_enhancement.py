"""The models of enhancement that come along, on digital people whom neither training nor validation has seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrstyle.dce import enhancement_of, transfer_enhancement
from mrstyle.errors import PackageError
from mrstyle.metrics.image import psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.dce_phantom import DCESeries, Protocol, dce_phantom
from mrstyle.series import Series
from mrstyle.volume import Volume

MODELS = {"kidney": "dce-kidney-2d", "prostate": "dce-prostate-3d", "breast": "dce-breast-2d"}
INTERVALS_S = {"kidney": 6.0, "prostate": 12.0, "breast": 20.0}
FRAMES = 12
PERSON = 30_000


def bundled(name: str) -> Package:
    try:
        return load_package(find(name))
    except PackageError:
        pytest.skip(f"the bundled model {name} is not there")


def series_of(body: str) -> tuple[Series, DCESeries]:
    """A person's series and its truths, in which white is 1000 as in a file."""
    phantom = dce_phantom(body, PERSON)
    made = phantom.series(Protocol(INTERVALS_S[body] * np.arange(FRAMES), breathing_mm=4.0))
    made = replace(made, frames=1000 * made.frames, baseline=1000 * made.baseline)
    return Series(made.frames, Volume(made.frames[0], phantom.affine, body), made.times_s, body), made


def likeness_db(frames: np.ndarray, truth: np.ndarray) -> float:
    """PSNR; the data range is the 99.5th percentile of the truth."""
    unit = float(np.percentile(truth, 99.5))
    return psnr(frames / unit, truth / unit, data_range=1.0, mask=None)


@pytest.mark.parametrize("body", MODELS)
def test_enhancement_is_taken_away(body: str) -> None:
    model = bundled(MODELS[body])
    content, truth = series_of(body)
    seen = enhancement_of(content)
    output = transfer_enhancement(content, model, "baseline", device="cpu").series
    assert enhancement_of(output).share < 0.5 * seen.share
    peak = seen.peak
    gained_db = likeness_db(output.frames[peak], truth.baseline[peak]) - likeness_db(
        content.frames[peak], truth.baseline[peak]
    )
    assert gained_db > 3


@pytest.mark.parametrize("body", MODELS)
def test_frames_without_enhancement_stay(body: str) -> None:
    """What has none gets none invented."""
    model = bundled(MODELS[body])
    content, truth = series_of(body)
    output = transfer_enhancement(content, model, "baseline", device="cpu").series
    assert likeness_db(output.frames[0], truth.baseline[0]) > 25
