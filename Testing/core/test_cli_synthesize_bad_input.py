"""Bad input to ``mrstyle synthesize``: one clear sentence with what to do, exit code 2, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthesis_fixtures
from cli_fixtures import Run, assert_refused, contents
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from synthesis_fixtures import save_model, scan, write_scan

from mrstyle.volume import write_volume

patient, relaxometry, crl = (
    synthesis_fixtures.patient,
    synthesis_fixtures.relaxometry,
    synthesis_fixtures.crl,
)
Command = Callable[..., Run]


@pytest.fixture
def refused(
    mrstyle: Command, patient: Path, relaxometry: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs the command on t1.nii.gz and makes sure that it says the words, works on nothing and writes nothing."""

    def run(words: list[str], *arguments: object) -> None:
        before = contents(patient)
        defaults = ["-o", "o.nii.gz", "--model", relaxometry]  # what is given again counts
        assert_refused(mrstyle("synthesize", *defaults, *arguments), *words)
        assert contents(patient) == before

    monkeypatch.chdir(patient)
    return run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--tr and --te", "--preset"]),
        (["--te", 100], ["lacks --tr"]),
        (["--tr", 5000, "--te", -100], ["echo time -100 ms is not above zero"]),
        (["--tr", 0, "--te", 100], ["repetition time 0 ms is not above zero"]),
        (["--tr", "nan", "--te", 100], ["repetition time nan"]),
        (["--tr", 5, "--te", 0.1], ["looks like seconds", "5000"]),
        (["--tr", 9000, "--te", 120, "--ti", 2.5], ["looks like seconds", "2500"]),
        (["--tr", 100, "--te", 120], ["echo time 120 ms is not shorter than the repetition time 100 ms"]),
        (["--tr", 5000, "--te", 100, "--ti", 900, "--family", "spin_echo"], ["inversion time 900 ms", "spin_echo"]),
        (["--tr", 5000, "--te", 100, "--family", "inversion_recovery"], ["needs the inversion time"]),
        (["--tr", 8, "--te", 3, "--family", "spoiled_gradient_echo"], ["needs the flip angle"]),
        (["--preset", "T9w"], ["no preset 'T9w'", "T2w", "FLAIR"]),
        (["--preset", "T2w", "--ti", 900], ["inversion time 900 ms"]),
        (["--preset", "T2w", "--field", 0], ["field strength 0"]),
        (["--preset", "T2w", "--preset", "PDw"], ["one file", "{preset}"]),
        (["--preset", "T2w", "--preset", "PDw", "--te", 90, "-o", "new"], ["one --preset"]),
        (["--preset", "T2w", "--preset", "PDw", "--reference", "t2.nii.gz", "-o", "new"], ["one --preset"]),
        (["--preset", "PDw", "--source-te", 0], ["t1.nii.gz", "echo time 0 ms is not above zero"]),
        (["--preset", "PDw", "--source-tr", 2.3], ["t1.nii.gz", "looks like seconds", "2300"]),
        (["--preset", "PDw", "--source-ti", 2400], ["t1.nii.gz", "inversion time 2400 ms is not shorter"]),
        (["--preset", "PDw", "--source-preset", "T9w"], ["no preset 'T9w'"]),
        (["--preset", "PDw", "--source-te", 3, "--source-te", 4], ["--source-te was given 2 times for 1 scans"]),
        (["--preset", "PDw", "-o", "nowhere/o.nii.gz"], ["nowhere", "create it first"]),
        (["--preset", "PDw", "-o", "t1.nii.gz"], ["replace an input"]),
        (["--preset", "PDw", "-o", "t1.mha"], ["replace an input"]),
        (["--preset", "PDw", "-o", "o.png"], ["o.png"]),
        (["--preset", "PDw", "--encoding", "o.npy"], [".npz"]),
        (["--preset", "PDw", "--maps", "t1.nii.gz"], ["it is a file; name a folder"]),
        (["--preset", "PDw", "--reference", "nothing.nii.gz"], ["nothing.nii.gz does not exist"]),
        (["--preset", "PDw", "--model", "brain-reference"], ["brain-reference", "contrast-relaxometry"]),
        (["--preset", "PDw", "--model", "nonesuch"], ["no model 'nonesuch'"]),
        (["--preset", "PDw", "--device", "cuda"], ["cuda"]),
    ],
)  # fmt: skip
def test_options_that_cannot_be_followed(
    refused: Callable[..., None], options: list[Any], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cuda" in options:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refused(words, "t1.nii.gz", *options)


def test_an_unknown_parameter_is_named_with_its_option(refused: Callable[..., None], patient: Path) -> None:
    (patient / "unknown.json").write_text(json.dumps({"ScanningSequence": "SE", "RepetitionTime": 5.0}))
    words = ["unknown.nii.gz", "the echo time is not known", "--source-te"]
    refused(words, "unknown.nii.gz", "--preset", "PDw", "--no-estimate")


def test_nothing_known_names_all_options(refused: Callable[..., None]) -> None:
    words = ["--source-family", "--source-tr", "--source-te"]
    refused(words, "unknown.nii.gz", "--preset", "PDw", "--no-estimate")


def test_a_model_that_cannot_estimate_says_so(
    refused: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = synthesis_fixtures.CONFIGS["crl"] | {"estimates": False}
    monkeypatch.setitem(synthesis_fixtures.CONFIGS, "crl", config)
    model = save_model(tmp_path / "blind", "crl")
    words = ["cannot tell sequences from images", "unknown"]
    refused(words, "unknown.nii.gz", "--preset", "PDw", "--model", model)


@pytest.mark.parametrize("option", ["--maps", "--encoding"])
def test_a_model_without_maps_is_told_apart(refused: Callable[..., None], crl: Path, option: str) -> None:
    words = ["tiny-crl", "no tissue maps", "contrast-relaxometry"]
    refused(words, "t1.nii.gz", "--preset", "PDw", option, "maps.npz", "--model", crl)


def test_scans_on_different_grids(refused: Callable[..., None], patient: Path) -> None:
    write_scan(patient, "T2w", "moved", affine=np.diag([2.0, 2.0, 3.0, 1.0]))
    refused(["moved", "is not on the grid of t1"], "t1.nii.gz", "moved.nii.gz", "--preset", "PDw")
    words = ["moved.nii.gz", "grid of t1.nii.gz"]
    refused(words, "t1.nii.gz", "--preset", "PDw", "--reference", "moved.nii.gz")


def test_an_image_that_is_not_mr(refused: Callable[..., None], patient: Path) -> None:
    (patient / "t1.json").write_text(json.dumps({"Modality": "CT"}))
    refused(["t1.nii.gz", "CT"], "t1.nii.gz", "--preset", "PDw")
    write_ct(patient / "ct")
    refused(["ct", "CT"], "ct", "--preset", "PDw")


def test_a_sidecar_that_cannot_be_read(refused: Callable[..., None], patient: Path) -> None:
    (patient / "t1.json").write_text("{")
    refused(["t1.json", "not readable JSON"], "t1.nii.gz", "--preset", "PDw")


def test_milliseconds_in_a_sidecar(refused: Callable[..., None], patient: Path) -> None:
    (patient / "t1.json").write_text(
        json.dumps({"ScanningSequence": "SE", "RepetitionTime": 600, "EchoTime": 12})
    )
    refused(["t1.json", "seconds"], "t1.nii.gz", "--preset", "PDw")


def test_a_volume_that_is_too_small(refused: Callable[..., None], patient: Path) -> None:
    volume = scan("T2w")
    small = synthesis_fixtures.Volume(volume.array[:, :10, :10], volume.affine, "small", volume.acquisition)
    write_volume(small, patient / "small.nii.gz")
    options = ["--source-preset", "T2w", "--preset", "PDw"]
    refused(["small", "too small", "16 x 16"], "small.nii.gz", *options)


def test_a_missing_scan(refused: Callable[..., None]) -> None:
    refused(["nothing.nii.gz does not exist"], "nothing.nii.gz", "--preset", "PDw")


def write_ct(folder: Path) -> None:
    """Two slices of computed tomography."""
    from pydicom.dataset import Dataset, FileMetaDataset

    folder.mkdir()
    series = generate_uid()
    for index in range(2):
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = CTImageStorage
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        header.Modality, header.SeriesInstanceUID = "CT", series
        header.Rows = header.Columns = 16
        header.ImagePositionPatient, header.ImageOrientationPatient = [0, 0, index], [1, 0, 0, 0, 1, 0]
        header.PixelSpacing = [1, 1]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 0
        header.PixelData = np.arange(256, dtype="<u2").tobytes()
        header.save_as(folder / f"{index}.dcm", enforce_file_format=True)
