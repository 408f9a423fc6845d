"""What the bundled models make of a digital head that they never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrstyle.metrics.image import psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import load_package
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.synthesize import encode, estimate, synthesize

MPRAGE, T2W, FLAIR = (preset_acquisition(name) for name in ("MPRAGE", "T2w", "FLAIR"))
SHAPE, SPACING_MM = (96, 112, 96), 2.0


@pytest.fixture(scope="module")
def head() -> HeadPhantom:
    return head_phantom(11, SHAPE, SPACING_MM)


def mean_t1(image: np.ndarray, head: HeadPhantom, low_ms: float, high_ms: float) -> float:
    """Mean over the brain where T1 is in that range."""
    inside = head.brain_mask() & (head.t1_ms > low_ms) & (head.t1_ms < high_ms)
    return float(image[inside].mean())


def tissues(image: np.ndarray, head: HeadPhantom) -> tuple[float, float, float]:
    """Means over fluid, gray matter and white matter."""
    return tuple(mean_t1(image, head, *limits) for limits in ((3000, 9000), (1300, 1700), (700, 950)))  # type: ignore[return-value]


def test_relaxometry_draws_fluid_bright_in_t2_and_dark_in_flair(head: HeadPhantom) -> None:
    encoding = encode([head.render(MPRAGE)], load_package(find("contrast-relaxometry")))
    t2, flair = encoding.render(T2W), encoding.render(FLAIR)
    fluid, gray, white = tissues(t2, head)
    assert fluid > 1.5 * gray > 1.5 * white
    fluid, gray, white = tissues(flair, head)
    assert gray > white > 1.5 * fluid


def test_relaxometry_gives_a_scan_back_in_its_own_sequence(head: HeadPhantom) -> None:
    """Up to the resampling to pixels that the model knows."""
    source = head.render(MPRAGE)
    image = encode([source], load_package(find("contrast-relaxometry"))).render(MPRAGE)
    level = float(np.percentile(source.array, 99.5))
    assert psnr(image / level, source.array / level, data_range=1.0, mask=head.brain_mask()) > 21


def test_crl_draws_fluid_bright_in_t2(head: HeadPhantom) -> None:
    image = synthesize([head.render(MPRAGE)], load_package(find("contrast-crl")), [T2W])[0].image.array
    fluid, _, white = tissues(image, head)
    assert fluid > white


@pytest.mark.parametrize(
    ("name", "alike"), [("T2w", ["T2w"]), ("MPRAGE", ["MPRAGE", "T1w", "T1-FLAIR", "SPGR"])]
)
def test_the_kind_of_a_scan_is_told_from_its_look(head: HeadPhantom, name: str, alike: list[str]) -> None:
    blank = replace(head.render(preset_acquisition(name)), acquisition=None)
    _, sentence = estimate(blank, load_package(find("contrast-relaxometry")))
    assert any(f"like {kind} " in sentence for kind in alike), sentence
