"""Series for training and one step of it: the truth is that of the phantom, and every loss reaches the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mrstyle.errors import InputError
from mrstyle.methods import build
from mrstyle.methods.spatiotemporal import SpatioTemporalConfig
from mrstyle.models.package import load_package
from mrstyle_trainer import backbones
from mrstyle_trainer.backbone_export import export_backbone
from mrstyle_trainer.backbones.vgg import SMALL, VGG
from mrstyle_trainer.backbones.weights import read_weights
from mrstyle_trainer.config import TrainingConfig, read_config
from mrstyle_trainer.critics import MultiScaleCritic
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.dce_samples import people_of
from mrstyle_trainer.export import export
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes import build_recipe

NETWORK = {"width": 4, "max_width": 8, "residual_blocks": 1, "style_width": 4, "style_max_width": 8}
PLAIN = dict.fromkeys(("image", "content", "style", "cycle", "adversarial", "feature", "gram"), 0.0)
CONFIGS = Path(__file__).parents[2] / "trainer" / "configs" / "dce"


def configured(**changes: Any) -> TrainingConfig:
    values: dict[str, Any] = {
        "recipe": "spatiotemporal",
        "network": NETWORK,
        "data": {
            "kind": "dce_phantoms",
            "body": "kidney",
            "training_people": 3,
            "validation_people": 2,
            "patch": [64, 64],
            "interval_s": [4.0, 6.0],
            "duration_s": [60.0, 70.0],
        },
        "loop": {
            "steps": 2,
            "batch_size": 2,
            "validation_every": 2,
            "validation_samples": 2,
            "loader_processes": 0,
        },
        "losses": PLAIN,
    }
    return TrainingConfig.model_validate(values | changes)


def batch_of(config: TrainingConfig) -> dict[str, torch.Tensor]:
    samples = load_samples(config, "training", build_recipe(config).samples)
    items = [samples[index] for index in range(2)]
    return {name: torch.stack([item[name] for item in items]) for name in items[0]}


def test_samples_repeat_and_their_truth_is_the_content_without_noise() -> None:
    config = configured()
    assert not set(people_of(config.data, "training")) & set(people_of(config.data, "validation"))  # type: ignore[arg-type]
    one, again = batch_of(config), batch_of(config)
    for name, value in one.items():
        torch.testing.assert_close(value, again[name])
    assert one["content"].shape == (2, 5, 64, 64)
    assert one["style"].shape == one["target"].shape == (2, 2, 64, 64)
    baseline, enhanced = one["target"].unbind(1)
    assert (enhanced - baseline).mean() > 0.01
    # Whatever the enhancement, edges of the body stay: outside, all is air.
    air = one["target"].amax(dim=1) < 1e-3
    assert one["content"][:, 2][air].mean() < 0.06


@pytest.mark.parametrize("loss", ["truth", *PLAIN])
def test_every_loss_reaches_the_network(loss: str) -> None:
    config = configured(losses=PLAIN | {"truth": 0.0, loss: 1.0})
    recipe = build_recipe(config)
    with torch.no_grad():
        for each in recipe.networks[recipe.main].parameters():
            each += 0.05 * torch.randn_like(each)  # no layer is near zero any more
    phases = recipe.phases(recipe.networks, batch_of(config))
    name, losses = next(phases)
    assert (name, list(losses)) == (recipe.main, [loss])
    total = sum(weight * value for weight, value in losses.values())
    total.backward()  # type: ignore[union-attr]
    gradients = [each.grad for each in recipe.networks[recipe.main].parameters() if each.grad is not None]
    assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0
    rest = [name for name, _ in phases]
    assert rest == (["critic_baseline", "critic_enhanced"] if loss == "adversarial" else [])


def test_the_critic_has_the_published_size() -> None:
    assert sum(each.numel() for each in MultiScaleCritic(64).parameters()) == pytest.approx(8.27e6, rel=0.01)


def test_no_weight_needs_no_backbone() -> None:
    lost = {"backbone": "vgg16", "weights": "nowhere.pth"}
    assert build_recipe(configured(perceptual=lost)).networks
    with pytest.raises(InputError, match=r"Cannot read the weights nowhere\.pth"):
        build_recipe(configured(perceptual=lost, losses=PLAIN | {"gram": 1.0}))


def test_the_faithful_configuration_is_the_published_one() -> None:
    config = read_config(CONFIGS / "kidney-2d-faithful.yaml")
    with torch.device("meta"):
        network = build("spatiotemporal", config.network)
    assert sum(each.numel() for each in network.parameters()) == 39_536_706
    assert SpatioTemporalConfig.model_validate(config.network) == SpatioTemporalConfig.published()
    assert config.losses == {
        "truth": 0.0,
        "image": 10.0,
        "content": 1.0,
        "style": 1.0,
        "cycle": 10.0,
        "adversarial": 1.0,
        "critic": 1.0,
        "feature": 1.0,
        "gram": 1.0,
    }
    assert (config.loop.batch_size, config.loop.patience, config.loop.learning_rate) == (8, 20, 2e-4)


def test_a_step_of_the_faithful_configuration(tmp_path: Path) -> None:
    config = read_config(CONFIGS / "kidney-2d-faithful.yaml")
    data = {"training_people": 2, "validation_people": 2, "patch": (64, 64)}
    loop = {
        "steps": 1,
        "batch_size": 1,
        "validation_samples": 1,
        "validation_every": 1,
        "loader_processes": 0,
    }
    smaller = config.model_copy(
        update={
            "data": config.data.model_copy(update=data),
            "loop": config.loop.model_copy(update=loop),
            "network": NETWORK | {"residual": False, "skips": False, "stem_norm": True},
        }
    )
    progress, _ = fit(smaller, tmp_path / "run", device="cpu")
    assert progress.step == 1
    first = json.loads((tmp_path / "run" / "progress.jsonl").read_text().splitlines()[0])
    assert {"image", "content", "style", "cycle", "adversarial", "feature", "gram"} <= first["losses"].keys()
    assert all(np.isfinite(value) for value in first["losses"].values())


def test_ablations_leave_out_one_thing() -> None:
    full, *others = (
        read_config(CONFIGS / "ablations" / f"{name}.yaml")
        for name in ("full", "no-recurrence", "adain", "no-perceptual")
    )
    assert build_recipe(full).perception is not None  # type: ignore[attr-defined]
    for other in others:
        changes = {
            name
            for name in type(full).model_fields
            if name != "card" and getattr(full, name) != getattr(other, name)
        }
        assert len(changes) == 1
        assert build_recipe(other).networks


def test_a_backbone_is_trained_and_written(tmp_path: Path) -> None:
    config = TrainingConfig.model_validate(
        {
            "recipe": "tissue_features",
            "data": {"kind": "dce_tissues", "training_people": 1, "validation_people": 1, "patch": [32, 32]},
            "loop": {
                "steps": 12,
                "batch_size": 4,
                "learning_rate": 4e-3,
                "warmup_steps": 2,
                "ema_decay": 0.5,
                "validation_every": 6,
                "validation_samples": 4,
                "loader_processes": 0,
            },
        }
    )
    fit(config, tmp_path / "run", device="cpu")
    log = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    losses = [line["losses"]["cross_entropy"] for line in log if line["losses"]]
    assert losses[-1] < losses[0]
    facts = export_backbone(tmp_path / "run", tmp_path / "mine.safetensors")
    assert json.loads((tmp_path / "mine.json").read_text()) == facts
    backbone = VGG(SMALL)
    backbone.load_state_dict(read_weights(tmp_path / "mine.safetensors", facts["sha256"]))
    with pytest.raises(InputError, match="exists already"):
        export_backbone(tmp_path / "run", tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match=r"name it .safetensors"):
        export_backbone(tmp_path / "run", tmp_path / "mine.pth")
    with pytest.raises(InputError, match="trains a backbone; write it as a file"):
        export(tmp_path / "run", tmp_path / "package")


def test_the_backbone_of_the_trainer_is_what_its_lines_say() -> None:
    facts = json.loads((Path(backbones.__file__).parent / "small.json").read_text())
    state = read_weights(Path(backbones.__file__).parent / "small.safetensors", facts["sha256"])
    assert sum(value.numel() for value in state.values()) == facts["parameters"]
    assert "simulated" in facts["description"]


def test_a_prostate_has_slices() -> None:
    prostate = {"kind": "dce_phantoms", "body": "prostate", "training_people": 2, "validation_people": 2}
    with pytest.raises(InputError, match=r"asks for network.dim 3"):
        build_recipe(configured(data=prostate))
    config = configured(
        data=prostate | {"patch": [32, 32], "duration_s": [40.0, 50.0], "interval_s": [6.0, 6.5]},
        network=NETWORK | {"dim": 3},
    )
    batch = batch_of(config)
    assert batch["content"].shape == (2, 5, 16, 32, 32)
    recipe = build_recipe(config)
    assert recipe.predict(recipe.networks[recipe.main], batch).shape == batch["target"].shape


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"data": {"kind": "phantoms", "training_seeds": [1, 2], "validation_seeds": [3, 4]}},
            "nothing else",
        ),
        (
            {"recipe": "content_style", "network": {}, "losses": {}},
            "does not learn from data of kind dce_phantoms",
        ),
    ],
)
def test_recipe_and_data_that_do_not_go_together(changes: dict[str, Any], said: str) -> None:
    config = configured(**changes)
    with pytest.raises(InputError, match=said):
        load_samples(config, "training", build_recipe(config).samples)


def test_volumes_become_a_package(tmp_path: Path) -> None:
    prostate = {
        "kind": "dce_phantoms",
        "body": "prostate",
        "training_people": 2,
        "validation_people": 2,
        "patch": [32, 32],
        "duration_s": [40.0, 50.0],
        "interval_s": [6.0, 6.5],
    }
    fit(configured(data=prostate, network=NETWORK | {"dim": 3}), tmp_path / "run", device="cpu")
    card = export(tmp_path / "run", tmp_path / "package")
    assert [figure.metric.split()[0] for figure in card.figures] == ["PSNR", "PSNR"]
    assert load_package(tmp_path / "package").network.dim == 3


def test_a_training_becomes_a_package(tmp_path: Path) -> None:
    fit(configured(), tmp_path / "run")
    card = export(tmp_path / "run", tmp_path / "package")
    assert card.target_kinds == ("enhancement",)
    assert card.training.subjects.train == 3
    assert "digital bodies (kidney)" in card.training.description
    network = load_package(tmp_path / "package").network
    frames = torch.rand(1, 5, 32, 32)
    assert np.isfinite(network(frames, frames[:, :1], "baseline")[0].detach().numpy()).all()
