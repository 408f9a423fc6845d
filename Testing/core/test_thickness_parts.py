"""Cerebrum, hindbrain, inner parts and sectors of a head that is not the one they are found by."""

import numpy as np
import pytest

from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.qa.thickness_parts import Parts, find_parts, sectors


@pytest.fixture(scope="module")
def head() -> HeadPhantom:
    return head_phantom(5, (62, 78, 62), 2.5)


@pytest.fixture(scope="module")
def parts(head: HeadPhantom) -> Parts:
    groups = (
        ("csf", "ventricle", "choroid_plexus"),
        ("gray_matter", "cerebellar_gray_matter"),
        ("deep_gray_matter", "thalamus"),
        ("white_matter", "corpus_callosum", "pallidum", "brainstem", "cerebellar_white_matter"),
    )
    tissues = np.stack([head.mask(*names) for names in groups]).astype(np.float32)
    # Lying elsewhere in the scanner, as another person would.
    affine = head.affine.copy()
    affine[:3, 3] += (12, -25, 30)
    return find_parts(tissues, tissues.any(axis=0), affine)


def test_cortex_is_kept_and_cerebellum_is_not(head: HeadPhantom, parts: Parts) -> None:
    assert parts.cerebrum[head.mask("gray_matter")].mean() > 0.98
    assert parts.cerebrum[head.mask("cerebellar_gray_matter", "cerebellar_white_matter")].mean() < 0.03


def test_core_holds_the_ventricles_and_hardly_any_cortex(head: HeadPhantom, parts: Parts) -> None:
    assert parts.core[head.mask("thalamus")].mean() > 0.8
    assert parts.core[head.mask("gray_matter")].mean() < 0.06


def test_hemispheres(head: HeadPhantom, parts: Parts) -> None:
    cortex = head.mask("gray_matter")
    x_mm = np.arange(62) * head.affine[0, 0] + head.affine[0, 3]
    right = np.broadcast_to(x_mm > 0, cortex.shape)
    lateral = np.broadcast_to(np.abs(x_mm) > 8, cortex.shape)
    assert (parts.right == right)[cortex & lateral].mean() > 0.98


def test_sectors_are_thirds_of_each_hemisphere() -> None:
    cortex = np.ones((9, 9, 8), bool)
    cortex[:, :, 4:6] = False
    right = np.broadcast_to(np.arange(8) >= 4, cortex.shape)
    labels, names = sectors(cortex, right)
    assert len(names) == 18
    assert (labels > 0).sum() == cortex.sum()
    assert names[labels[0, 8, 7]] == ("anterior inferior sector", "right")
    assert names[labels[8, 0, 0]] == ("posterior superior sector", "left")
    assert names[labels[4, 4, 1]] == ("central middle sector", "left")
