"""The comparators: their sizes, their parts, and that each learns its one synthesis."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import entries, write_config
from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle.networks.blocks import doubled
from mrstyle_trainer.comparators import build
from mrstyle_trainer.comparators.ptnet import SoftSplit, linear_attention
from mrstyle_trainer.config import TrainingConfig, parse_config, read_config
from mrstyle_trainer.critics import PatchCritic
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.loop import fit
from mrstyle_trainer.losses import least_squares, squared
from mrstyle_trainer.recipes import build_recipe

SMALL: dict[str, dict[str, Any]] = {
    "pgan": {"width": 8, "residual_blocks": 1, "critic_width": 4},
    "resvit": {
        "width": 4,
        "blocks": 2,
        "transformer_blocks": [1, 2],
        "hidden": 16,
        "layers": 1,
        "heads": 2,
        "size": 48,
        "critic_width": 4,
    },
    "ptnet": {"width": 8, "hidden": 32, "layers": 1, "heads": 2},
}
CONFIGS = Path(__file__).parents[2] / "trainer" / "configs" / "comparators"
Config = Callable[..., TrainingConfig]


@pytest.fixture
def config(heads: Path, tmp_path: Path) -> Config:
    """Make a small configuration of a comparator with changes by part."""

    def make(recipe: str, **changes: Any) -> TrainingConfig:
        task = {"sequences": ["fse-5", "fse-7"]}
        changes["simulation"] = task | changes.get("simulation", {})
        network = SMALL[recipe] | changes.pop("network", {})
        content = entries(heads, **changes) | {"recipe": recipe, "network": network}
        return read_config(write_config(tmp_path / "config.yaml", content))

    return make


def small(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(name, SMALL[name]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def millions(network: nn.Module) -> float:
    return round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)


def test_published_sizes() -> None:
    with torch.device("meta"):
        assert millions(build("pgan", {})) == 11.366  # ResNet-9 generator
        assert millions(PatchCritic(1, 64)) == 2.763
        resvit = build("resvit", {})
    # Its two transformers are one: that of ViT-B (Dosovitskiy et al., ICLR 2021), 12 layers of 768, and a norm.
    assert millions(resvit.transformer.layers) == 85.056
    assert millions(resvit) < 1.5 * 85.056


@pytest.mark.parametrize("name", SMALL)
def test_an_image_of_any_size_comes_back_in_float32(name: str) -> None:
    network = build(name, SMALL[name] | {"context": 1})
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(torch.rand(2, 3, 32, 64))
    assert (output.shape, output.dtype) == ((2, 1, 32, 64), torch.float32)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str) -> None:
    network = small(name)
    network(torch.rand(2, 1, 48, 48)).square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        # A bias in front of a norm, or of keys, changes nothing.
        assert parameter_name.endswith("bias") or parameter.grad.abs().max() > 0, parameter_name


def test_a_critic_scores_every_patch() -> None:
    scores = PatchCritic(2, 4)(torch.rand(1, 2, 144, 96))
    assert scores.shape == (1, 1, 16, 10)
    assert least_squares(torch.tensor([1.0, 0.5]), 1.0).item() == pytest.approx(0.125)
    assert squared(torch.tensor([1.0, 0.5]), torch.tensor([0.0, 0.5])).item() == pytest.approx(0.5)


def test_linear_attention_approaches_softmax_attention() -> None:
    torch.manual_seed(0)
    queries, keys, values, directions = (torch.randn(1, tokens, 4) for tokens in (12, 20, 20, 50_000))
    queries, keys = queries / 2, keys / 2  # of large ones the random features would have to be more
    exact = nn.functional.scaled_dot_product_attention(queries, keys, values)
    torch.testing.assert_close(
        linear_attention(queries, keys, values, directions[0]), exact, rtol=0, atol=0.05
    )
    assert linear_attention(1e3 * queries, 1e3 * keys, values, directions[0, :8]).isfinite().all()


def test_compiled_soft_splits_learn_as_uncompiled_ones() -> None:
    torch.manual_seed(0)
    splits = nn.ModuleList([SoftSplit(2, 8, 3, 2), SoftSplit(8, 8, 3, 1)])

    def run(x: Tensor) -> Tensor:
        return splits[1](doubled(splits[0](x)))

    def gradients(run: Callable[[Tensor], Tensor], bfloat16: bool) -> dict[str, Tensor]:
        splits.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            output = run(torch.rand(2, 2, 16, 16, generator=torch.Generator().manual_seed(0)))
        (output.float() * torch.linspace(-1, 1, output.numel()).reshape(output.shape)).sum().backward()
        return {name: p.grad.clone() for name, p in splits.named_parameters() if p.grad is not None}

    exact, rounded, compiled = (
        gradients(run, False),
        gradients(run, True),
        gradients(torch.compile(run), True),
    )
    largest = max(gradient.norm().item() for gradient in exact.values())
    for name, gradient in exact.items():
        # bfloat16 errs; the compiled one errs no more than the other.
        error, usual = (compiled[name] - gradient).norm(), (rounded[name] - gradient).norm()
        assert error < 1.5 * usual + 0.02 * largest, name


@pytest.mark.parametrize("name", SMALL)
def test_a_training_beats_its_start_and_its_input(config: Config, tmp_path: Path, name: str) -> None:
    loop = {"steps": 60, "validation_every": 10, "validation_samples": 8, "learning_rate": 4e-3}
    settings = config(name, loop=loop)
    progress, ending = fit(settings, tmp_path / "run")
    assert (progress.step, ending) == (60, "finished")
    lines = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    first, *_, last = [line["validation_psnr_db"] for line in lines if line["validation_psnr_db"]]
    assert last > first + 0.5

    recipe = build_recipe(settings)
    held_out = load_samples(settings, "validation", recipe.samples)
    errors = [
        (item["scans"][0] - item["target"]).square().mean()
        for item in (held_out[index] for index in range(len(held_out)))
    ]
    assert last > (-10 * torch.log10(torch.stack(errors))).mean().item()  # of a network that changes nothing
    if name != "ptnet":
        assert all(
            0 < line[loss] < 4 for line in lines if "critic" in line for loss in ("critic", "adversarial")
        )


def test_generator_and_critic_learn_from_each_other_in_turn(config: Config) -> None:
    settings = config("pgan", losses={"absolute": 0.0})
    recipe = build_recipe(settings)
    item = load_samples(settings, "training", recipe.samples)[0]
    batch = {name: tensor[None] for name, tensor in item.items()}
    generator, critic = recipe.networks["network"], recipe.networks["critic"]
    for name, losses in recipe.phases(recipe.networks, batch):
        generator.zero_grad()
        critic.zero_grad()
        torch.stack([weight * value for weight, value in losses.values()]).sum().backward()
        learns = {
            key: any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())
            for key, network in recipe.networks.items()
        }
        if name == "network":
            assert learns["network"]  # from the critic alone
        else:
            assert learns == {"network": False, "critic": True}


@pytest.mark.parametrize("name", SMALL)
def test_the_configuration_to_start_from_is_accepted(name: str) -> None:
    assert "network" in build_recipe(parse_config(CONFIGS / f"{name}.yaml")).networks


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"simulation": {"sequences": ["fse-1", "fse-5", "fse-7"]}}, "list the source and the target"),
        ({"simulation": {"context": 1}}, r"network\.context is 0 and simulation\.context 1; make them equal"),
        ({"simulation": {"size": 50}}, "choose a multiple of 16"),
        ({"network": {"heads": 3}}, "resvit does not accept network: .*multiple of heads, 3"),
        ({"network": {"transformer_blocks": [3]}}, "numbered from 1 to 2"),
        ({"network": {"depth": 3}}, r"network\.depth"),
        ({"losses": {"perceptual": 1.0}}, "Unknown loss perceptual"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Config, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_recipe(config("resvit", **change))
