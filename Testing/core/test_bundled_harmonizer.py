"""The models that come along for harmonization, on a digital head whose anatomy neither of them was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.errors import PackageError
from mrstyle.metrics.image import psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.physics.sites import SITES, field_of, phantom_scan
from mrstyle.qa.sites import classify
from mrstyle.targets import Site
from mrstyle.translate import translate
from mrstyle.volume import Volume

TARGET = "sim-3T-mprage"
SHAPE = (176, 208, 168)


def bundled(name: str) -> Package:
    try:
        return load_package(find(name))
    except PackageError:
        pytest.skip(f"the bundled model {name} is not there")


def scan_at(site: str) -> tuple[Volume, HeadPhantom]:
    phantom = head_phantom(4, SHAPE, 1.1, field_of(SITES[site].acquisition))
    return phantom_scan(phantom, SITES[site], seed=1), phantom


def likeness_db(one: Volume, two: Volume, brain: np.ndarray) -> float:
    """PSNR in the brain after the gain that fits best; data range 1 is the mean of the second."""
    a, b = one.array, two.array
    gain = float((a[brain] * b[brain]).sum() / np.square(a[brain]).sum())
    return psnr(gain * a / b[brain].mean(), b / b[brain].mean(), data_range=1.0, mask=brain)


def test_scans_of_two_sites_become_alike() -> None:
    """One with strong shading, one of another sequence and field strength."""
    package = bundled("brain-light3d")
    (one, phantom), (two, _) = (scan_at(site) for site in ("sim-3T-surface-coil", "sim-1.5T-spgr"))
    brain = phantom.brain_mask()
    before = likeness_db(one, two, brain)
    harmonized = [translate(scan, package, Site(TARGET), device="cpu").image for scan in (one, two)]
    assert likeness_db(*harmonized, brain) > before + 2


@pytest.mark.parametrize("site", ["sim-1.5T-spgr", "sim-3T-ir-spgr", "sim-3T-tfe"])
def test_the_classifier_knows_sites_by_their_look(site: str) -> None:
    package = bundled("t1-sites")
    scan, _ = scan_at(site)
    assert classify(scan, package, device="cpu").site == site
