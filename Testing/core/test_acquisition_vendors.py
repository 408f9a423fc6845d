"""The sequences of each vendor, by the headers that its scanners write."""

from __future__ import annotations

from pathlib import Path

import pytest
from acquisition_fixtures import (
    CANON,
    GE,
    PHILIPS,
    SIEMENS,
    UIH,
    dataset,
    enhanced,
    kind,
    kind_3d,
    save,
    times,
)

from mrstyle.acquisition import missing
from mrstyle.acquisition_origin import read_acquisition

# The header, and the family that it means.
COMPLETE = {
    "Siemens MPRAGE": (
        SIEMENS | kind_3d("GR\\IR", "SK\\SP\\MP", SequenceName="*tfl3d1_16ns") | times(2300, 2.98, 900, 9),
        "mprage",
    ),
    "Siemens TSE": (
        SIEMENS | kind("SE", "SK\\SP\\OSP", SequenceName="*tse2d1_15") | times(5000, 100, flip=150),
        "spin_echo",
    ),
    "Siemens SPACE": (
        SIEMENS | kind_3d("SE", "SK\\SP", SequenceName="*spc_314ns") | times(3200, 563, flip=120),
        "spin_echo",
    ),
    "Siemens FLAIR": (
        SIEMENS
        | kind("SE\\IR", "SK\\SP\\MP\\OSP", SequenceName="*tir2d1_16", ScanOptions="IR\\FS")
        | times(9000, 90, 2500, 150),
        "inversion_recovery",
    ),
    "Siemens FLASH": (
        SIEMENS | kind("GR", "SP\\OSP", SequenceName="*fl2d1") | times(250, 2.5, flip=70),
        "spoiled_gradient_echo",
    ),
    "Siemens TrueFISP": (
        SIEMENS | kind("GR", "SK\\SS", SequenceName="*tfi2d1_25") | times(3.2, 1.6, flip=60),
        "bssfp",
    ),
    "GE FSE": (
        GE | kind("SE", "SK", ge_name="fse-xl", ge_internal_name="FSE-XL") | times(4500, 102),
        "spin_echo",
    ),
    "GE FLAIR": (
        GE
        | kind("SE\\IR", "SK", ScanOptions="FAST_GEMS\\IR_GEMS", ge_name="T2FLAIR")
        | times(9000, 120, 2250),
        "inversion_recovery",
    ),
    "GE research mode named FSE": (
        GE | kind("RM", "NONE", ge_internal_name="FSE-XL") | times(600, 9),
        "spin_echo",
    ),
    "GE SPGR": (
        GE | kind_3d("GR", "SS\\SP", ge_internal_name="EFGRE3D") | times(8.2, 3.2, flip=12),
        "spoiled_gradient_echo",
    ),
    "GE MPRAGE, from inversion to inversion": (
        GE | kind_3d("RM\\IR", ScanOptions="EDR_GEMS\\IR_GEMS") | times(2217.66, 3.17, 1000, 8),
        "mprage",
    ),
    "GE FIESTA": (GE | kind("GR", "SS", ge_name="2dfiesta") | times(3.35, 1.53, flip=45), "bssfp"),
    "Philips TSE": (PHILIPS | kind("SE", "SK", philips_technique="TSE") | times(3000, 80), "spin_echo"),
    "Philips research mode named TSE": (
        PHILIPS | kind("RM", "SK", philips_technique="TSE") | times(3000, 80),
        "spin_echo",
    ),
    "Philips FLAIR": (
        PHILIPS | kind("IR", "SK", philips_technique="TIR") | times(11000, 125, 2800),
        "inversion_recovery",
    ),
    "Philips FLAIR without a mark": (
        PHILIPS | kind("SE", "SK") | times(11000, 125, 2800),
        "inversion_recovery",
    ),
    "Philips T1-FFE": (
        PHILIPS | kind_3d("RM", "SS", philips_technique="T1FFE") | times(25, 4.6, flip=30),
        "spoiled_gradient_echo",
    ),
    "Philips balanced TFE": (
        PHILIPS | kind("GR", "SS", philips_technique="B-TFE") | times(3, 1.5, flip=50),
        "bssfp",
    ),
    "UIH FSE": (UIH | kind("SE", "SK", SequenceName="fse") | times(4200, 96), "spin_echo"),
    "UIH FLAIR": (
        UIH | kind("SE\\IR", "SK", SequenceName="fse") | times(8000, 98, 2400),
        "inversion_recovery",
    ),
    "UIH spoiled gradient echo": (
        UIH | kind_3d("GR", SequenceName="gre_fsp") | times(7.25, 3.1, flip=10),
        "spoiled_gradient_echo",
    ),
    "Canon FSE": (CANON | kind("SE", "SK", SequenceName="FSE2D+15") | times(4300, 105), "spin_echo"),
    "Canon FASE": (CANON | kind_3d("SE", "SK", SequenceName="FASE3D") | times(3000, 80), "spin_echo"),
    "Canon FLAIR": (
        CANON | kind("IR", "SK", SequenceName="FSE2D") | times(10000, 105, 2500),
        "inversion_recovery",
    ),
    "Canon FE": (
        CANON | kind("GR", "SP", SequenceName="FE2D") | times(180, 4.5, flip=70),
        "spoiled_gradient_echo",
    ),
    "Canon True SSFP": (
        CANON | kind("GR", "SS", SequenceName="True SSFP") | times(4.6, 2.3, flip=70),
        "bssfp",
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_headers(name: str, tmp_path: Path) -> None:
    tags, family = COMPLETE[name]
    reading = read_acquisition(save(dataset(**tags), tmp_path / "1.dcm"))
    acquisition = reading.acquisition
    assert acquisition.family == family
    assert acquisition.repetition_time_ms == float(tags["RepetitionTime"])
    assert acquisition.echo_time_ms == float(tags["EchoTime"])
    assert acquisition.field_strength_t == tags["MagneticFieldStrength"]
    assert acquisition.inversion_time_ms == (
        float(tags["InversionTime"]) if "InversionTime" in tags else None
    )
    assert not missing(acquisition)
    known = {name for name, value in acquisition.as_dict().items() if value is not None}
    assert reading.origins == dict.fromkeys(known, "DICOM")


TRAINS = {
    "GE BRAVO": GE
    | kind_3d("GR", "SS\\SP", ge_name="BRAVO", ge_internal_name="EFGRE3D")
    | times(8.2, 3.2, 450, 12),
    "GE IR-SPGR": GE | kind_3d("GR", "SS\\SP", ge_internal_name="EFGRE3D") | times(6.9, 2.9, 400, 11),
    "Philips T1TFE": PHILIPS | kind_3d("GR", "MP", philips_technique="T1TFE") | times(6.5, 2.93, 900, 9),
    "UIH gre_fsp": UIH | kind_3d("GR\\IR", SequenceName="gre_fsp") | times(7.25, 3.1, 750, 10),
    "Canon FFE3D": CANON | kind_3d("GR\\IR", SequenceName="FFE3D") | times(6.2, 2.4, 900, 9),
}


@pytest.mark.parametrize("name", TRAINS)
def test_repetition_between_excitations_is_left_open(name: str, tmp_path: Path) -> None:
    reading = read_acquisition(save(dataset(**TRAINS[name]), tmp_path / "1.dcm"))
    assert reading.acquisition.family == "mprage"
    assert missing(reading.acquisition) == ("repetition_time_ms",)
    assert "repetition_time_ms" not in reading.origins
    (note,) = reading.notes
    assert f"{TRAINS[name]['RepetitionTime']} ms" in note and "from inversion to inversion" in note


OPEN = {
    "GE FIESTA without its name": (GE | kind("GR", "SS") | times(3.35, 1.53, flip=45), "spoiled or balanced"),
    "Philips TFE without inversion time": (
        PHILIPS | kind_3d("GR", "SS\\SP", philips_technique="T1TFE") | times(8.3, 4.6, flip=8),
        "no inversion time",
    ),
    "Philips SPAIR": (PHILIPS | kind("SE", "SK") | times(3500, 70, 150), "fat suppression"),
    "Philips research mode": (PHILIPS | kind("RM", "SS") | times(130, 4.6, flip=25), "research mode"),
    "Canon FE": (CANON | kind("GR", SequenceName="FE2D") | times(180, 4.5, flip=70), "spoiled or balanced"),
    "GE EPI": (GE | kind("EP\\SE") | times(8000, 85), "echo-planar"),
    "Siemens EPI by its name": (
        SIEMENS | kind("SE", SequenceName="*epse2d1_96") | times(8000, 85),
        "echo-planar",
    ),
    "Siemens PSIF": (
        SIEMENS | kind("GR", "TRSS", SequenceName="*ps2d1") | times(17, 6, flip=40),
        "time-reversed",
    ),
    "Siemens MP2RAGE": (
        SIEMENS
        | kind_3d("GR\\IR", "SP\\MP", SequenceName="*tfl3d1_16ns", SeriesDescription="t1_mp2rage_INV2")
        | times(5000, 2.98, 2500, 5),
        "several images",
    ),
    "Siemens MOLLI": (
        SIEMENS | kind("GR\\IR", "SK\\SS\\MP", SequenceName="*tfi2d1_42") | times(330, 1.1, 260, 35),
        "balanced sequence with an inversion",
    ),
    "FLAIR whose inversion time is lost": (
        GE | kind("SE", "SK", SeriesDescription="AX T2 FLAIR") | times(9000, 120),
        "By its description",
    ),
    "Mixed echoes": (PHILIPS | kind("SE\\GR") | times(3000, 80), "mixes"),
}


@pytest.mark.parametrize("name", OPEN)
def test_doubts_are_told(name: str, tmp_path: Path) -> None:
    tags, words = OPEN[name]
    reading = read_acquisition(save(dataset(**tags), tmp_path / "1.dcm"))
    assert reading.acquisition.family is None and "family" not in reading.origins
    assert reading.acquisition.echo_time_ms == float(tags["EchoTime"])
    assert any(words in note for note in reading.notes)


ENHANCED = {
    "Siemens XA MPRAGE": (
        SIEMENS
        | {"PulseSequenceName": "*tfl3d1_16ns", "EchoPulseSequence": "GRADIENT", "MRAcquisitionType": "3D"}
        | {"InversionRecovery": "YES", "InversionTimes": [900.0], "Spoiling": "NONE"}
        | {"RepetitionTime": 1800.0, "FlipAngle": 9.0},
        2.41,
        ("mprage", 1800, 900),
    ),
    "Siemens XA TSE": (
        SIEMENS
        | {"PulseSequenceName": "*tse2d1_15", "EchoPulseSequence": "SPIN", "InversionRecovery": "NO"}
        | {"RepetitionTime": 5000.0, "FlipAngle": 150.0},
        100.0,
        ("spin_echo", 5000, None),
    ),
    "Philips T1TFE": (
        PHILIPS
        | {"PulseSequenceName": "T1TFE", "EchoPulseSequence": "GRADIENT", "MRAcquisitionType": "3D"}
        | {"InversionRecovery": "YES", "InversionTimes": [900.0], "Spoiling": "RF"}
        | {"RepetitionTime": 6.5, "FlipAngle": 9.0},
        2.93,
        ("mprage", None, 900),
    ),
    "Philips FLAIR": (
        PHILIPS
        | {"PulseSequenceName": "TSE", "EchoPulseSequence": "SPIN", "InversionRecovery": "YES"}
        | {"InversionTimes": [2800.0], "RepetitionTime": 11000.0, "FlipAngle": 90.0},
        125.0,
        ("inversion_recovery", 11000, 2800),
    ),
    "GE SPGR": (
        GE
        | {"EchoPulseSequence": "GRADIENT", "Spoiling": "RF_AND_GRADIENT"}
        | {"RepetitionTime": 8.2, "FlipAngle": 12.0},
        3.2,
        ("spoiled_gradient_echo", 8.2, None),
    ),
    "Canon FLAIR": (
        CANON
        | {"PulseSequenceName": "FSE2D", "EchoPulseSequence": "SPIN", "InversionRecovery": "YES"}
        | {"InversionTimes": [2500.0], "RepetitionTime": 10000.0, "FlipAngle": 90.0},
        105.0,
        ("inversion_recovery", 10000, 2500),
    ),
    "UIH FSE": (
        UIH
        | {
            "PulseSequenceName": "fse",
            "EchoPulseSequence": "SPIN",
            "RepetitionTime": 4200.0,
            "FlipAngle": 90.0,
        },
        96.0,
        ("spin_echo", 4200, None),
    ),
}


@pytest.mark.parametrize("name", ENHANCED)
def test_enhanced_multi_frame(name: str, tmp_path: Path) -> None:
    tags, echo_ms, (family, repetition_ms, inversion_ms) = ENHANCED[name]
    acquisition = read_acquisition(save(enhanced((echo_ms,) * 3, **tags), tmp_path / "1.dcm")).acquisition
    assert (acquisition.family, acquisition.echo_time_ms) == (family, echo_ms)
    assert (acquisition.repetition_time_ms, acquisition.inversion_time_ms) == (repetition_ms, inversion_ms)
    assert acquisition.flip_angle_deg == tags["FlipAngle"]
