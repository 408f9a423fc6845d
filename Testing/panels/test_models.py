"""The list of models, their descriptions, and the installation of one more."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from worker_helpers import MODELS, offer_python, offer_real_worker

from MRStyleLib import settings
from MRStyleLib.environment import worker_environment
from MRStyleLib.models import describe, find_models, install_model, read_entry


@pytest.fixture(autouse=True)
def model_folder(host, tmp_path: Path):
    """An empty folder of the user's own models."""
    folder = tmp_path / "Modelle des Nutzers ö"
    settings.set_model_folder(folder)
    yield folder
    settings.set_model_folder(None)


def package(folder: Path, **changes: object) -> Path:
    """A copy of a package without weights, with changes to its card; a field that becomes ... is left out."""
    folder.mkdir(parents=True)
    card = json.loads((MODELS / "histogram-matching" / "model.json").read_text(encoding="utf-8")) | changes
    card = {name: value for name, value in card.items() if value is not ...}
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_every_bundled_model_can_be_chosen(tmp_path: Path) -> None:
    entries = {entry.id: entry for entry in find_models()}
    assert entries.keys() == {path.parent.name for path in MODELS.glob("*/model.json")}
    assert [entry.fault for entry in entries.values()] == [None] * len(entries)
    assert entries["brain-reference"].name == f"brain-reference@{entries['brain-reference'].card['version']}"
    assert entries["brain-reference"].folder == MODELS / "brain-reference"


def test_the_first_of_one_id_and_version_wins(model_folder: Path, tmp_path: Path) -> None:
    package(model_folder / "mine", id="mine", version="2.0.0")
    package(tmp_path / "more" / "b", id="mine", version="2.0.0")
    package(tmp_path / "more" / "c", id="mine", version="2.0.1")
    entries = [entry for entry in find_models([tmp_path / "more"]) if entry.id == "mine"]
    assert [(entry.folder.name, entry.version) for entry in entries] == [
        ("mine", "2.0.0"),
        ("b", "2.0.0"),
        ("c", "2.0.1"),
    ]
    assert [entry.fault is None for entry in entries] == [True, False, True]
    assert str(model_folder / "mine") in entries[1].fault


def test_a_package_can_be_named_itself(tmp_path: Path) -> None:
    folder = package(tmp_path / "one", id="one")
    assert find_models([folder])[-1].folder == folder
    assert not [entry for entry in find_models([tmp_path / "missing"]) if entry.fault]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 2}, "not of a version"),
        ({"id": "../../etc"}, "field id"),
        ({"id": ...}, "field id"),
        ({"version": "latest"}, "field version"),
        ({"title": 3}, "field title"),
        ({"accepts": []}, "field accepts"),
        ({"license": "<b>"}, "field license"),
        ({"weights_sha256": "0" * 64}, "lost its weights.safetensors"),
    ],
)
def test_a_card_that_cannot_be_used_says_why(tmp_path: Path, changes: dict, reason: str) -> None:
    entry = read_entry(package(tmp_path / "p", **changes))
    assert reason in entry.fault
    assert str(tmp_path / "p") in entry.fault
    assert describe(entry).startswith("<p>")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000, b" " * 1_000_001])
def test_a_card_that_is_no_card(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").mkdir()
    assert "no model.json" in read_entry(tmp_path / "p").fault
    (tmp_path / "p" / "model.json").write_bytes(content)
    entry = read_entry(tmp_path / "p")
    assert "model.json" in entry.fault
    assert (entry.id, entry.version, entry.card) == ("p", "", {})


def test_the_description_tells_what_a_user_must_know() -> None:
    entry = read_entry(MODELS / "brain-reference")
    text = describe(entry)
    for words in (
        "brain",
        "any contrast",
        "Apache-2.0",
        "s on CPU",
        f"{entry.card['figures'][0]['value']:g} dB",
        "simulated",
        "0.4 to 6.0 mm",
    ):
        assert words in text


def test_a_card_cannot_put_markup_into_the_panel(tmp_path: Path) -> None:
    evil = "<img src='http://a.b/c.png'>"
    figure = {"metric": evil, "value": 1, "unit": evil, "dataset": evil}
    training = {"description": evil, "data": [{"name": evil, "license": evil}, 3], "subjects": None}
    accepts = {"body_part": evil, "contrasts": [evil], "skull": evil, "spacing_mm": [evil, evil]}
    text = describe(
        read_entry(
            package(
                tmp_path / "p",
                title=evil,
                description=evil,
                license_note=evil,
                accepts=accepts,
                training=training,
                figures=[figure, None, {}],
                seconds_per_megavoxel={evil: 1, "cuda": evil},
            )
        )
    )
    assert "<img" not in text.lower()
    assert set(re.findall(r"</?(\w+)", text)) <= {"p", "b", "table", "tr", "td"}


def test_a_model_is_installed(monkeypatch, model_folder: Path, tmp_path: Path) -> None:
    offer_real_worker(monkeypatch, tmp_path)
    source = tmp_path / "von außen"
    shutil.copytree(MODELS / "brain-reference", source)
    card = json.loads((source / "model.json").read_text(encoding="utf-8")) | {"version": "9.0.0"}
    (source / "model.json").write_text(json.dumps(card), encoding="utf-8")
    (source / "LICENSE.txt").write_text("as you like", encoding="utf-8")
    (source / "my photo.png").write_bytes(b"private")
    entry = install_model(source)
    assert (entry.name, entry.fault) == ("brain-reference@9.0.0", None)
    assert entry.folder.parent == model_folder
    assert {path.name for path in entry.folder.iterdir()} == {
        "model.json",
        "weights.safetensors",
        "LICENSE.txt",
    }
    assert entry in find_models()
    with pytest.raises(ValueError, match="installed already"):
        install_model(source)


def test_a_damaged_package_is_not_installed(monkeypatch, model_folder: Path, tmp_path: Path) -> None:
    offer_real_worker(monkeypatch, tmp_path)
    source = tmp_path / "damaged"
    shutil.copytree(MODELS / "brain-reference", source)
    with (source / "weights.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")
    with pytest.raises(ValueError, match="changed or damaged") as caught:
        install_model(source)
    assert str(source) in str(caught.value)
    assert list(model_folder.iterdir()) == []


def test_a_model_that_cannot_be_checked_is_not_installed(
    monkeypatch, model_folder: Path, tmp_path: Path
) -> None:
    offer_python(monkeypatch, tmp_path, "echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
    with pytest.raises(RuntimeError, match="No module named 'torch'"):
        install_model(package(tmp_path / "p", id="mine"))
    assert list(model_folder.iterdir()) == []


def test_a_folder_without_a_card_is_refused_before_anything_is_copied(
    model_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"no model\.json"):
        install_model(tmp_path)
    assert not model_folder.exists()


def test_the_commands_look_into_the_same_folder(monkeypatch, model_folder: Path) -> None:
    script = "from mrstyle.models.catalogue import user_models_folder as f; print(ascii(str(f())))"

    def of_the_core() -> str:
        environment = worker_environment()
        return subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert of_the_core() == ascii(str(model_folder))
    settings.set_model_folder(None)
    monkeypatch.delenv("MRSTYLE_MODELS", raising=False)
    here = settings.model_folder()
    environment = {name: value for name, value in worker_environment().items() if name != "MRSTYLE_MODELS"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ascii(str(here))
