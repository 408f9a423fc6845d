"""The recipe of StarGAN v2: its losses, its phases, and a small training from start to package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_training
import torch
from torch import nn

from mrstyle.errors import InputError
from mrstyle.methods.starganv2 import scaled
from mrstyle.models.package import load_package
from mrstyle_trainer import recipes
from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.config import TrainingConfig
from mrstyle_trainer.critics import SiteCritic
from mrstyle_trainer.export import export
from mrstyle_trainer.interrupt import Interrupt
from mrstyle_trainer.loop import fit
from mrstyle_trainer.losses import believed, gradient_penalty, incoherence
from mrstyle_trainer.recipes.starganv2 import StarGANv2Recipe, _others

Config = Callable[..., TrainingConfig]
NETWORK = {
    "size": 32,
    "width": 8,
    "max_width": 16,
    "encoder_width": 4,
    "style_dim": 8,
    "mapping_width": 8,
    "residual": True,
    "pixel_range_mm": [1.0, 1.3],
}
SITES = {
    "names": ["sim-1.5T-mprage", "sim-3T-surface-coil"],
    "patch": [3, 32, 32],
    "voxel_mm": [1.0, 1.3],
    "random_sources": 0.0,
    "random_targets": 0.0,
}


@pytest.fixture
def config(small_config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setitem(small_training.NETWORKS, "starganv2", NETWORK)
    monkeypatch.setitem(recipes.RECIPES, "starganv2", StarGANv2Recipe)

    def make(**changes: Any) -> TrainingConfig:
        sites = SITES | changes.pop("sites", {})
        return small_config(recipe="starganv2", sites=sites, **changes)

    return make


def batch(recipe: StarGANv2Recipe, size: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    content, reference = torch.rand(2, size, 1, 3, 32, 32, generator=generator).unbind(0)
    source = torch.arange(size) % 2
    return {"content": content, "reference": reference, "source": source, "target_site": 1 - source}


def test_the_critic_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        critic = SiteCritic(3, 4, 256, 64, 512)
    assert round(sum(parameter.numel() for parameter in critic.parameters()) / 1e6, 3) == 20.853


def test_a_linear_change_of_intensities_is_coherent_and_a_gain_a_slice_is_not() -> None:
    content = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert incoherence(0.5 * content + 0.2, content) < 1e-6
    assert incoherence(-2.0 * content, content) < 1e-5
    flickering = content * torch.tensor([1.0, 1.2, 1.0])[:, None, None]
    assert incoherence(flickering, content) > 0.03


def test_incoherence_does_not_reward_a_change_of_gain() -> None:
    """The slope is without gradient: a flickering output cannot lower the loss by hiding behind another slope."""
    content = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    output = (content * torch.tensor([1.0, 1.3, 1.0])[:, None, None]).requires_grad_()
    (gradient,) = torch.autograd.grad(incoherence(output, content), output)
    assert gradient.sum().abs() < 1e-6, "only differences of neighbors count"


def test_the_gradient_penalty_is_half_of_the_squared_gradient() -> None:
    images = torch.rand(3, 1, 4, 4, requires_grad=True)
    weights = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    penalty = gradient_penalty((images * weights).sum(dim=(1, 2, 3)), images)
    assert penalty.item() == pytest.approx(0.5 * weights.square().sum().item())


def test_a_critic_that_is_right_loses_less() -> None:
    sure, unsure = torch.full((2,), 3.0), torch.zeros(2)
    assert believed(sure, True) < believed(unsure, True) < believed(sure, False)


def test_a_second_reference_is_another_image_of_the_same_site() -> None:
    content, reference = (torch.arange(3.0) + start for start in (10.0, 20.0))
    source, target = torch.tensor([0, 2, 1]), torch.tensor([0, 0, 2])
    others = _others(content, source, reference, target)
    assert others.tolist() == [21.0, 20.0, 11.0]
    alone = _others(content[:1], torch.tensor([1]), reference[:1], torch.tensor([0]))
    assert alone.tolist() == [20.0], "there is none but itself"


def test_each_phase_teaches_what_it_should(config: Config) -> None:
    recipe = StarGANv2Recipe(config())
    parts: dict[str, nn.Module] = dict(recipe.network.named_children()) | {"critic": recipe.critic}
    taught, names = [], []
    for name, losses in recipe.phases(recipe.networks, batch(recipe)):
        for network in recipe.networks.values():
            network.zero_grad(set_to_none=True)
        torch.stack([weight * value for weight, value in losses.values()]).sum().backward()
        stepped = {"critic"} if name == "critic" else parts.keys() - {"critic"}
        taught.append({part for part in stepped if any(p.grad is not None for p in parts[part].parameters())})
        names.append(losses.keys())
    assert taught == [
        {"critic"},
        {"critic"},
        {"generator", "style_encoder", "mapping"},
        {"generator"},
    ]
    assert {"critic_latent", "penalty_latent"} == names[0]
    assert {"adversarial_reference", "cycle_reference", "coherence_reference"} <= names[3]
    assert all(parameter.requires_grad for network in parts.values() for parameter in network.parameters())


def test_diversity_fades_and_the_penalty_is_rare(config: Config) -> None:
    recipe = StarGANv2Recipe(config())  # of 8 steps
    weights, penalties = [], []
    for _ in range(9):
        phases = [losses for _, losses in recipe.phases(recipe.networks, batch(recipe, 2))]
        weights.append(phases[2]["diversity_latent"][0])
        penalties.append("penalty_latent" in phases[0])
    assert weights[0] == -1.0 and weights[4] == pytest.approx(-0.5) and weights[8] == 0.0
    assert penalties == [True] + [False] * 8


def test_a_training_becomes_a_package_that_knows_the_sites(config: Config, tmp_path: Path) -> None:
    loop = {"steps": 12, "validation_every": 12, "ema_decay": 0.5}
    made = config(loop=loop | {"learning_rate": 2e-3})
    torch.manual_seed(made.seed)
    before = {name: value.clone() for name, value in StarGANv2Recipe(made).network.state_dict().items()}
    fit(made, tmp_path / "run")
    after = load_checkpoint(tmp_path / "run")["networks"]["network"]

    def moved(part: str) -> float:
        names = [name for name in before if name.startswith(part) and name.endswith("weight")]
        return max((after[name] - before[name]).abs().max().item() for name in names)

    assert 0 < moved("mapping.") < 0.1 * moved("generator.")

    card = export(tmp_path / "run", tmp_path / "package")
    assert card.sites == tuple(SITES["names"])
    assert card.target_kinds == ("site", "reference", "sample")
    assert "critic" not in json.dumps(card.config)
    package = load_package(tmp_path / "package")
    assert not any(name.startswith("critic") for name in package.network.state_dict())
    held_out = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    looks = [
        package.network.generator(scaled(held_out), package.network.site_styles(site).mean(0, keepdim=True))
        for site in range(2)
    ]
    assert (looks[0] - looks[1]).abs().mean() > 1e-6


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = {"steps": 4, "validation_every": 10, "validation_samples": 2}
    fit(config(loop=loop), tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Interrupt, "requested", True)
        progress, ending = fit(config(loop=loop), tmp_path / "stopped")
    assert (progress.step, ending) == (1, "interrupted")
    fit(config(loop=loop), tmp_path / "stopped", resume=True)
    whole, stopped = (load_checkpoint(tmp_path / name) for name in ("whole", "stopped"))
    torch.testing.assert_close(stopped["networks"], whole["networks"], rtol=0, atol=1e-6)
    torch.testing.assert_close(stopped["average"], whole["average"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sites": {"patch": [3, 48, 48]}}, r"sites\.patch is \[3, 48, 48\].*\[3, 32, 32\]"),
        ({"sites": {"voxel_mm": [1.0, 1.2]}}, "make them equal"),
        ({"sites": {"random_sources": 0.5}}, "random_sources"),
        ({"network": {"size": 40}}, "power of 2"),
        ({"losses": {"contrast": 1.0}}, "Unknown loss contrast"),
    ],
)
def test_what_does_not_fit_is_said(config: Config, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StarGANv2Recipe(config(**changes))
