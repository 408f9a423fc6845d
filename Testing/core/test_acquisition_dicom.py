"""What is read from DICOM headers besides the vendors' sequences: many images, oddities, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from acquisition_fixtures import GE, SIEMENS, dataset, enhanced, kind, save, times
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement

from mrstyle.acquisition import missing
from mrstyle.acquisition_origin import read_acquisition
from mrstyle.errors import InputError
from mrstyle.volume import read_volume


def test_tags_of_files_that_were_converted_to_enhanced(tmp_path: Path) -> None:
    inner = dataset(**SIEMENS, **kind("SE", "SK"), **times(5000, 100))
    header = dataset(
        SharedFunctionalGroupsSequence=[dataset(UnassignedSharedConvertedAttributesSequence=[inner])],
        PerFrameFunctionalGroupsSequence=[dataset(), dataset()],
    )
    acquisition = read_acquisition(save(header, tmp_path / "1.dcm")).acquisition
    assert (acquisition.family, acquisition.repetition_time_ms, acquisition.echo_time_ms) == (
        "spin_echo",
        5000,
        100,
    )


def test_several_echoes_in_a_folder_and_in_a_file(tmp_path: Path) -> None:
    for echo_ms in (20, 90):
        save(dataset(**SIEMENS, **kind("SE", "SK"), **times(3000, echo_ms)), tmp_path / f"{echo_ms}.dcm")
    folder = read_acquisition(tmp_path)
    file = read_acquisition(
        save(
            enhanced((20.0, 90.0), **SIEMENS, EchoPulseSequence="SPIN", RepetitionTime=3000.0),
            tmp_path / "90.dcm",
        )
    )
    for reading in (folder, file):
        assert reading.acquisition.family == "spin_echo" and reading.acquisition.repetition_time_ms == 3000
        assert reading.acquisition.echo_time_ms is None
        assert "2 echo times (20, 90 ms)" in reading.notes[0]
    assert read_acquisition(tmp_path / "20.dcm").acquisition.echo_time_ms == 20


def test_repetitions_that_follow_the_heart_agree(tmp_path: Path) -> None:
    for number, tr in enumerate((3.349, 3.351, 3.347)):
        save(
            dataset(**GE, **kind("GR", "SS", ge_name="fiesta"), **times(tr, 1.5, flip=45)),
            tmp_path / f"{number}.dcm",
        )
    assert read_acquisition(tmp_path).acquisition.repetition_time_ms == pytest.approx(3.349)


def test_what_the_signal_equation_leaves_out_is_told(tmp_path: Path) -> None:
    tags = SIEMENS | kind("GR", "SP\\MTC") | times(30, 5, flip=15) | {"ImageType": "ORIGINAL\\PRIMARY\\P\\ND"}
    reading = read_acquisition(save(dataset(**tags), tmp_path / "1.dcm"))
    assert reading.acquisition.family == "spoiled_gradient_echo"
    assert [note.split(",")[0] for note in reading.notes] == [
        "A magnetization-transfer pulse was on",
        "By its image type it is no magnitude image",
    ]


def test_seconds_in_a_header_are_offered_as_milliseconds(tmp_path: Path) -> None:
    reading = read_acquisition(save(dataset(**SIEMENS, **kind("SE"), **times(2.5, 0.09)), tmp_path / "1.dcm"))
    assert missing(reading.acquisition) == ("repetition_time_ms", "echo_time_ms")
    assert any(
        "repetition time 2.5 ms in the file looks like seconds; enter 2500." in note for note in reading.notes
    )
    assert any(
        "echo time 0.09 ms in the file looks like seconds; enter 90." in note for note in reading.notes
    )


def test_a_late_echo_is_told(tmp_path: Path) -> None:
    reading = read_acquisition(
        save(dataset(**SIEMENS, **kind("GR", "SP"), **times(20, 30)), tmp_path / "1.dcm")
    )
    assert reading.acquisition.family is None
    assert "30 ms is not shorter than the repetition time 20 ms" in reading.notes[0]


def raw(keyword: str, text: str) -> DataElement:
    """An element that is written as it is, even where its value is not what the standard asks for."""
    kind_of_value = "UT" if text == "many" else dictionary_VR(keyword)
    return DataElement(tag_for_keyword(keyword) or 0, kind_of_value, text)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"RepetitionTime": "-5"}, "repetition time -5 ms is not between"),
        ({"ScanningSequence": "RM", "EchoTime": "0.003"}, "looks like seconds, which are 3 ms"),
        ({"InversionTime": "many"}, "not a number"),
        ({"Modality": "CT"}, "modality CT, not MR"),
        ({"Modality": "PT"}, "modality PT, not MR"),
    ],
)
def test_unusable_headers_are_refused(tags: dict[str, str], words: str, tmp_path: Path) -> None:
    header = dataset(**SIEMENS, **kind("SE"))
    for keyword, value in tags.items():
        header[keyword] = raw(keyword, value)
    path = save(header, tmp_path / "scan.dcm")
    with pytest.raises(InputError, match=words) as caught:
        read_acquisition(path)
    assert str(path) in str(caught.value)


def test_other_modalities_are_no_volumes_either(tmp_path: Path) -> None:
    path = save(dataset(Modality="CT", KVP="120"), tmp_path / "scan.dcm")
    for place in (path, tmp_path):
        with pytest.raises(
            InputError, match=r"scan\.dcm is an image of modality CT, not MR; choose an MR series"
        ):
            read_volume(place)


def test_other_series_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_acquisition(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match="holds no DICOM images"):
        read_acquisition(tmp_path)
    for name in ("1", "2"):
        tags = {"SeriesInstanceUID": f"1.2.{name}", "SeriesDescription": f"scan{name}"}
        save(dataset(**tags, **kind("SE")), tmp_path / f"{name}.dcm")
    with pytest.raises(InputError, match=r"2 DICOM series.*scan1.*scan2"):
        read_acquisition(tmp_path)


def test_a_real_cine_is_balanced_or_spoiled(shared_data: Path) -> None:
    reading = read_acquisition(shared_data / "body" / "cardiac_cine_sunnybrook" / "SC-HF-I-1" / "dicom_ED")
    assert (reading.acquisition.repetition_time_ms, reading.acquisition.flip_angle_deg) == (3.349, 45)
    assert "spoiled or balanced" in reading.notes[0]
