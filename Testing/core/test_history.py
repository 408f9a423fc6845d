"""The history beside each output: complete, exact, and found by the output's name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrstyle.errors import InputError
from mrstyle.history import History, array_sha256, sidecar_path, versions, write_sidecar

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
