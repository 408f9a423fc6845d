"""Model packages: what is written loads again, and whatever is wrong with one is said in a sentence."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from mrstyle import methods
from mrstyle.errors import InputError, PackageError
from mrstyle.models import catalogue
from mrstyle.models.card import ModelCard, json_schema, load_card, write_schema
from mrstyle.models.catalogue import find, user_models_folder
from mrstyle.models.package import check_package, load_package, save_package


class TinyMethod(torch.nn.Module):
    """A method of one convolution and one norm, so that there are float and integer tensors."""

    dim = 2
    context = 0

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(1, channels, 3)
        self.norm = torch.nn.BatchNorm2d(channels)


class NoWeights(torch.nn.Module):
    dim = 2
    context = 0


@pytest.fixture(autouse=True)
def _two_more_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, config: dict[str, Any]) -> torch.nn.Module:
        if name == "tiny":
            return TinyMethod(**config)
        return NoWeights() if name == "none" else real_build(name, config)

    real_build = methods.build
    monkeypatch.setattr(methods, "build", build)


@pytest.fixture(autouse=True)
def _no_other_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "bundled_models_folder", lambda: tmp_path / "bundled")
    monkeypatch.setenv("MRSTYLE_MODELS", str(tmp_path / "user"))


PHANTOM = {"name": "Phantom", "license": "MIT", "source": "code", "citation": "", "simulated": True}
FIGURE = {"metric": "PSNR", "value": 31.5, "unit": "dB", "data_range": 1, "mask": "all", "dataset": "Phantom"}
TRAINING = {"description": "None.", "data": [PHANTOM], "subjects": {"train": 8, "validation": 2}}
ACCEPTS = {"dim": 2, "body_part": "brain", "contrasts": ["T1w"], "skull": "any", "minimum_size_voxels": 32}
FIELDS = {
    "schema_version": 1,
    "id": "tiny-brain",
    "version": "1.2.0",
    "title": "Tiny",
    "description": "For tests.",
    "method": "tiny",
    "config": {"channels": 3},
    "accepts": {**ACCEPTS, "spacing_mm": [0.5, 3.0]},
    "target_kinds": ["reference"],
    "training": TRAINING,
    "license": "Apache-2.0",
    "figures": [{**FIGURE, "command": "mrstyle evaluate"}],
    "bf16_psnr_db": 51.0,
    "seconds_per_megavoxel": {"cpu": 2.5},
    "citation": "Nobody, 2026.",
    "recipe": "trainer/configs/tiny.yaml",
}
WEIGHTLESS = {**FIELDS, "method": "none", "config": {}, "bf16_psnr_db": None, "recipe": None}


@pytest.fixture
def network() -> TinyMethod:
    torch.manual_seed(3)
    return TinyMethod()


@pytest.fixture
def package(tmp_path: Path, network: TinyMethod) -> Path:
    """The folder of a good package."""
    save_package(tmp_path / "tiny", FIELDS, network)
    return tmp_path / "tiny"


def edit_card(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# Saving and loading


def test_saved_package_loads_bit_for_bit(package: Path, network: TinyMethod) -> None:
    loaded = load_package(package)
    assert loaded.card == load_card(package)
    assert loaded.weights_sha256 == loaded.card.weights_sha256
    assert not loaded.network.training
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    assert loaded.card.parameters == 3 * 9 + 3 + 4 * 3 + 1
    assert [path.name for path in package.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loads_as_float32(tmp_path: Path, network: TinyMethod, dtype: torch.dtype) -> None:
    save_package(tmp_path / "half", FIELDS, network, dtype=dtype)
    stored = safetensors.torch.load_file(tmp_path / "half" / "weights.safetensors")
    loaded = load_package(tmp_path / "half").network.state_dict()
    assert stored["mix.weight"].dtype == dtype
    assert loaded["mix.weight"].dtype == torch.float32
    assert torch.equal(loaded["mix.weight"], network.mix.weight.to(dtype).float())
    assert loaded["norm.num_batches_tracked"].dtype == torch.int64


def test_real_method_gives_the_same_image_after_loading(tmp_path: Path) -> None:
    config = {"width": 8, "style_width": 8, "context": 0}
    network = methods.build("content_style", config).eval()
    save_package(tmp_path / "real", {**FIELDS, "method": "content_style", "config": config}, network)
    loaded = load_package(tmp_path / "real").network
    slices = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(slices, slices)[0], network(slices, slices)[0])


def test_method_without_weights(tmp_path: Path) -> None:
    card = save_package(tmp_path / "none", WEIGHTLESS, NoWeights())
    assert (card.weights_sha256, card.parameters) == (None, 0)
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["model.json"]
    assert load_package(tmp_path / "none").weights_sha256 is None
    assert check_package(tmp_path / "none")[-1] == "The method has no weights and needs none."


def test_check_package_says_what_it_checked(package: Path) -> None:
    text = " ".join(check_package(package))
    for said in ("schema version 1", "'tiny' builds", "SHA-256", "All 7 tensors", "All 43 values are finite"):
        assert said in text


def test_save_never_overwrites(package: Path, network: TinyMethod) -> None:
    before = (package / "model.json").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        save_package(package, {**FIELDS, "title": "Other"}, network)
    assert (package / "model.json").read_bytes() == before


def test_refused_save_leaves_nothing(tmp_path: Path, network: TinyMethod) -> None:
    with pytest.raises(PackageError, match=r"field license: Field required"):
        save_package(tmp_path / "new", {k: v for k, v in FIELDS.items() if k != "license"}, network)
    with torch.no_grad():
        network.mix.weight[0, 0, 0, 0] = 1e6
    with pytest.raises(PackageError, match=r"'mix.weight' has values that are not finite"):
        save_package(tmp_path / "new", FIELDS, network, dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        save_package(tmp_path / "new", FIELDS, TinyMethod())
    assert list(tmp_path.iterdir()) == []


# Refusals: (what is done to a good package, what the sentence says)


def remove(folder: Path, name: str = "weights.safetensors") -> None:
    (folder / name).unlink()


def edit_weights(folder: Path, edit: Callable[[bytes], bytes]) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(edit(path.read_bytes()))


def checkpoint_instead(folder: Path) -> None:
    remove(folder)
    torch.save({"mix.weight": torch.zeros(3)}, folder / "weights.pt")


def put_weights(folder: Path, **changes: torch.Tensor | None) -> None:
    """Change weights (``__`` stands for a dot, None: leave it out) and keep the card true about them."""
    named = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    state: dict[str, torch.Tensor | None] = {**TinyMethod().state_dict(), **named}
    tensors = {name: tensor for name, tensor in state.items() if tensor is not None}
    data = safetensors.torch.save(tensors)
    (folder / "weights.safetensors").write_bytes(data)
    count = sum(tensor.numel() for tensor in tensors.values())
    edit_card(folder, weights_sha256=hashlib.sha256(data).hexdigest(), parameters=count)


OTHER_DIM = {**ACCEPTS, "dim": 3, "spacing_mm": [1, 1]}
NO_WEIGHTS = {"method": "none", "config": {}, "weights_sha256": None, "parameters": 0, "bf16_psnr_db": None}


PICKLE = "weights.safetensors is a Python pickle, which MRStyle never loads"
NOT_WHOLE = "weights.safetensors is not a whole safetensors file"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: remove(f, "model.json"), "it has no model.json"),
        (lambda f: (f / "model.json").write_text('{"id": '), "model.json is not valid JSON"),
        (lambda f: (f / "model.json").write_text(" " * 1_000_001), "model.json is larger than 1 MB"),
        (lambda f: edit_card(f, method="gan"), "Unknown method 'gan'"),
        (lambda f: edit_card(f, accepts=OTHER_DIM), "card says dim 3, its method and config give dim 2"),
        (lambda f: edit_card(f, config={"channels": 4}), "'mix.bias' has shape (3,), the method needs (4,)"),
        (lambda f: edit_card(f, parameters=7), "its card says 7 parameters, weights.safetensors holds 43"),
        (lambda f: edit_card(f, **NO_WEIGHTS), "its card has no weights_sha256"),
        (remove, "weights.safetensors is missing"),
        (checkpoint_instead, "weights.pt is a Python pickle, which MRStyle never loads"),
        (lambda f: torch.save({}, f / "weights.safetensors"), PICKLE),
        (lambda f: edit_weights(f, lambda _: pickle.dumps([0.0], protocol=2)), PICKLE),
        (lambda f: edit_weights(f, lambda data: data[:-20]), NOT_WHOLE),
        (lambda f: edit_weights(f, lambda _: b"\xff" * 99), NOT_WHOLE),
        (lambda f: edit_weights(f, lambda data: data[:-1] + b"\x7f"), "not have the SHA-256 on its card"),
        (lambda f: put_weights(f, mix__bias=None), "its weights lack the tensor 'mix.bias'"),
        (lambda f: put_weights(f, critic=torch.zeros(2)), "its weights have a tensor 'critic'"),
        (lambda f: put_weights(f, norm__bias=torch.full((3,), torch.nan)), "values that are not finite"),
        (lambda f: put_weights(f, norm__bias=torch.zeros(3).int()), "the method needs torch.float32"),
    ],
)
def test_damaged_package_is_refused(package: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(package)
    with pytest.raises(PackageError) as caught:
        load_package(package)
    message = str(caught.value)
    assert message.startswith(f"Model package {package} is refused: ")
    assert said in message
    assert message.endswith(".")
    assert "\n" not in message


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="there is no such folder"):
        load_package(tmp_path / "nowhere")


# The card


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "Tiny Brain"}, "id"),
        ({"version": "1.2"}, "version"),
        ({"version": "1.02.0"}, "version"),
        ({"schema_version": 2}, "schema_version"),
        ({"bf16_psnr_db": 44.9}, "bf16_psnr_db"),
        ({"seconds_per_megavoxel": {"abacus": 1.0}}, r"seconds_per_megavoxel.abacus.\[key\]"),
        ({"target_kinds": ["wish"]}, "target_kinds.0"),
        ({"licence": "Apache-2.0"}, "licence"),
        ({"license": "free for all"}, "license"),
        ({"accepts": {**ACCEPTS, "spacing_mm": [3.0, 0.5]}}, "accepts"),
        ({"figures": [{**FIGURE, "command": "x", "value": "good"}]}, "figures.0.value"),
        (
            {"training": {**TRAINING, "subjects": {"train": -1, "validation": 0}}},
            "training.subjects.train",
        ),
    ],
)
def test_card_names_the_field_at_fault(package: Path, changes: dict[str, Any], field: str) -> None:
    edit_card(package, **changes)
    with pytest.raises(PackageError, match=f"model.json field {field}: "):
        load_card(package)


@pytest.mark.parametrize(
    "changes",
    [
        {"target_kinds": ["site"]},
        {"sites": ["Boston"]},
        {"weights_sha256": None},
        {"weights_sha256": None, "parameters": 0},
        {"parameters": 0},
    ],
)
def test_card_does_not_contradict_itself(package: Path, changes: dict[str, Any]) -> None:
    edit_card(package, **changes)
    with pytest.raises(PackageError, match=r"model\.json: .*(sites|weights_sha256)"):
        load_card(package)


def test_card_is_frozen_and_survives_json(package: Path) -> None:
    card = load_card(package)
    assert ModelCard.model_validate_json(card.to_json()) == card
    with pytest.raises(ValidationError, match="frozen"):
        card.title = "Other"  # type: ignore[misc]


def test_schema_names_every_field_of_a_written_card(package: Path, tmp_path: Path) -> None:
    write_schema(tmp_path / "model.schema.json")
    schema = json.loads((tmp_path / "model.schema.json").read_text())
    written = json.loads((package / "model.json").read_text())
    assert schema == json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(written)
    assert set(schema["required"]) <= set(written)


# Where models are found


def put(folder: Path, name: str, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_package(folder / name, {**WEIGHTLESS, **changes}, NoWeights())
    return folder / name


def test_catalogue_lists_bundled_then_user_then_named(tmp_path: Path) -> None:
    named = put(tmp_path / "elsewhere", "c", id="model-c")
    user = put(tmp_path / "user", "b", id="model-b")
    bundled = put(tmp_path / "bundled", "a", id="model-a")
    (tmp_path / "user" / ".partial-x").mkdir()
    expected = [(bundled, "bundled", None), (user, "user", None), (named, "named", None)]
    for extra in (named, tmp_path / "elsewhere"):
        assert [(e.folder, e.origin, e.problem) for e in catalogue.catalogue([extra])] == expected


def test_first_of_two_equal_models_wins_and_says_so(tmp_path: Path) -> None:
    bundled = put(tmp_path / "bundled", "a")
    put(tmp_path / "user", "a", title="Mine")
    first, second = catalogue.catalogue()
    assert (first.folder, first.problem) == (bundled, None)
    assert second.card is not None
    assert second.card.title == "Mine"
    assert second.problem == f"tiny-brain@1.2.0 is taken from {bundled}, which comes first."
    assert find("tiny-brain") == bundled


def test_highest_version_unless_one_is_named(tmp_path: Path) -> None:
    newest = put(tmp_path / "user", "new", version="1.10.0")
    older = put(tmp_path / "user", "old", version="1.9.3")
    assert find("tiny-brain") == newest
    assert find("tiny-brain@1.9.3") == older
    with pytest.raises(
        PackageError, match=r"no model 'tiny-brain@2.0.0'; .*: tiny-brain@1.10.0, tiny-brain@1.9.3\."
    ):
        find("tiny-brain@2.0.0")


def test_broken_package_is_listed_with_its_problem(tmp_path: Path) -> None:
    good = put(tmp_path / "user", "good")
    (put(tmp_path / "user", "bad", id="bad") / "model.json").write_text("{")
    bad, fine = catalogue.catalogue()
    assert bad.card is None
    assert "not valid JSON" in str(bad.problem)
    assert fine.folder == good
    with pytest.raises(PackageError, match="not valid JSON"):
        find("bad")


def test_find_takes_folders(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_package(find(package)).card.id == "tiny-brain"
    monkeypatch.chdir(tmp_path)
    assert find("tiny") == Path("tiny")
    with pytest.raises(PackageError, match=r"no model 'other'; .*: none at all"):
        find("other")
    assert "no such folder" in str(catalogue.catalogue([tmp_path / "gone"])[0].problem)


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_DATA_HOME", "mrstyle/models"),
        ("win32", "APPDATA", "mrstyle/models"),
        ("darwin", "HOME", "Library/Application Support/mrstyle/models"),
    ],
)
def test_user_folder_of_each_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str, expected: str
) -> None:
    monkeypatch.delenv("MRSTYLE_MODELS")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert user_models_folder() == tmp_path / expected
