"""The history beside each output: complete, exact, and found by the output's name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from mrstyle.errors import InputError
from mrstyle.files import sidecar_path
from mrstyle.history import History, array_sha256, read_history, versions, write_sidecar
from mrstyle.volume import Volume, read_volume, write_volume

HISTORY = History(
    model_id="histogram-matching",
    model_version="1.0.0",
    weights_sha256=None,
    target={"kind": "reference", "name": "Kopf größer", "sha256": "ab" * 32},
    content={"name": "t1", "sha256": "cd" * 32, "intensity": {"offset": 0.0, "scale": 911.25}},
    samples=1,
    seed=7,
    device="cpu",
    precision="float32",
    planes=[],
    versions=versions(),
    created="2026-01-02T03:04:05+00:00",
)


def test_sidecar_holds_the_history(tmp_path: Path) -> None:
    path = write_sidecar(HISTORY, tmp_path / "styled.nii.gz")
    assert path == tmp_path / "styled.json"
    assert History.from_dict(json.loads(path.read_text(encoding="utf-8"))) == HISTORY
    assert [file.name for file in tmp_path.iterdir()] == ["styled.json"]


@pytest.mark.parametrize(
    ("output", "sidecar"),
    [
        ("a/t1.nii.gz", "a/t1.json"),
        ("t1.nii", "t1.json"),
        ("t1.v2.nrrd", "t1.v2.json"),
        ("T1.NII.GZ", "T1.json"),
        ("sub-01.ses-2.mgz", "sub-01.ses-2.json"),
    ],
)
def test_sidecar_name(output: str, sidecar: str) -> None:
    assert sidecar_path(output) == Path(sidecar)


def test_a_failed_write_keeps_the_earlier_sidecar(tmp_path: Path) -> None:
    path = write_sidecar(HISTORY, tmp_path / "styled.mha")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_sidecar(replace(HISTORY, content={"scale": float("nan")}), tmp_path / "styled.mha")
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="create it first"):
        write_sidecar(HISTORY, tmp_path / "missing" / "styled.mha")


@pytest.mark.parametrize(
    ("change", "said"), [("drop", "lacks field 'seed'"), ("add", "unknown field 'zoom'")]
)
def test_foreign_json_is_refused(change: str, said: str) -> None:
    data = HISTORY.to_dict()
    if change == "drop":
        del data["seed"]
    else:
        data["zoom"] = 2
    with pytest.raises(InputError, match=said):
        History.from_dict(data)


def test_to_dict_is_a_copy() -> None:
    HISTORY.to_dict()["content"]["intensity"]["scale"] = 0.0
    assert HISTORY.content["intensity"]["scale"] == 911.25


def test_array_sha256_sees_values_and_shape_only() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    digest = array_sha256(array)
    assert digest == array_sha256(np.asfortranarray(array)) == array_sha256(array.astype(">f8"))
    assert digest != array_sha256(array.reshape(4, 3, 2))
    changed = array.copy()
    changed[1, 2, 3] = np.nextafter(changed[1, 2, 3], np.float32(99))
    assert digest != array_sha256(changed)


def test_array_sha256_is_the_same_in_every_release() -> None:
    """Histories are compared across machines and years: the digest of given voxels never changes."""
    digest = array_sha256(np.array([[0.0, 1.5], [-2.0, 1e6]], np.float32))
    assert digest == "59cc1ba1a9ab6eff4055968264a023ee4a3e6819fef97c151b1f9721a54ae321"


VOLUME = Volume(np.random.default_rng(0).random((4, 5, 6)), np.diag([1.0, 2.0, 3.0, 1.0]), "styled")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_the_header_keeps_the_history_when_the_sidecar_is_lost(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"styled{suffix}"
    write_volume(VOLUME, path, HISTORY.to_json())
    write_sidecar(HISTORY, path).unlink()
    renamed = path.rename(tmp_path / f"another{suffix}")
    assert read_history(renamed) == HISTORY
    again = read_volume(renamed)
    assert np.array_equal(again.array, VOLUME.array)
    assert again.has_grid_of(VOLUME)
    itk = sitk.ReadImage(str(renamed))
    assert np.array_equal(sitk.GetArrayFromImage(itk), VOLUME.array)


def test_the_header_is_believed_before_a_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "styled.nii.gz"
    write_volume(VOLUME, path, HISTORY.to_json())
    write_sidecar(replace(HISTORY, seed=8), path)
    assert read_history(path) == HISTORY


def test_a_format_without_room_has_its_history_in_the_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "styled.mgz"
    write_volume(VOLUME, path, HISTORY.to_json())
    assert read_history(path) is None
    write_sidecar(HISTORY, path)
    assert read_history(path) == HISTORY


@pytest.mark.parametrize("sidecar", ["", "[]", '{"EchoTime": 0.003}', "{"])
def test_other_images_have_no_history(sidecar: str, tmp_path: Path) -> None:
    for name in ("scan.nii.gz", "scan.nrrd"):
        write_volume(VOLUME, tmp_path / name)
        (tmp_path / "scan.json").write_text(sidecar)
        assert read_history(tmp_path / name) is None
    (tmp_path / "scan.nii.gz").write_bytes(b"damaged")
    assert read_history(tmp_path / "scan.nii.gz") is None
    assert read_history(tmp_path / "missing.nrrd") is None
