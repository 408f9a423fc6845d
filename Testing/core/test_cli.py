"""The commands as a user meets them: files, exit codes and what stands on the terminal."""

from __future__ import annotations

import json
import locale
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from cli_fixtures import CONTENT, STYLE, Run, assert_refused, contents

from mrstyle.volume import Volume, read_volume, to_sitk, write_volume

Start = Callable[..., "subprocess.Popen[str]"]


def write_dicom(volume: Volume, folder: Path) -> None:
    """The volume as a series of single-frame files."""
    image = sitk.Cast(to_sitk(volume), sitk.sitkInt16)
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    direction = image.GetDirection()
    orientation = [direction[index] for index in (0, 3, 6, 1, 4, 7)]
    for k in range(image.GetSize()[2]):
        plane = image[:, :, k]
        position = image.TransformIndexToPhysicalPoint((0, 0, k))
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"1.2.826.0.1.3680043.8.498.1.{k + 1}",
            "0008|0060": "MR",
            "0020|000d": "1.2.826.0.1.3680043.8.498.2",
            "0020|000e": "1.2.826.0.1.3680043.8.498.3",
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{value:.6f}" for value in position),
            "0020|0037": "\\".join(f"{value:.8f}" for value in orientation),
        }
        for tag, value in tags.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{k:03}.dcm"))
        writer.Execute(plane)
    # GDCM has set it to C, in which Python takes text files for ASCII: torch.compile then cannot read its own.
    locale.setlocale(locale.LC_ALL, "")


@pytest.mark.parametrize("name", ["in.nii.gz", "in.nii", "in.nrrd", "in.mha", "in.mgz", "dicom"])
def test_transfer_keeps_the_grid_of_every_format(
    mrstyle: Callable[..., Run], folder: Path, name: str
) -> None:
    source = folder / name
    if name == "dicom":
        write_dicom(CONTENT, source)
    else:
        write_volume(CONTENT, source)
    suffix = name.removeprefix("in") if name != "dicom" else ".nii.gz"
    output = folder / f"out{suffix}"
    run = mrstyle("transfer", source, folder / "style.nii.gz", "-o", output, "--model", "histogram-matching")
    assert run.code == 0, run.err
    image, content = read_volume(output), read_volume(source)
    assert image.shape == CONTENT.shape
    np.testing.assert_allclose(image.affine, content.affine, atol=1e-4)
    np.testing.assert_allclose(image.affine, CONTENT.affine, atol=1e-3)
    brightness, wanted = (np.percentile(v.array[v.array > 100], [5, 50, 95]) for v in (image, STYLE))
    np.testing.assert_allclose(brightness, wanted, rtol=0.1)
    assert json.loads((folder / "out.json").read_text())["model_id"] == "histogram-matching"
    if suffix != ".mgz":
        (folder / "out.json").unlink()
    history = json.loads(mrstyle("evaluate", output, "--json").out)["history"]
    assert history["model_id"] == "histogram-matching"


def test_transfer_by_a_network_writes_all_that_was_asked_for(
    mrstyle: Callable[..., Run], folder: Path, network: Path
) -> None:
    options = ["--samples", 2, "--maps", folder / "new" / "maps", "--report", folder / "r.html", "--json"]
    output = folder / "out.nrrd"
    run = mrstyle(
        "transfer",
        folder / "content.nii.gz",
        folder / "style.nii.gz",
        "-o",
        output,
        "--model",
        network,
        *options,
    )
    assert run.code == 0, run.err
    answer = json.loads(run.out)
    uncertainty = read_volume(answer["uncertainty"])
    assert Path(answer["uncertainty"]) == folder / "out_uncertainty.nrrd"
    assert uncertainty.has_grid_of(CONTENT)
    assert uncertainty.array.min() >= 0
    assert {"cw_ssim_content", "cw_ssim_style", "difference_content"} <= answer["maps"].keys()
    assert all(read_volume(path).has_grid_of(CONTENT) for path in answer["maps"].values())
    assert answer["history"] == json.loads((folder / "out.json").read_text())
    assert answer["history"] == json.loads((folder / "new" / "maps" / "metrics.json").read_text())["history"]
    assert {row["against"] for row in answer["metrics"]} >= {"content", "style"}
    assert all(row["data_range"] and row["mask"] for row in answer["metrics"])
    assert answer["seconds"] > 0
    assert (folder / "r.html").is_file()
    assert not [name for name in contents(folder) if "partial" in name]


def test_transfer_without_uncertainty_says_so(mrstyle: Callable[..., Run], folder: Path) -> None:
    files = [folder / "content.nii.gz", folder / "style.nii.gz", "-o", folder / "out.nii.gz"]
    run = mrstyle("transfer", *files, "--model", "nyul", "--samples", 3)
    assert run.code == 0
    assert "no uncertainty" in run.err
    assert not (folder / "out_uncertainty.nii.gz").exists()


def test_evaluate_prints_what_it_measured_and_against_what(mrstyle: Callable[..., Run], folder: Path) -> None:
    truth = CONTENT.with_array(CONTENT.array * 2)
    write_volume(truth, folder / "truth.nii.gz")
    noise = np.random.default_rng(2).normal(0, 30, CONTENT.shape)
    write_volume(CONTENT.with_array(CONTENT.array + noise), folder / "generated.nii.gz")
    known = ["--reference", folder / "truth.nii.gz", "--content", folder / "content.nii.gz"]
    table = mrstyle("evaluate", folder / "generated.nii.gz", *known, "--maps", folder / "maps")
    assert table.code == 0, table.err
    for word in ("PSNR", "dB", "MS-SSIM", "NMI", "CW-SSIM content", "blur", "reference", "mask: foreground"):
        assert word in table.out
    assert read_volume(folder / "maps" / "ssim_reference.nii.gz").has_grid_of(CONTENT)
    answer = json.loads(mrstyle("evaluate", folder / "generated.nii.gz", *known, "--json").out)
    psnr = next(row for row in answer["metrics"] if row["metric"] == "PSNR")
    assert f"{psnr['value']:.2f}" in table.out
    assert 15 < psnr["value"] < 45


def test_a_mask_may_be_1_everywhere_but_not_0(mrstyle: Callable[..., Run], folder: Path) -> None:
    for value in (0, 1):
        write_volume(CONTENT.with_array(np.full(CONTENT.shape, value)), folder / f"all{value}.nii.gz")
    arguments = ["evaluate", folder / "content.nii.gz", "--json", "--mask"]
    whole = mrstyle(*arguments, folder / "all1.nii.gz")
    assert whole.code == 0, whole.err
    assert {row["mask"] for row in json.loads(whole.out)["metrics"]} == {"all1"}
    assert_refused(mrstyle(*arguments, folder / "all0.nii.gz"), "all0.nii.gz", "empty")


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["models", "--json"]])
def test_listing_does_not_wait_for_torch(start: Start, arguments: list[str]) -> None:
    code = f"""
import sys
from mrstyle.cli import main
try:
    main({arguments!r})
finally:
    assert not sys.modules.keys() & {{"torch", "SimpleITK", "scipy"}}
"""
    process = start("-c", code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "transfer" in out or "brain-reference" in out


def test_models_lists_good_and_refused_packages(
    mrstyle: Callable[..., Run], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = network.parent / "broken"
    broken.mkdir(exist_ok=True)
    (broken / "model.json").write_text("[]")
    monkeypatch.setenv("MRSTYLE_MODELS", str(network.parent))
    text = mrstyle("models")
    assert text.code == 0
    for word in ("histogram-matching", "nyul", "white-stripe", "tiny", "Apache-2.0", "refused", "broken"):
        assert word in text.out
    models = {model["folder"]: model for model in json.loads(mrstyle("models", "--json").out)["models"]}
    assert models[str(network)]["card"]["id"] == "tiny"
    assert models[str(network)]["origin"] == "user"
    assert models[str(broken)]["problem"]
    (bundled,) = (model for model in models.values() if model["folder"].endswith("brain-reference"))
    assert bundled["head_1mm_seconds"]["cpu"] > 0
    assert "on cpu for a head at 1 mm" in text.out


@pytest.mark.parametrize("model", ["histogram-matching", "nyul", "white-stripe"])
def test_bundled_weightless_models_pass_their_check(mrstyle: Callable[..., Run], model: str) -> None:
    from mrstyle.models.catalogue import bundled_models_folder

    run = mrstyle("models", "check", bundled_models_folder() / model)
    assert run.code == 0
    assert "no weights" in run.out


def test_phantom_writes_an_image_that_says_how_it_was_taken(
    mrstyle: Callable[..., Run], tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "phantom"
    run = mrstyle("phantom", "-o", folder, "--contrast", "FLAIR", "--spacing", 2, "--seed", 3, "--labels")
    assert run.code == 0, run.err
    image = read_volume(folder / "sub-03_FLAIR.nii.gz")
    assert image.spacing_mm == pytest.approx((2, 2, 2))
    assert image.acquisition is not None
    assert image.acquisition.family == "inversion_recovery"
    assert image.acquisition.inversion_time_ms == 2500
    labels = read_volume(folder / "sub-03_dseg.nii.gz")
    assert labels.has_grid_of(image)
    rows = (line.split("\t") for line in (folder / "sub-03_dseg.tsv").read_text().splitlines()[1:])
    named = {name: int(value) for value, name in rows}
    assert image.array[labels.array == named["white_matter"]].mean() > 100


BUSY = """
import hashlib
from mrstyle.cli_interrupt import hard_stop, interruptible

with interruptible(), hard_stop(lambda: print("cleaned up", flush=True)):
    print("busy", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000_000)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python with arguments as a process, which does not outlive the test."""
    processes = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_nothing_behind(
    start: Start, folder: Path, network: Path, stop: signal.Signals
) -> None:
    before = contents(folder)
    files = [folder / "content.nii.gz", folder / "style.nii.gz", "-o", folder / "out.nii.gz"]
    process = start(
        "-m", "mrstyle", "transfer", *files, "--model", network, "--samples", 5000, "--maps", folder / "maps"
    )
    assert process.stderr is not None
    assert any(line.startswith("Device:") for line in process.stderr)  # it is translating now
    time.sleep(0.3)
    process.send_signal(stop)
    out, err = process.communicate(timeout=30)  # much less than what it was busy with
    assert process.returncode == 3
    assert out == ""
    assert err.splitlines()[-1] == "mrstyle: Canceled; nothing was written."
    assert "Traceback" not in err
    assert contents(folder) == before


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupting_does_not_wait_for_a_library(start: Start) -> None:
    process = start("-c", BUSY)
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.5)  # until it is inside the library
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)  # much less than what it was busy with
    assert process.returncode == 3
    assert out == "cleaned up\n"
    assert "Traceback" not in err


def test_infer_runs_a_job_and_speaks_json_lines(start: Start, folder: Path) -> None:
    case = {name: str(folder / f"{name}.nii.gz") for name in ("content", "style", "output")}
    (folder / "job").write_text(json.dumps({"model": "nyul", "cases": [case]}))
    process = start("-m", "mrstyle", "infer", "--job", folder / "job")
    assert process.stdout is not None
    lines = [json.loads(line) for line in process.stdout]
    assert process.wait(timeout=60) == 0
    assert lines[0]["type"] == "hello"
    assert lines[-1]["type"] == "result"
    assert read_volume(folder / "output.nii.gz").has_grid_of(CONTENT)
