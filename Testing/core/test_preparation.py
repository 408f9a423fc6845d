"""Preparation of a scan, and the way back onto its own grid."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from volume_fixtures import affine_of

from mrstyle.engine.report import Progress
from mrstyle.errors import Cancelled, InputError
from mrstyle.history import array_sha256
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.preparation import Preparation, conformed, prepare
from mrstyle.presets import preset_acquisition
from mrstyle.volume import Volume

OBLIQUE = affine_of((6, -4, 3), spacing_mm=(1.3, 1.3, 2.5))


@pytest.fixture(scope="module")
def phantom() -> HeadPhantom:
    return head_phantom(21, (76, 96, 76), 2.0)


@pytest.fixture(scope="module")
def scan(phantom: HeadPhantom) -> Volume:
    return phantom.render(preset_acquisition("MPRAGE"), noise=0.01, bias=0.0)


@pytest.fixture(scope="module")
def shaded(scan: Volume) -> tuple[Volume, np.ndarray]:
    """The scan under a shading by a factor of 2.2 from left to right."""
    field = np.exp(np.linspace(-0.4, 0.4, scan.shape[2], dtype=np.float32))
    field = np.broadcast_to(field, scan.shape)
    return scan.with_array(scan.array * field), field


def smooth_blob(shape: tuple[int, int, int] = (40, 60, 52), affine: np.ndarray = OBLIQUE) -> Volume:
    grids = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    array = 100 * np.exp(-3 * sum(grid**2 for grid in grids))
    return Volume(array, affine, "blob")


def box_mask(volume: Volume) -> Volume:
    array = np.zeros(volume.shape, np.float32)
    array[8:-8, 12:-12, 10:-10] = 1
    return volume.with_array(array, "box")


def test_nothing_asked_nothing_done() -> None:
    volume = smooth_blob()
    prepared = prepare(volume, Preparation())
    assert np.array_equal(prepared.volume.array, volume.array)
    assert prepared.mask is None
    assert prepared.field is None
    output = prepared.volume.with_array(prepared.volume.array * 2, "output")
    restored = prepared.restore(output)
    assert np.array_equal(restored.array, output.array)
    assert restored.name == "output"


def test_conform_makes_voxels_of_one_millimeter_over_the_same_extent() -> None:
    volume = smooth_blob()
    result = conformed(volume)
    assert result.spacing_mm == pytest.approx((1, 1, 1))
    extent_mm = np.array(volume.shape[::-1]) * volume.spacing_mm
    grown_mm = np.array(result.shape[::-1]) - extent_mm
    assert (grown_mm >= -0.02).all()
    assert (grown_mm < 1).all()
    middles = [each.affine[:3] @ [*((np.array(each.shape[::-1]) - 1) / 2), 1] for each in (volume, result)]
    assert np.allclose(*middles, atol=1e-6)


def test_restored_output_is_on_the_native_grid_exactly() -> None:
    volume = smooth_blob()
    prepared = prepare(volume, Preparation(conform=True))
    restored = prepared.restore(prepared.volume)
    assert restored.shape == volume.shape
    assert np.array_equal(restored.affine, volume.affine)
    assert np.abs(restored.array - volume.array).max() < 2.0


def test_conform_leaves_a_scan_of_one_millimeter_as_it_is() -> None:
    volume = smooth_blob(affine=affine_of((6, -4, 3), spacing_mm=(1.0, 1.0, 1.0)))
    prepared = prepare(volume, Preparation(conform=True))
    assert np.array_equal(prepared.volume.array, volume.array)
    assert np.array_equal(prepared.restore(prepared.volume).array, volume.array)


def test_fine_noise_is_averaged_and_not_picked_by_conform() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (90, 90, 90)).astype(np.float32)
    fine = Volume(noise, affine_of((0, 0, 0), spacing_mm=(0.5, 0.5, 0.5)), "noise")
    assert conformed(fine).array[5:-5, 5:-5, 5:-5].std() < 0.55


@pytest.mark.parametrize("conform", [False, True])
def test_outside_of_an_extracted_brain_is_zero_before_and_after(conform: bool) -> None:
    volume = smooth_blob()
    mask = box_mask(volume)
    prepared = prepare(volume, Preparation(conform=conform, brain="extract"), mask=mask)
    assert (prepared.volume.array == 0).mean() > 0.4
    output = prepared.volume.with_array(prepared.volume.array + 500)
    restored = prepared.restore(output)
    assert (restored.array[mask.array < 0.5] == 0).all()
    assert (restored.array[mask.array > 0.5] > 400).all()
    assert prepared.mask is not None
    assert np.array_equal(prepared.mask.array, mask.array)


def test_n4_takes_the_shading_out(shaded: tuple[Volume, np.ndarray], phantom: HeadPhantom) -> None:
    volume, field = shaded
    prepared = prepare(volume, Preparation(n4=True))
    white = phantom.mask("white_matter")
    before, after = (
        np.std(array[white]) / np.mean(array[white]) for array in (volume.array, prepared.volume.array)
    )
    assert after < 0.5 * before
    assert prepared.field is not None
    assert prepared.field.shape == volume.shape
    assert np.allclose(prepared.volume.array * prepared.field, volume.array, rtol=1e-4, atol=1e-3)
    assert np.corrcoef(np.log(prepared.field[white]), np.log(field[white]))[0, 1] > 0.9
    # Intensities stay what they were, on the whole.
    assert np.median(prepared.volume.array[white]) == pytest.approx(np.median(volume.array[white]), rel=0.15)


def test_n4_refuses_intensities_below_zero(scan: Volume) -> None:
    inside = scan.array > 0.1 * scan.array.max()
    normalized = (scan.array - scan.array[inside].mean()) / scan.array[inside].std()
    with pytest.raises(InputError, match="leave N4 out"):
        prepare(scan.with_array(normalized), Preparation(n4=True))


def test_cancel_ends_n4(scan: Volume) -> None:
    stages: list[Progress] = []
    asked = iter([False] * 3)
    with pytest.raises(Cancelled):
        prepare(scan, Preparation(n4=True), progress=stages.append, cancel=lambda: next(asked, True))
    assert stages


def test_record_is_json_and_says_what_was_done() -> None:
    volume = smooth_blob()
    prepared = prepare(volume, Preparation(conform=True, brain="extract"), mask=box_mask(volume))
    record = json.loads(json.dumps(prepared.record))
    assert (record["n4"], record["conform"], record["brain"]) == (False, True, "extract")
    assert record["spacing_mm"] == [1.0, 1.0, 1.0]
    assert record["size"] == list(prepared.volume.shape[::-1])
    assert record["mask_sha256"] == array_sha256(box_mask(volume).array)
    voxels = float((box_mask(volume).array > 0.5).sum())
    assert record["brain_ml"] == pytest.approx(voxels * 1.3 * 1.3 * 2.5 / 1000, abs=0.1)


def test_bad_masks_are_refused() -> None:
    volume = smooth_blob()
    extract = Preparation(brain="extract")
    elsewhere = replace(box_mask(volume), affine=np.eye(4))
    with pytest.raises(InputError, match="box is not on the grid of blob"):
        prepare(volume, extract, mask=elsewhere)
    with pytest.raises(InputError, match="box is empty"):
        prepare(volume, extract, mask=box_mask(volume).with_array(np.zeros(volume.shape)))


def test_an_output_on_another_grid_is_not_restored() -> None:
    prepared = prepare(smooth_blob(), Preparation(conform=True))
    with pytest.raises(ValueError, match="not on the grid"):
        prepared.restore(smooth_blob())
