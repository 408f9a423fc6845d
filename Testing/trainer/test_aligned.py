"""Fine-tuning on aligned scans: what a network may rely on in a sample, and that a user's package gets better."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aligned_fixtures import NETWORKS, box, entries, write_package, write_scan, write_subject
from small_training import HEADS, write_config
from test_loop import interrupt_after

from mrstyle.models.package import load_package
from mrstyle.physics.phantom import head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.synthesize import synthesize
from mrstyle_trainer.aligned import AlignedContrasts
from mrstyle_trainer.aligned_scans import find_scans, read_visits
from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.cli import main
from mrstyle_trainer.config import AlignedData, parse_config, read_config
from mrstyle_trainer.contrasts import SimulatedContrasts
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.simulate import SimulationConfig

CONFIGS = sorted((Path(__file__).parents[2] / "trainer" / "configs").rglob("*.yaml"))
T1, T2 = preset_acquisition("T1w"), preset_acquisition("T2w")


@pytest.fixture(scope="session")
def bids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects in three contrasts."""
    folder = tmp_path_factory.mktemp("bids")
    for seed in (1, 2, 3):
        write_subject(folder, f"sub-0{seed}", seed)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "Our heads", "License": "CC0"}))
    return folder


def simulation(**changes: Any) -> SimulationConfig:
    return SimulationConfig.model_validate({"size": 48, "pixel_mm": [2.0, 3.0]} | changes)


def data_of(folder: Path, *subjects: str, **changes: Any) -> AlignedData:
    names = list(subjects) or ["sub-01"]
    parts = {"kind": "aligned", "folder": str(folder), "training": names, "validation": ["sub-99"]}
    return AlignedData.model_validate(parts | changes)


def samples_of(folder: Path, count: int = 12, **changes: Any) -> list[dict[str, torch.Tensor]]:
    samples = AlignedContrasts(read_visits(data_of(folder), "training"), simulation(**changes), 0, count)
    return [samples[index] for index in range(count)]


def write_pair(folder: Path, first: Callable, second: Callable, **place: Any) -> Path:
    """One subject, T1w and T2w."""
    for suffix, shading, acquisition in (("T1w", first, T1), ("T2w", second, T2)):
        path = folder / "sub-01" / "anat" / f"sub-01_{suffix}.nii.gz"
        write_scan(box(shading, **place), path, acquisition)
    return folder


def test_a_sample_is_what_recipes_know_from_simulations(bids: Path, heads: Path, tmp_path: Path) -> None:
    content = entries(bids, "relaxometry", None)
    config = read_config(write_config(tmp_path / "a.yaml", content))
    content["data"] = {
        "kind": "label_maps",
        "folder": str(heads),
        "table": str(heads / "table.yaml"),
        "training": list(HEADS[:2]),
        "validation": list(HEADS[2:]),
    }
    simulated = read_config(write_config(tmp_path / "b.yaml", content))
    scanned, drawn = (load_samples(each, "training", SimulatedContrasts)[0] for each in (config, simulated))
    assert drawn.keys() - scanned.keys() == {"maps", "groups"}
    for name, values in scanned.items():
        assert (values.shape, values.dtype) == (drawn[name].shape, drawn[name].dtype), name
        assert torch.isfinite(values).all()
    assert (float(scanned["gains_known"]), float(drawn["gains_known"])) == (0.0, 1.0)


def test_a_sample_depends_on_seed_and_index_alone(bids: Path) -> None:
    visits = read_visits(data_of(bids, "sub-01", "sub-02"), "training")
    forward, backward, other = (AlignedContrasts(visits, simulation(), seed, 3) for seed in (0, 0, 1))
    drawn = [forward[index] for index in range(3)]
    for index in (2, 0, 1):
        for name, values in backward[index].items():
            torch.testing.assert_close(values, drawn[index][name], rtol=0, atol=0)
    assert not torch.equal(drawn[0]["scans"], drawn[1]["scans"])
    assert not torch.equal(drawn[0]["scans"], other[0]["scans"])


def test_contrasts_of_a_sample_are_cut_from_one_place(tmp_path: Path) -> None:
    shading = np.random.default_rng(0).uniform(0.5, 1, (40, 44, 48))
    write_pair(tmp_path, lambda *_: shading, lambda *_: 7 * shading)
    for sample in samples_of(tmp_path):
        torch.testing.assert_close(sample["scans"][0], sample["scans"][1], rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(sample["truths"][:, 0], sample["scans"][:, 1])
        assert sample["kinds"][0] != sample["kinds"][1]


def test_scans_and_their_sequences_stay_together(tmp_path: Path) -> None:
    write_pair(tmp_path, lambda k, j, i: 0.6 + 0.3 * j, lambda k, j, i: 0.6 - 0.3 * j)
    for sample in samples_of(tmp_path, axial_share=1.0):
        for scan, parameters, vector in zip(
            sample["truths"][:, 0], sample["parameters"], sample["vectors"], strict=True
        ):
            rows = torch.arange(48.0)[:, None].expand(48, 48)[sample["kept"] > 0]
            slope = torch.corrcoef(torch.stack([rows, scan[sample["kept"] > 0]]))[0, 1]
            is_t1 = float(parameters[2]) == T1.echo_time_ms
            assert slope > 0.5 if is_t1 else slope < -0.5
            assert (vector[1] < 0) == is_t1  # log of the echo time over 20 ms


def test_left_and_right_change_places_but_not_front_and_back(tmp_path: Path) -> None:
    def shading(k: np.ndarray, j: np.ndarray, i: np.ndarray) -> np.ndarray:
        return 0.6 + 0.2 * j + 0.15 * i

    write_pair(tmp_path, shading, shading)
    columns = []
    for sample in samples_of(tmp_path, 16, axial_share=1.0):
        image, kept = sample["truths"][0, 0], sample["kept"] > 0
        grid = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
        rows, sides = (float(torch.corrcoef(torch.stack([g[kept], image[kept]]))[0, 1]) for g in grid)
        assert rows > 0.3
        columns.append(sides > 0)
    assert 0 < sum(columns) < len(columns)


def test_thick_slices_are_cut_as_they_were_scanned(tmp_path: Path) -> None:
    write_pair(tmp_path, lambda k, j, i: 0.6 + 0.3 * k, lambda k, j, i: 0.6 + 0.3 * k, thick_mm=8.0)
    for sample in samples_of(tmp_path, 4, axial_share=0.0):
        inside = sample["truths"][0, 0][sample["kept"] > 0]
        low, high = inside.quantile(torch.tensor([0.25, 0.75]))
        assert high - low < 0.01  # brightness changes from slice to slice, not within one
        assert sample["scans"][0, 0].max() < sample["scans"][0, 1].max()


def test_which_scans_are_used(bids: Path, tmp_path: Path) -> None:
    volume = box(lambda k, j, i: 0.6 + 0.3 * k)
    for session, suffixes in {"ses-1": ("T1w", "T2w"), "ses-2": ("T1w",)}.items():
        folder = tmp_path / "sub-01" / session / "anat"
        for suffix in suffixes:
            write_scan(
                volume, folder / f"sub-01_{session}_{suffix}.nii.gz", preset_acquisition(f"{suffix[:2]}w")
            )
        write_scan(volume, folder / f"sub-01_{session}_ce-gad_T1w.nii.gz", preset_acquisition("SPGR"))
        write_scan(volume, folder / f"sub-01_{session}_agent_T1w.nii.gz", T1, ContrastBolusIngredient="GD")
        write_scan(volume, folder / f"sub-01_{session}_mask.nii.gz", T1)
    [visit] = find_scans(data_of(tmp_path), "training")
    assert [scan.path.name for scan in visit] == ["sub-01_ses-1_T1w.nii.gz", "sub-01_ses-1_T2w.nii.gz"]
    [visit] = find_scans(data_of(bids, suffixes=["T2w", "FLAIR"]), "training")
    assert [scan.path.name for scan in visit] == ["sub-01_FLAIR.nii.gz", "sub-01_T2w.nii.gz"]


def test_gains_that_nobody_knows_do_not_count(bids: Path, tmp_path: Path) -> None:
    config = read_config(write_config(tmp_path / "config.yaml", entries(bids, "relaxometry", None)))
    torch.manual_seed(1)
    recipe = build_recipe(config)
    sample = load_samples(config, "training", recipe.samples)[0]
    batch = {name: values[None] for name, values in sample.items()}
    louder = batch | {name: batch[name] * torch.tensor([1.0, 1.7, 0.6]) for name in ("scan_levels",)}
    networks = recipe.networks

    def values(changed: dict[str, torch.Tensor]) -> dict[str, float]:
        [(_, losses)] = recipe.phases(networks, changed)
        return {name: float(value.detach()) for name, (_, value) in losses.items()}

    unknown, unknown_louder = values(batch), values(louder)
    assert unknown["gain"] == 0
    assert "maps" not in unknown
    for name in ("absolute", "structural", "fused"):
        assert unknown_louder[name] == pytest.approx(unknown[name], rel=1e-3)
    known = {"gains_known": torch.ones(1)}
    assert values(louder | known)["fused"] != pytest.approx(values(batch | known)["fused"], rel=1e-4)
    assert values(batch | known)["gain"] > 0

    network = networks[recipe.main].eval()
    torch.testing.assert_close(recipe.predict(network, louder), recipe.predict(network, batch))


@pytest.mark.parametrize("recipe", NETWORKS)
def test_fine_tuning_improves_a_package_that_then_runs(bids: Path, tmp_path: Path, recipe: str) -> None:
    package = write_package(tmp_path / "start", recipe)
    loop = {"steps": 60, "batch_size": 3}
    config = read_config(write_config(tmp_path / "config.yaml", entries(bids, recipe, package, loop=loop)))
    assert config.network == NETWORKS[recipe]
    fit(config, tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    psnr_db = {line["step"]: line["validation_psnr_db"] for line in log if line["validation_psnr_db"]}
    absolute = [line["losses"]["absolute"] for line in log if line["losses"]]
    assert psnr_db[60] > psnr_db[0] + 1
    assert absolute[-1] < 0.9 * absolute[0]

    # What it starts from is the package.
    started = build_recipe(config)
    held_out = load_samples(config, "validation", started.samples)
    network = load_package(package).network
    errors = []
    for index in range(len(held_out)):
        batch = {name: values[None] for name, values in held_out[index].items()}
        with torch.no_grad():
            errors.append((started.predict(network, batch) - batch["target"]).square().mean())
    start_db = (-10 * torch.log10(torch.stack(errors))).mean().item()
    assert psnr_db[0] == pytest.approx(start_db, abs=0.01)

    shutil.rmtree(package)  # the run knows what it came from
    card = export(tmp_path / "run", tmp_path / "tuned", version="0.2.0")
    assert card.training.description.startswith("Fine-tuned from tiny-start@2.1.0: 60 steps of 3")
    assert "2 subjects of Our heads" in card.training.description
    assert [(each.name, each.simulated) for each in card.training.data] == [
        ("label maps", True),
        ("Our heads", False),
    ]
    assert (card.training.subjects.train, card.training.subjects.validation) == (16, 1)
    assert card.license == "CC-BY-4.0"
    assert {each.name: each.family for each in card.sequences} == {
        "MPRAGE": "mprage",
        "T2w": "spin_echo",
        "FLAIR": "inversion_recovery",
    }
    assert str(tmp_path) not in card.to_json()

    scan = head_phantom(5, (52, 66, 52), 3.0).render(T2)
    [result] = synthesize(
        [scan], load_package(tmp_path / "tuned"), [preset_acquisition("FLAIR")], device="cpu"
    )
    assert result.image.has_grid_of(scan)
    assert result.image.array.std() > 0


def test_a_stopped_fine_tuning_goes_on_without_its_package(
    bids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_config(
        write_config(tmp_path / "config.yaml", entries(bids, "crl", write_package(tmp_path / "start", "crl")))
    )
    fit(whole, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        assert fit(whole, tmp_path / "parts")[1] == "interrupted"
    shutil.rmtree(tmp_path / "start")
    fit(whole, tmp_path / "parts", resume=True)
    ends = [load_checkpoint(tmp_path / run) for run in ("whole", "parts")]
    for part in ("networks", "average", "optimizers"):
        torch.testing.assert_close(ends[0][part], ends[1][part], rtol=0, atol=0)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configurations_of_the_trainer_are_valid(path: Path) -> None:
    if path.parent.name != "labels":
        parse_config(path)


@pytest.fixture
def refused(bids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The sentence that ``mrstyle-train fit`` ends with; no run is left behind."""

    def run(content: dict[str, Any]) -> str:
        config = write_config(tmp_path / "config.yaml", content)
        monkeypatch.setattr(sys, "argv", ["mrstyle-train", "fit", str(config), "-o", str(tmp_path / "run")])
        with pytest.raises(SystemExit) as ended:
            main()
        message = capsys.readouterr().err
        assert ended.value.code in (2, 5), message
        assert message.startswith("mrstyle-train: ")
        assert message.count("\n") == 1
        assert not (tmp_path / "run" / "config.json").exists()
        return message

    return run


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"validation": ["sub-02"]}, "sub-02 would be in training and in validation"),
        ({"validation": ["sub-02/"]}, "'sub-02/' is no subject"),
        ({"validation": ["sub-17"]}, "There is no folder sub-17"),
        ({"folder": "$MRSTYLE_NOT_SET/x"}, "$MRSTYLE_NOT_SET"),
        ({"suffixes": ["T2w"]}, "fewer than two different contrasts in a folder anat (sub-01_T2w.nii.gz)"),
        ({"suffixes": ["T3w"]}, "fewer than two different contrasts in a folder anat (none)"),
    ],
)
def test_wrong_data(refused: Callable[..., str], bids: Path, data: dict[str, Any], reason: str) -> None:
    assert reason in refused(entries(bids, "relaxometry", None, data=data))


def test_a_parameter_is_missing(refused: Callable[..., str], bids: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bids, tmp_path / "bids")
    sidecar = folder / "sub-01" / "anat" / "sub-01_FLAIR.json"
    content = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({key: content[key] for key in content if key != "InversionTime"}))
    message = refused(entries(folder, "relaxometry", None))
    assert "sub-01_FLAIR.nii.gz lacks its inversion time; write InversionTime (in seconds)" in message
    sidecar.unlink()
    message = refused(entries(folder, "relaxometry", None))
    assert "sub-01_FLAIR.nii.gz lacks its sequence family and repetition time and echo time" in message


def test_scans_of_a_subject_on_two_grids(refused: Callable[..., str], bids: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bids, tmp_path / "bids")
    path = folder / "sub-02" / "anat" / "sub-02_T2w.nii.gz"
    write_scan(head_phantom(2, (54, 66, 52), 3.0).render(T2), path, T2)
    message = refused(entries(folder, "crl", None))
    assert "sub-02_T2w.nii.gz is not on the grid of sub-02_FLAIR.nii.gz; register and resample" in message


def test_packages_that_do_not_fit(refused: Callable[..., str], bids: Path, tmp_path: Path) -> None:
    package = write_package(tmp_path / "start", "relaxometry")
    assert "is of method relaxometry" in refused(entries(bids, "crl", package))
    other = {"network": NETWORKS["relaxometry"] | {"width": 4}}
    assert "(network.width); leave `network` out" in refused(entries(bids, "relaxometry", package) | other)
    assert "simulation.context" in refused(entries(bids, "relaxometry", package, simulation={"context": 0}))
    assert "no such folder" in refused(entries(bids, "relaxometry", tmp_path / "nothing"))
    nameless = entries(bids, "relaxometry", None) | {"initial": "no-such-model"}
    assert "There is no model 'no-such-model'" in refused(nameless)


def test_a_recipe_that_does_not_learn_from_scans(refused: Callable[..., str], bids: Path) -> None:
    content = entries(bids, "relaxometry", None) | {"recipe": "anatomy_basis", "network": {}}
    content["simulation"] = {"size": 144, "context": 1}
    assert "does not learn from data of kind aligned; choose relaxometry or crl" in refused(content)
