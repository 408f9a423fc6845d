"""Tissue maps as a file and as the source of every contrast."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tissue_fixtures import AFFINE, FLAIR, T1W, T2W, tissue_maps

from mrstyle.encoding import Encoding, ResidualGain, stored_residual
from mrstyle.errors import InputError
from mrstyle.physics.signal import signal
from mrstyle.sequence_range import SequenceRange
from mrstyle.sequence_vector import SEQUENCE_DIM


def encoding(residuals: int = 0) -> Encoding:
    pd, t1_ms, t2_ms = tissue_maps()
    rng = np.random.default_rng(0)
    gain = ResidualGain(
        rng.normal(size=(4, SEQUENCE_DIM)).astype(np.float32),
        np.zeros(4, np.float32),
        rng.normal(size=(residuals, 4)).astype(np.float32),
        np.zeros(residuals, np.float32),
    )
    return Encoding(
        pd=500 * pd,
        r1_per_s=1000 / t1_ms,
        r2_per_s=1000 / t2_ms,
        log_sd=np.full((3, *pd.shape), 0.1, np.float16),
        residual=stored_residual(rng.uniform(-0.3, 0.3, (residuals, *pd.shape)), 0.3),
        gain=gain if residuals else None,
        greatest_residual=0.3,
        affine=AFFINE,
        sources=(T1W,),
        model_name="tiny@0.1.0",
        trained=(SequenceRange("T2w", "spin_echo", (2500, 9000), (70, 130)),),
        origins=({"echo_time_ms": "DICOM"},),
        history={"model_id": "tiny"},
    )


@pytest.mark.parametrize("target", [T1W, T2W, FLAIR])
def test_a_contrast_is_the_signal_of_the_maps(target) -> None:
    pd, t1_ms, t2_ms = tissue_maps()
    np.testing.assert_allclose(
        encoding().render(target), 500 * signal(pd, t1_ms, t2_ms, target), rtol=1e-4, atol=1e-3
    )


def test_a_region_is_what_the_whole_shows_there() -> None:
    maps, region = encoding(2), np.s_[3:4, :, 5:30]
    whole = maps.render(FLAIR)
    np.testing.assert_array_equal(maps.render(FLAIR, region), whole[region])
    np.testing.assert_array_equal(
        maps.standard_deviation(FLAIR, region), maps.standard_deviation(FLAIR)[region]
    )


def test_a_contrast_is_written_into_an_array_that_is_given() -> None:
    maps, shown = encoding(), np.zeros((28, 40, 36), np.int16)
    returned = maps.render(T2W, np.s_[10:11, :, :], out=shown[10:11])
    assert returned.base is shown
    assert shown[10].max() > 50
    assert not shown[:10].any() and not shown[11:].any()


def test_many_chunks_give_what_one_gives(monkeypatch) -> None:
    maps = encoding(1)
    whole = maps.render(FLAIR)
    monkeypatch.setattr("mrstyle.encoding._CHUNK_VOXELS", 100)
    np.testing.assert_array_equal(maps.render(FLAIR), whole)


def test_the_residual_changes_a_contrast_by_no_more_than_it_may() -> None:
    with_residual = encoding(1)
    plain = replace(with_residual, gain=None)
    ratio = with_residual.render(T2W)[14] / np.maximum(plain.render(T2W)[14], 1e-3)
    inside = plain.pd[14] > 0
    assert 0.01 < np.abs(ratio[inside] - 1).max() <= 0.3001


def test_uncertainty_is_what_scattered_maps_give() -> None:
    """Monte Carlo: maps scattered by their spreads scatter the image by the standard deviation that is told."""
    maps = encoding()
    rng = np.random.default_rng(3)
    region = np.s_[14:15, :, :]
    images = []
    for _ in range(400):
        pd, r1, r2 = (
            values[region] * np.exp(0.1 * rng.standard_normal(values[region].shape))
            for values in (maps.pd, maps.r1_per_s, maps.r2_per_s)
        )
        images.append(signal(pd, 1000 / r1, 1000 / r2, T2W))
    scattered, told = np.std(images, axis=0), maps.standard_deviation(T2W, region)
    inside = maps.pd[region] > 0
    assert np.median(told[inside] / scattered[inside]) == pytest.approx(1, abs=0.15)


def test_a_file_reads_back_as_it_was(tmp_path: Path) -> None:
    maps = encoding(2)
    maps.save(tmp_path / "encoding.npz")
    read = Encoding.load(tmp_path / "encoding.npz")
    np.testing.assert_array_equal(read.render(FLAIR), maps.render(FLAIR))
    assert (read.sources, read.trained, read.origins) == (maps.sources, maps.trained, maps.origins)
    assert (read.model_name, read.history) == (maps.model_name, maps.history)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoding.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "encoding.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not an encoding"):
        Encoding.load(path)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "encoding.npz"
    np.savez(path, meta=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="not an encoding"):
        Encoding.load(path)


def test_maps_of_different_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoding.npz"
    replace(encoding(), r1_per_s=np.ones((2, 2, 2), np.float32)).save(path)
    with pytest.raises(InputError, match="not an encoding"):
        Encoding.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz cannot be read"):
        Encoding.load(tmp_path / "none.npz")


def test_relaxation_times_are_zero_in_air() -> None:
    maps = encoding()
    air = maps.pd == 0
    for times in (maps.t1_ms(), maps.t2_ms()):
        assert not times[air].any()
    assert maps.t1_ms()[14, 20, 18] == pytest.approx(4200, rel=1e-3)


def test_a_viewer_needs_neither_torch_nor_pydantic() -> None:
    code = "import mrstyle.encoding, sys; print({'torch', 'pydantic', 'SimpleITK'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
