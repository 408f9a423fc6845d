"""``mrstyle synthesize`` as a user sees it: what is written, what is said, and where every value came from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import synthesis_fixtures
from cli_fixtures import Run, contents
from synthesis_fixtures import scan, write_scan

from mrstyle.acquisition import Acquisition
from mrstyle.encoding import Encoding
from mrstyle.history import read_history
from mrstyle.presets import preset_acquisition
from mrstyle.volume import read_volume, write_volume

patient, relaxometry, crl = (
    synthesis_fixtures.patient,
    synthesis_fixtures.relaxometry,
    synthesis_fixtures.crl,
)
Command = Callable[..., Run]


def test_times_make_an_image_that_says_how_it_would_have_been_taken(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    output = patient / "flair.nii.gz"
    times = ["--tr", 9000, "--te", 120, "--ti", 2500]
    run = mrstyle("synthesize", patient / "t1.nii.gz", "-o", output, *times, "--model", relaxometry)
    assert run.code == 0, run.err
    assert f"Wrote {output}" in run.out
    assert "Target: inversion recovery, TR 9000 ms, TE 120 ms, TI 2500 ms, 3 T" in run.err
    source = "MPRAGE (sidecar), TR 2300 ms (sidecar), TE 3 ms (sidecar), TI 900 ms (sidecar), flip angle 9 deg (sidecar)"
    assert f"Source t1.nii.gz: {source}" in run.err
    image = read_volume(output)
    assert image.has_grid_of(scan("MPRAGE"))
    wanted = Acquisition("inversion_recovery", 9000, 120, 2500, field_strength_t=3.0)
    assert image.acquisition == wanted
    sidecar = json.loads((patient / "flair.json").read_text())
    assert "no scanner" in sidecar["Description"]
    assert (sidecar["RepetitionTime"], sidecar["EchoTime"], sidecar["InversionTime"]) == (9.0, 0.12, 2.5)
    history = read_history(output)
    assert history is not None
    assert history.target == {"kind": "acquisition", **wanted.as_dict()}
    assert history.content["origins"]["echo_time_ms"] == "sidecar"
    (patient / "flair.json").rename(patient / "moved.json")
    assert read_history(output) == history
    assert {key: sidecar[key] for key in history.to_dict()} == history.to_dict()


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ([], "spin echo"),
        (["--ti", 900], "inversion recovery"),
        (["--flip", 20], "spoiled gradient echo"),
        (["--ti", 900, "--flip", 9], "MPRAGE"),
        (["--flip", 40, "--family", "bssfp"], "balanced SSFP"),
    ],
)
def test_the_family_follows_from_what_is_given_and_is_said(
    mrstyle: Command, patient: Path, relaxometry: Path, options: list[object], family: str
) -> None:
    files = [patient / "t1.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle("synthesize", *files, "--tr", 2000, "--te", 15, *options)
    assert run.code == 0, run.err
    assert f"Target: {family}, TR 2000 ms, TE 15 ms" in run.err


@pytest.mark.parametrize("output", ["new", "sub-01_{preset}.nrrd"])
def test_several_presets_in_one_call_share_one_encoding(
    mrstyle: Command, patient: Path, relaxometry: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    from mrstyle.methods.relaxometry import Relaxometry

    seen: list[Acquisition] = []
    encode = Relaxometry.encode
    monkeypatch.setattr(
        Relaxometry, "encode", lambda self, x, source: (seen.append(source), encode(self, x, source))[1]
    )
    files = ["synthesize", patient / "t1.nii.gz", "--model", relaxometry]
    assert mrstyle(*files, "-o", patient / "one.nii.gz", "--preset", "FLAIR").code == 0
    once = len(seen)
    run = mrstyle(*files, "-o", patient / output, "--preset", "flair", "--preset", "T2w", "--json")
    assert run.code == 0, run.err
    assert len(seen) == 2 * once
    answer = json.loads(run.out)
    paths = {each["preset"]: Path(each["output"]) for each in answer["outputs"]}
    names = {"T2w", "FLAIR"}
    if output == "new":
        assert paths == {name: patient / "new" / f"{name}.nii.gz" for name in names}
    else:
        assert paths == {name: patient / f"sub-01_{name}.nrrd" for name in names}
    flair = read_volume(paths["FLAIR"])
    assert flair.acquisition == preset_acquisition("FLAIR")
    np.testing.assert_array_equal(flair.array, read_volume(patient / "one.nii.gz").array)
    assert not np.allclose(flair.array, read_volume(paths["T2w"]).array, rtol=0.05)


def test_times_change_the_one_preset(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    files = ["synthesize", patient / "t1.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle(*files, "--preset", "FLAIR", "--ti", 2200, "--field", 1.5)
    assert run.code == 0, run.err
    acquisition = read_volume(patient / "o.nii.gz").acquisition
    assert acquisition is not None
    usual = preset_acquisition("FLAIR", 1.5)
    assert (acquisition.inversion_time_ms, acquisition.echo_time_ms) == (2200, usual.echo_time_ms)
    assert acquisition.field_strength_t == 1.5


def test_a_target_equal_to_the_source_gives_the_source_back(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    """Units are milliseconds all the way: only then does the signal equation return what it was given."""
    files = ["synthesize", patient / "t2.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    assert mrstyle(*files, "--preset", "T2w").code == 0
    source, again = read_volume(patient / "t2.nii.gz").array, read_volume(patient / "o.nii.gz").array
    inside = source > 0.3 * source.max()
    assert np.corrcoef(source[inside], again[inside])[0, 1] > 0.9


def test_all_that_can_be_asked_for_is_written_and_listed(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    truth = write_scan(patient, "FLAIR", "truth")
    options = ["--maps", patient / "maps", "--encoding", patient / "t1.npz", "--reference", truth]
    run = mrstyle(
        "synthesize", patient / "t1.nii.gz", patient / "t2.nii.gz", "-o", patient / "o.nii.gz",
        "--preset", "FLAIR", "--model", relaxometry, *options, "--json",
    )  # fmt: skip
    assert run.code == 0, run.err
    answer = json.loads(run.out)
    (made,) = answer["outputs"]
    image = read_volume(made["output"])
    assert {"effective_pd", "effective_t1_ms", "effective_t2_ms"} < answer["maps"].keys()
    assert all(read_volume(path).has_grid_of(image) for path in answer["maps"].values())
    t1_ms = read_volume(answer["maps"]["effective_t1_ms"]).array
    assert 100 < t1_ms[t1_ms > 0].mean() < 6000
    sidecar = json.loads((patient / "maps" / "effective_t1_ms.json").read_text())
    assert sidecar["Units"] == "ms"
    assert "not quantitative" in sidecar["Description"]
    assert read_history(answer["maps"]["effective_t1_ms"]) is not None
    assert Path(made["uncertainty"]) == patient / "maps" / "o_uncertainty.nii.gz"
    spread = read_volume(made["uncertainty"])
    assert spread.array.min() >= 0 and spread.acquisition is None
    encoding = Encoding.load(answer["encoding"])
    np.testing.assert_allclose(encoding.render(preset_acquisition("FLAIR")), image.array, rtol=1e-4)
    assert [origins["family"] for origins in encoding.origins] == ["sidecar", "sidecar"]
    assert made["history"]["content"]["others"][0]["origins"]["family"] == "sidecar"
    assert {row["metric"] for row in made["metrics"]} >= {"PSNR", "SSIM"}
    assert read_volume(patient / "maps" / "difference_reference.nii.gz").has_grid_of(image)
    assert [Path(each["volume"]).name for each in answer["sources"]] == ["t1.nii.gz", "t2.nii.gz"]
    assert not [name for name in contents(patient) if "partial" in name]


def test_a_reference_alone_prints_metrics(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    files = ["synthesize", patient / "t1.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle(*files, "--preset", "T2w", "--reference", patient / "t2.nii.gz")
    assert run.code == 0, run.err
    assert "PSNR" in run.out and "reference" in run.out


def test_crl_gives_uncertainty_by_samples(mrstyle: Command, patient: Path, crl: Path) -> None:
    files = [
        "synthesize",
        patient / "t1.nii.gz",
        patient / "t2.nii.gz",
        "-o",
        patient / "o.nrrd",
        "--model",
        crl,
    ]
    run = mrstyle(*files, "--preset", "PDw", "--samples", 2, "--seed", 5, "--json")
    assert run.code == 0, run.err
    (made,) = json.loads(run.out)["outputs"]
    assert Path(made["uncertainty"]) == patient / "o_uncertainty.nrrd"
    assert read_volume(made["uncertainty"]).array.max() > 0
    assert (made["history"]["seed"], made["history"]["samples"]) == (5, 2)


# How the sources were taken


def test_what_is_unknown_is_estimated_and_said(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    files = ["synthesize", patient / "unknown.nii.gz", "-o", patient / "o.nii.gz", "--preset", "PDw"]
    run = mrstyle(*files, "--model", relaxometry, "--json")
    assert run.code == 0, run.err
    assert "estimated as usual" in run.err and "estimated" in run.err
    answer = json.loads(run.out)
    (source,) = answer["sources"]
    assert set(source["origins"].values()) == {"estimated"}
    assert source["acquisition"]["echo_time_ms"] > 0
    assert any("estimated as usual" in note for note in answer["notes"])
    history = read_history(patient / "o.nii.gz")
    assert history is not None
    assert history.content["origins"] == source["origins"]
    assert history.content["acquisition"] == source["acquisition"]


def test_what_the_user_says_counts_more_than_the_file(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    files = [
        patient / "t1.nii.gz",
        patient / "unknown.nii.gz",
        "-o",
        patient / "o.nii.gz",
        "--model",
        relaxometry,
    ]
    said = [
        "--source-te",
        4,
        "--source-te",
        95,
        "--source-tr",
        2200,
        "--source-tr",
        6000,
        "--source-field",
        1.5,
    ]
    run = mrstyle("synthesize", *files, "--preset", "PDw", *said, "--json")
    assert run.code == 0, run.err
    first, second = json.loads(run.out)["sources"]
    assert (first["acquisition"]["family"], first["acquisition"]["inversion_time_ms"]) == ("mprage", 900)
    assert (first["acquisition"]["echo_time_ms"], second["acquisition"]["echo_time_ms"]) == (4, 95)
    origins = first["origins"]
    assert (origins["echo_time_ms"], origins["inversion_time_ms"]) == ("entered", "sidecar")
    assert second["acquisition"]["family"] == "spin_echo"
    assert set(second["origins"].values()) == {"entered"}
    assert "estimated as usual" not in run.err


def test_a_source_preset_is_named_as_the_origin(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    files = ["synthesize", patient / "unknown.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle(*files, "--preset", "PDw", "--source-preset", "t2W", "--source-te", 90, "--json")
    assert run.code == 0, run.err
    (source,) = json.loads(run.out)["sources"]
    assert source["acquisition"]["repetition_time_ms"] == preset_acquisition("T2w").repetition_time_ms
    assert source["origins"] == {
        "family": "preset",
        "repetition_time_ms": "preset",
        "echo_time_ms": "entered",
        "field_strength_t": "preset",
    }


def test_a_family_that_is_said_drops_what_it_does_not_have(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    files = ["synthesize", patient / "t1.nii.gz", "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle(*files, "--preset", "T2w", "--source-family", "spoiled_gradient_echo", "--json")
    assert run.code == 0, run.err
    (source,) = json.loads(run.out)["sources"]
    assert source["acquisition"]["inversion_time_ms"] is None
    assert source["origins"]["family"] == "entered"


def test_warnings_do_not_stop_the_work(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    other = write_scan(patient, "T2w", "other", shift=0.9)
    files = [patient / "t1.nii.gz", other, "-o", patient / "o.nii.gz", "--model", relaxometry]
    run = mrstyle("synthesize", *files, "--tr", 2000, "--te", 700, "--json")
    assert run.code == 0, run.err
    notes = " ".join(json.loads(run.out)["notes"])
    for words in ("echo time 700 ms is outside of what the model saw", "one patient"):
        assert words in notes
        assert run.err.count(words) == 1
    assert read_volume(patient / "o.nii.gz").array.max() >= 0


def test_names_of_different_patients_are_doubted(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    scans = [write_scan(patient, "MPRAGE", "sub-01_T1w"), write_scan(patient, "T2w", "sub-02_T2w")]
    run = mrstyle("synthesize", *scans, "-o", patient / "o.nii.gz", "--preset", "PDw", "--model", relaxometry)
    assert run.code == 0, run.err
    assert "different BIDS subjects" in run.err
    run = mrstyle(
        "synthesize",
        scans[0],
        scans[0],
        "-o",
        patient / "o.nii.gz",
        "--preset",
        "PDw",
        "--model",
        relaxometry,
    )
    assert "different" not in run.err


def test_an_image_that_was_synthesized_is_a_source_with_known_parameters(
    mrstyle: Command, patient: Path, relaxometry: Path
) -> None:
    first = patient / "pd.nii.gz"
    model = ["--model", relaxometry, "--no-estimate"]
    assert mrstyle("synthesize", patient / "t1.nii.gz", "-o", first, "--preset", "PDw", *model).code == 0
    run = mrstyle("synthesize", first, "-o", patient / "o.nii.gz", "--preset", "T2w", *model)
    assert run.code == 0, run.err
    assert "TE 10 ms (sidecar)" in run.err


def test_a_transfer_keeps_its_plain_sidecar(mrstyle: Command, patient: Path) -> None:
    files = [patient / "t1.nii.gz", patient / "t2.nii.gz", "-o", patient / "o.nii.gz", "--model", "nyul"]
    assert mrstyle("transfer", *files).code == 0
    assert not [key for key in json.loads((patient / "o.json").read_text()) if key[:1].isupper()]


def test_another_format_keeps_the_grid(mrstyle: Command, patient: Path, relaxometry: Path) -> None:
    write_volume(scan("MPRAGE"), patient / "t1.mgz")
    (patient / "t1.nii.gz").unlink()
    files = ["synthesize", patient / "t1.mgz", "-o", patient / "o.mha", "--model", relaxometry]
    run = mrstyle(*files, "--preset", "T2w", "--no-estimate")
    assert run.code == 0, run.err
    assert read_volume(patient / "o.mha").has_grid_of(read_volume(patient / "t1.mgz"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupting_leaves_nothing_behind(patient: Path, crl: Path) -> None:
    before = contents(patient)
    files = [patient / "t1.nii.gz", "-o", patient / "new", "--preset", "T2w", "--preset", "PDw"]
    options = ["--model", crl, "--samples", 5000]
    command = [sys.executable, "-m", "mrstyle", "synthesize", *files, *options]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None
    try:
        assert any(line.startswith("Device:") for line in process.stderr)  # it is at work now
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 3
    assert err.splitlines()[-1] == "mrstyle: Canceled; nothing was written."
    assert contents(patient) == before
