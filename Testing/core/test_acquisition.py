"""What DICOM tags and BIDS sidecars of different vendors say about a sequence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acquisition_fixtures import dataset, enhanced
from pydicom.dataset import Dataset

from mrstyle.acquisition import Acquisition, from_bids, from_dicom
from mrstyle.errors import InputError

SIEMENS_MPRAGE = {
    "ScanningSequence": "GR\\IR",
    "SequenceVariant": "SK\\SP\\MP",
    "SequenceName": "*tfl3d1_16ns",
    "MRAcquisitionType": "3D",
    "RepetitionTime": 1.8,
    "EchoTime": 0.00241,
    "InversionTime": 0.9,
    "FlipAngle": 9,
    "MagneticFieldStrength": 3,
}


def test_bids_seconds_become_ms() -> None:
    assert from_bids(SIEMENS_MPRAGE) == Acquisition(
        family="mprage",
        repetition_time_ms=1800,
        echo_time_ms=2.41,
        inversion_time_ms=900,
        flip_angle_deg=9,
        field_strength_t=3,
    )


def test_old_dcm2niix_underscores_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    old = {**SIEMENS_MPRAGE, "ScanningSequence": "GR_IR", "SequenceVariant": "SP_MP_OSP"}
    path.write_text(json.dumps(old), encoding="utf-8-sig")
    assert from_bids(path).family == "mprage"


def test_repetition_time_between_excitations_is_not_taken_for_the_cycle() -> None:
    philips = {**SIEMENS_MPRAGE, "ScanningSequence": "GR", "SequenceVariant": "MP", "RepetitionTime": 0.0065}
    assert from_bids(philips).family == "mprage"
    assert from_bids(philips).repetition_time_ms is None
    assert from_bids({**philips, "RepetitionTimePreparation": 2.3}).repetition_time_ms == 2300


@pytest.mark.parametrize(
    ("tags", "family"),
    [
        ({"ScanningSequence": "SE", "SequenceVariant": "SK\\SP\\OSP"}, "spin_echo"),
        ({"ScanningSequence": "SE\\IR", "InversionTime": 2.5}, "inversion_recovery"),
        ({"ScanningSequence": "IR", "InversionTime": 2.8}, "inversion_recovery"),
        ({"ScanningSequence": "GR", "SequenceVariant": "SP\\OSP"}, "spoiled_gradient_echo"),
        ({"ScanningSequence": "GR", "SequenceVariant": "SS\\SP\\SK"}, "spoiled_gradient_echo"),
        ({"ScanningSequence": "GR", "SequenceVariant": "SS", "SequenceName": "*tfi2d1_25"}, "bssfp"),
        ({"ScanningSequence": ["GR"], "PulseSequenceDetails": "%SiemensSeq%\\trufi"}, "bssfp"),
        ({"ScanningSequence": "MPRAGE", "InversionTime": 0.9}, "mprage"),
        # In doubt:
        ({"ScanningSequence": "GR", "SequenceVariant": "SS"}, None),
        ({"ScanningSequence": "GR"}, None),
        ({"ScanningSequence": "EP\\SE"}, None),
        ({"ScanningSequence": "SE", "ProtocolName": "T1_SE_EPI_orig"}, None),
        ({"ScanningSequence": "SE", "InversionTime": 0.15}, None),
        ({"ScanningSequence": "GR", "SequenceVariant": "SP", "InversionTime": 0.013}, None),
        ({**SIEMENS_MPRAGE, "MRAcquisitionType": "2D"}, None),
        ({"ScanningSequence": "GR\\IR", "SequenceName": "*tfi2d1_42", "InversionTime": 0.1}, None),
        ({"ScanningSequence": "GR", "SequenceVariant": "SP", "RepetitionTime": 0.02, "EchoTime": 0.03}, None),
        ({}, None),
    ],
)
def test_family_only_without_doubt(tags: dict, family: str | None) -> None:
    assert from_bids({"RepetitionTime": 8.0, **tags}).family == family


def test_several_values_are_unknown() -> None:
    acquisition = from_bids({"EchoTime": [0.01, 0.02], "FlipAngle": [12]})
    assert acquisition.echo_time_ms is None
    assert acquisition.flip_angle_deg == 12


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"RepetitionTime": 2300}, "BIDS times are in seconds"),
        ({"RepetitionTime": -1}, "RepetitionTime is -1"),
        ({"EchoTime": 0}, "EchoTime is 0"),
        ({"EchoTime": float("nan")}, "EchoTime is nan"),
        ({"FlipAngle": "9"}, "FlipAngle is '9', which is not a number"),
        ({"InversionTime": True}, "InversionTime is True"),
    ],
)
def test_bad_sidecar_values_are_refused(tmp_path: Path, tags: dict, words: str) -> None:
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(tags))
    with pytest.raises(InputError, match=words) as caught:
        from_bids(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_bad_sidecar_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scan.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"scan\.json is not .* JSON"):
        from_bids(path)


@pytest.mark.parametrize(
    "values",
    [
        {"repetition_time_ms": -500.0},
        {"repetition_time_ms": float("inf")},
        {"echo_time_ms": 0.0},
        {"echo_time_ms": 0.003},
        {"inversion_time_ms": 0.9},
        {"flip_angle_deg": 400.0},
        {"field_strength_t": 15000.0},
        {"family": "magic"},
        {"family": "mprage", "repetition_time_ms": 6.5, "inversion_time_ms": 900.0},
        {"family": "spin_echo", "repetition_time_ms": 2.3, "echo_time_ms": 90.0},
    ],
)
def test_typed_values_are_checked(values: dict) -> None:
    with pytest.raises(InputError):
        Acquisition(**values)


def test_dicom_single_frame() -> None:
    tags = dataset(
        ScanningSequence=["GR", "IR"],
        SequenceVariant=["SK", "SP", "MP"],
        MRAcquisitionType="3D",
        RepetitionTime="2300",
        EchoTime="2.98",
        InversionTime="900",
        FlipAngle="9",
        MagneticFieldStrength="3",
        ContrastBolusAgent="Gadovist",
    )
    assert from_dicom(tags) == Acquisition("mprage", 2300, 2.98, 900, 9, 3, True)


def test_dicom_zero_and_absent_are_unknown() -> None:
    tags = dataset(
        ScanningSequence="SE", RepetitionTime="600", EchoTime=None, InversionTime="0", ContrastBolusAgent=""
    )
    assert from_dicom(tags) == Acquisition("spin_echo", repetition_time_ms=600)
    assert from_dicom(Dataset()) == Acquisition()
    assert from_dicom(dataset(ContrastBolusAgent="NONE")).contrast_agent is False


def test_dicom_enhanced_groups() -> None:
    tags = {
        "EchoPulseSequence": "SPIN",
        "MagneticFieldStrength": 1.5,
        "RepetitionTime": 9000.0,
        "FlipAngle": 90.0,
        "InversionRecovery": "YES",
        "InversionTimes": [2500.0],
    }
    expected = Acquisition("inversion_recovery", 9000, 120, 2500, 90, 1.5)
    assert from_dicom(enhanced((120.0, 120.0), **tags)) == expected
    assert from_dicom(enhanced((80.0, 120.0), **tags)).echo_time_ms is None


def test_dicom_enhanced_flash() -> None:
    tags = dataset(
        EchoPulseSequence="GRADIENT",
        SharedFunctionalGroupsSequence=[dataset(MRModifierSequence=[dataset(Spoiling="RF")])],
    )
    assert from_dicom(tags).family == "spoiled_gradient_echo"
    tags.EchoPlanarPulseSequence = "YES"
    assert from_dicom(tags).family is None


def test_dicom_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="repetition time -5 ms"):
        from_dicom(dataset(RepetitionTime="-5"))
