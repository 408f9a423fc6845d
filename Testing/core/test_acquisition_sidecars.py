"""Acquisitions of image files by their sidecars: origins, notes, refusals; and sidecars of real scanners."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mrstyle.acquisition import Acquisition, missing
from mrstyle.acquisition_origin import Reading, read_acquisition
from mrstyle.errors import InputError

T2W = {"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 5.0, "EchoTime": 0.1}


def read(folder: Path, sidecar: dict[str, Any]) -> Reading:
    (folder / "scan.json").write_text(json.dumps(sidecar))
    (folder / "scan.nii.gz").write_bytes(b"not looked at")
    return read_acquisition(folder / "scan.nii.gz")


@pytest.mark.parametrize("name", ["a.b.nii.gz", "head.nii", "head.nrrd", "head.mgz", "head.json"])
def test_sidecar_beside_the_image(name: str, tmp_path: Path) -> None:
    stem = name.removesuffix(".gz").rpartition(".")[0]
    (tmp_path / name).write_bytes(b"")
    (tmp_path / f"{stem}.json").write_text(json.dumps(T2W))
    reading = read_acquisition(str(tmp_path / name))
    assert reading.acquisition == Acquisition("spin_echo", 5000, 100)
    assert reading.origins == dict.fromkeys(("family", "repetition_time_ms", "echo_time_ms"), "sidecar")
    assert reading.notes == ()


def test_without_a_sidecar_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "head.nii.gz").write_bytes(b"")
    reading = read_acquisition(tmp_path / "head.nii.gz")
    assert reading.acquisition == Acquisition() and reading.origins == {}
    assert "head.nii.gz has no sidecar (head.json)" in reading.notes[0]


@pytest.mark.parametrize("modality", ["CT", "pt"])
def test_other_modalities_are_refused(modality: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"scan\.nii\.gz is an image of modality {modality.upper()}, not MR"
    ):
        read(tmp_path, T2W | {"Modality": modality})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"RepetitionTime": 2300}, "RepetitionTime is 2300, which looks like milliseconds; write 2.3."),
        ({"EchoTime": 90}, "EchoTime is 90, which looks like milliseconds; write 0.09."),
        ({"InversionTime": 900}, "InversionTime is 900, which looks like milliseconds; write 0.9."),
    ],
)
def test_milliseconds_are_noticed_and_seconds_offered(keys: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, T2W | keys)
    assert str(tmp_path / "scan.json") in str(caught.value) and str(caught.value).endswith(words)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"EchoTime": None}, "leaves open: echo time; enter it, or estimate it"),
        ({"ScanningSequence": None}, "leaves open: sequence family;"),
        (
            {"EchoTime": [0.02, 0.1], "RepetitionTime": None},
            "leaves open: repetition time, echo time; enter them",
        ),
        ({"MTState": True}, "magnetization-transfer"),
    ],
)
def test_what_is_open_is_told(keys: dict, words: str, tmp_path: Path) -> None:
    (note,) = read(tmp_path, T2W | keys).notes
    assert words in note


MPRAGE = {
    "ScanningSequence": "GR\\IR",
    "SequenceVariant": "SP\\MP",
    "MRAcquisitionType": "3D",
    "RepetitionTime": 0.0065,
    "EchoTime": 0.003,
    "InversionTime": 0.9,
    "FlipAngle": 9,
}


@pytest.mark.parametrize(
    ("keys", "repetition_ms"),
    [
        ({"RepetitionTimePreparation": 2.3}, 2300),
        ({"RepetitionTimeInversion": 2.3}, 2300),  # older dcm2niix
        ({"RepetitionTime": 2.3, "RepetitionTimeExcitation": 0.0065}, None),
        ({"RepetitionTimeInversion": 0.00574}, None),  # what dcm2niix swaps for some sequences
    ],
)
def test_repetition_of_the_inversion(keys: dict, repetition_ms: float | None, tmp_path: Path) -> None:
    reading = read(tmp_path, MPRAGE | keys)
    assert reading.acquisition.repetition_time_ms == repetition_ms
    assert any("from inversion to inversion" in note for note in reading.notes) is (repetition_ms is None)


def test_mprage_by_its_name_needs_the_inversion_time_still(tmp_path: Path) -> None:
    reading = read(
        tmp_path, {"PulseSequenceType": "MPRAGE", "RepetitionTime": 2.3, "EchoTime": 0.003, "FlipAngle": 9}
    )
    assert reading.acquisition.family == "mprage"
    assert missing(reading.acquisition) == ("inversion_time_ms",)


@pytest.mark.parametrize(
    ("name", "family", "open_fields"),
    [
        ("siemens_prismafit_xa30_tfl_norm", "mprage", ()),
        ("siemens_prismafit_xa30_tfl_NOnorm", "mprage", ()),
        ("philips_elitionx_3T_mprage", "mprage", ("repetition_time_ms",)),
        ("uih_umr770_3T_gre_fsp", "mprage", ("repetition_time_ms",)),
        ("philips_achieva_3T_studyforrest_defaced", None, ("family", "repetition_time_ms", "echo_time_ms")),
    ],
)
def test_real_heads(name: str, family: str | None, open_fields: tuple[str, ...], shared_data: Path) -> None:
    reading = read_acquisition(shared_data / "brain" / "t1_multivendor" / f"{name}.json")
    assert reading.acquisition.family == family
    assert missing(reading.acquisition) == open_fields
    assert open_fields or reading.acquisition == Acquisition("mprage", 1800, 2.41, 900, 9, 3)
    assert bool(reading.notes) is bool(open_fields)


@pytest.mark.parametrize(
    ("folder", "family", "words"),
    [
        ("r2star/siemens", "spoiled_gradient_echo", ""),
        ("r2star/philips", None, "research mode"),
        ("t2/philips_1", "spin_echo", ""),
        ("t1/philips_2", None, "echo-planar"),
    ],
)
def test_real_kidneys(folder: str, family: str | None, words: str, shared_data: Path) -> None:
    sidecars = sorted((shared_data / "body" / "kidney_ukat" / folder).glob("*.json"))
    assert sidecars
    echoes = set()
    for sidecar in sidecars:
        reading = read_acquisition(sidecar)
        assert reading.acquisition.family == family
        assert words in " ".join(reading.notes)
        assert bool(words) is bool(reading.notes)
        assert reading.acquisition.flip_angle_deg is not None
        written = json.loads(sidecar.read_text())["EchoTime"]
        assert reading.acquisition.echo_time_ms == pytest.approx(1000 * written)
        echoes.add(written)
    assert folder.startswith("t1") or len(echoes) == len(sidecars)


def test_reading_needs_no_heavy_packages(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(json.dumps(T2W))
    code = (
        "import sys; from mrstyle.acquisition_origin import read_acquisition; from mrstyle.presets import PRESETS; "
        "import mrstyle.acquisition_dicom, mrstyle.dicom_headers; read_acquisition(sys.argv[1]); "
        "print(sorted({'torch', 'SimpleITK', 'nibabel', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "scan.json")], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
