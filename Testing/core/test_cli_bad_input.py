"""Bad input to the commands: one clear sentence, exit code 2, and nothing left behind."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from cli_fixtures import CONTENT, TINY, Run, assert_refused, contents, head

from mrstyle.volume import write_volume


def save_nifti(array: np.ndarray, path: Path, sform: np.ndarray | None = None) -> None:
    image = nib.Nifti1Image(array, None)
    image.set_sform(np.eye(4) if sform is None else sform, code=1)
    nib.save(image, path)


def with_value(value: float) -> np.ndarray:
    array = CONTENT.array.T.copy()
    array[3, 4, 5] = value
    return array


def write_truncated(path: Path) -> None:
    write_volume(CONTENT, path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def write_zero_spacing(path: Path) -> None:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 24 24 24\nElementSpacing = 1 0 1\n"
    header += "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    path.write_bytes(header.encode() + bytes(range(24)) * 24 * 24)


SHEARED = np.array([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
BAD_VOLUMES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("bad.nii.gz", lambda path: None),
    "empty": ("bad.nii.gz", lambda path: path.touch()),
    "empty inside": ("bad.nii.gz", lambda path: path.write_bytes(gzip.compress(b""))),
    "truncated": ("bad.nii.gz", write_truncated),
    "truncated nrrd": ("bad.nrrd", write_truncated),
    "foreign content": ("bad.nii.gz", lambda path: path.write_text("Dear radiologist")),
    "foreign content, mha": ("bad.mha", lambda path: path.write_text("Dear radiologist")),
    "foreign format": ("bad.png", lambda path: path.write_bytes(b"\x89PNG\r\n")),
    "folder without DICOM": ("bad", lambda path: path.mkdir()),
    "2D": ("bad.nii.gz", lambda path: save_nifti(np.random.default_rng(0).random((32, 32)), path)),
    "single slice": ("bad.nii.gz", lambda path: save_nifti(with_value(1)[:, :, :1], path)),
    "4D": ("bad.nii.gz", lambda path: save_nifti(np.stack([with_value(1)] * 2, -1), path)),
    "RGB": (
        "bad.mha",
        lambda path: sitk.WriteImage(sitk.Image([24] * 3, sitk.sitkVectorUInt8, 3), str(path)),
    ),
    "NaN": ("bad.nii.gz", lambda path: save_nifti(with_value(np.nan), path)),
    "infinite": ("bad.nii.gz", lambda path: save_nifti(with_value(np.inf), path)),
    "constant": ("bad.nii.gz", lambda path: save_nifti(np.full((24, 24, 24), 7.0, np.float32), path)),
    "zero spacing": ("bad.mha", write_zero_spacing),
    "singular direction": ("bad.nii.gz", lambda path: save_nifti(with_value(1), path, SHEARED)),
    "too small": ("bad.nii.gz", lambda path: write_volume(head((16, 16, 16), np.eye(4)), path)),
}


@pytest.mark.parametrize("fault", BAD_VOLUMES)
@pytest.mark.parametrize("role", ["content", "style"])
def test_bad_volumes_are_refused_in_one_sentence(
    mrstyle: Callable[..., Run], folder: Path, network: Path, fault: str, role: str
) -> None:
    name, write = BAD_VOLUMES[fault]
    bad = folder / name
    write(bad)
    good = folder / ("style.nii.gz" if role == "content" else "content.nii.gz")
    before = contents(folder)
    inputs = (bad, good) if role == "content" else (good, bad)
    run = mrstyle("transfer", *inputs, "-o", folder / "out.nii.gz", "--model", network)
    assert_refused(run, "bad")
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-o", "nowhere/out.nii.gz"),
        ("-o", "out.png"),
        ("-o", "out.nhdr"),
        ("-o", "out"),
        ("-o", "taken.nii.gz"),
        ("-o", "/proc/out.nii.gz"),
        ("-o", "content.nii.gz"),
        ("-o", "style.nii.gz"),
        ("-o", "content.mha"),  # its history would replace the content's sidecar
        ("--report", "nowhere/r.html"),
        ("--report", "r.pdf"),
        ("--maps", "content.nii.gz"),
        ("--maps", "/proc/maps"),
    ],
)
def test_unusable_outputs_are_refused_before_any_work(
    mrstyle: Callable[..., Run],
    folder: Path,
    network: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    value: str,
) -> None:
    monkeypatch.setattr("mrstyle.translate.translate", lambda *_, **__: pytest.fail("it has worked already"))
    (folder / "taken.nii.gz").mkdir()
    content = (folder / "content.nii.gz").read_bytes()
    before = contents(folder)
    options = {"-o": folder / "out.nii.gz", "--model": network} | {option: folder / value}
    arguments = [each for pair in options.items() for each in pair]
    run = mrstyle("transfer", folder / "content.nii.gz", folder / "style.nii.gz", *arguments)
    assert_refused(run, folder / value if option == "--report" else Path(value).name.split(".")[0])
    assert contents(folder) == before
    assert (folder / "content.nii.gz").read_bytes() == content


def test_a_report_without_its_libraries_is_refused_before_any_work(
    mrstyle: Callable[..., Run], folder: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrstyle.translate.translate", lambda *_, **__: pytest.fail("it has worked already"))
    monkeypatch.setattr("mrstyle.qa.report._LIBRARIES", ("no_such_library",))
    files = [folder / "content.nii.gz", folder / "style.nii.gz", "-o", folder / "out.nii.gz"]
    run = mrstyle("transfer", *files, "--model", network, "--report", folder / "r.html")
    assert_refused(run, "no_such_library", 'pip install "mrstyle[qa]"')


def test_a_map_never_replaces_an_input(mrstyle: Callable[..., Run], folder: Path) -> None:
    content = folder / "difference_content.nii.gz"
    write_volume(CONTENT, content)
    data = content.read_bytes()
    files = [content, folder / "style.nii.gz", "-o", folder / "out.nii.gz", "--maps", folder]
    run = mrstyle("transfer", *files, "--model", "nyul")
    assert_refused(run, "difference_content.nii.gz", "replace an input")
    assert content.read_bytes() == data
    assert not (folder / "out.nii.gz").exists()


def damage_hash(package: Path) -> None:
    path = package / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def edit_card(package: Path, **fields: object) -> None:
    path = package / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def pickle_weights(package: Path) -> None:
    (package / "weights.safetensors").write_bytes(pickle.dumps({"weight": [1.0]}))


BAD_PACKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "hash": (damage_hash, "SHA-256"),
    "shapes": (lambda package: edit_card(package, config=TINY | {"width": 6}), "shape"),
    "method": (lambda package: edit_card(package, method="magic"), "magic"),
    "pickle": (pickle_weights, "pickle"),
    "card": (lambda package: (package / "model.json").write_text("{"), "JSON"),
    "no card": (lambda package: (package / "model.json").unlink(), "model.json"),
}


@pytest.mark.parametrize("fault", BAD_PACKAGES)
def test_bad_packages_are_refused_in_one_sentence(
    mrstyle: Callable[..., Run],
    folder: Path,
    network: Path,
    tmp_path_factory: pytest.TempPathFactory,
    fault: str,
) -> None:
    package = tmp_path_factory.mktemp("bad") / "package"
    package.mkdir()
    for file in network.iterdir():
        (package / file.name).write_bytes(file.read_bytes())
    damage, word = BAD_PACKAGES[fault]
    damage(package)
    before = contents(folder)
    files = [folder / "content.nii.gz", folder / "style.nii.gz", "-o", folder / "out.nii.gz"]
    assert_refused(mrstyle("transfer", *files, "--model", package), package, word)
    assert_refused(mrstyle("models", "check", package), package, word)
    assert contents(folder) == before


def test_an_unknown_model_is_refused_with_those_that_there_are(
    mrstyle: Callable[..., Run], folder: Path
) -> None:
    files = [folder / "content.nii.gz", folder / "style.nii.gz", "-o", folder / "out.nii.gz"]
    assert_refused(mrstyle("transfer", *files, "--model", "nonesuch"), "nonesuch", "histogram-matching")


@pytest.mark.parametrize(
    "arguments", [["transfer"], ["transfer", "a", "b", "-o", "c", "--samples", "0"], ["evaluate"], ["paint"]]
)
def test_wrong_usage_exits_2_without_traceback(mrstyle: Callable[..., Run], arguments: list[str]) -> None:
    run = mrstyle(*arguments)
    assert run.code == 2
    assert "Traceback" not in run.err
    assert run.err


def test_evaluate_refuses_another_grid(mrstyle: Callable[..., Run], folder: Path) -> None:
    run = mrstyle("evaluate", folder / "content.nii.gz", "--reference", folder / "style.nii.gz")
    assert_refused(run, "style", "grid")
