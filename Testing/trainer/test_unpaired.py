"""The comparators of enhancement: their sizes, their parts, and that each learns, goes on and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.errors import InputError
from mrstyle_trainer.checkpoint import load_checkpoint
from mrstyle_trainer.comparators import StyleGAN3, build
from mrstyle_trainer.comparators.alias_free import ModulatedConv, bands, resampling
from mrstyle_trainer.config import TrainingConfig, parse_config
from mrstyle_trainer.critics import FrameCritic, ImagePool
from mrstyle_trainer.data import load_samples
from mrstyle_trainer.export import export, load_average
from mrstyle_trainer.loop import fit
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.recipes.unpaired import SLICES, unpaired_frames

SMALL: dict[str, dict[str, Any]] = {
    "munit": {"width": 4, "residual_blocks": 1, "style_dim": 3, "style_hidden": 8, "critic_width": 4},
    "cyclegan": {"width": 4, "residual_blocks": 1, "critic_width": 4},
    "stylegan3": {
        "size": [32, 32],
        "reduction": 2,
        "layers": 5,
        "width": 4,
        "max_width": 16,
        "latent_dim": 16,
        "margin": 3,
        "crossover": 3,
        "projection_steps": 10,
        "critic_width": 4,
    },
}
CONFIGS = Path(__file__).parents[2] / "trainer" / "configs" / "comparators"


def configured(recipe: str, **changes: Any) -> TrainingConfig:
    loop = {
        "steps": 3,
        "batch_size": 2,
        "validation_every": 3,
        "validation_samples": 2,
        "warmup_steps": 0,
        "loader_processes": 0,
    }
    data = {
        "kind": "dce_phantoms",
        "body": "kidney",
        "training_people": 3,
        "validation_people": 2,
        "patch": [64, 64],
        "interval_s": [4.0, 6.0],
        "duration_s": [60.0, 70.0],
    }
    values: dict[str, Any] = {
        "recipe": recipe,
        "network": SMALL[recipe] | changes.pop("network", {}),
        "data": data | changes.pop("data", {}),
        "loop": loop | changes.pop("loop", {}),
    }
    return TrainingConfig.model_validate(values | changes)


def batch_of(config: TrainingConfig) -> dict[str, Tensor]:
    samples = load_samples(config, "training", build_recipe(config).samples)
    items = [samples[index] for index in range(2)]
    return {name: torch.stack([item[name] for item in items]) for name in items[0]}


def millions(network: nn.Module) -> float:
    return round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)


def test_published_sizes() -> None:
    with torch.device("meta"):
        munit, cyclegan = build("munit", {}), build("cyclegan", {})
    assert [millions(domain) for domain in munit.domains.values()] == [15.007, 15.007]
    assert [millions(generator) for generator in cyclegan.generators.values()] == [11.366, 11.366]


@pytest.mark.parametrize("name", SMALL)
def test_frames_come_back_in_float32_whatever_their_size(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, SMALL[name]).eval()
    frames, style = torch.rand(3, 1, 48, 80), torch.rand(1, 1, 64, 64)
    is_enhanced = torch.tensor([True, False, True])
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        code = network.encode(frames, is_enhanced)
        drawn = {
            enhancement: network.draw(code, style, enhancement) for enhancement in ("baseline", "enhanced")
        }
    for image in drawn.values():
        assert (image.shape, image.dtype) == (frames.shape, torch.float32)
    assert (name == "stylegan3") == torch.equal(
        drawn["baseline"], drawn["enhanced"]
    )  # its style frame tells which


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str) -> None:
    recipe = build_recipe(configured(name))
    with torch.no_grad():
        for parameter in recipe.networks[recipe.main].parameters():
            parameter += 0.05 * torch.randn_like(parameter)  # no style leaves anything as it is
    learned: dict[str, float] = {}
    for phase, losses in recipe.phases(recipe.networks, batch_of(configured(name))):
        network = recipe.networks[phase]
        network.zero_grad()
        torch.stack([weight * value for weight, value in losses.values()]).sum().backward()
        for parameter_name, parameter in network.named_parameters():
            assert parameter.grad is not None, parameter_name
            learned[f"{phase} {parameter_name}"] = float(parameter.grad.abs().max())
        if phase == recipe.main:
            others = [each for name, each in recipe.networks.items() if name != phase]
            assert all(p.grad is None for each in others for p in each.parameters()) or name == "stylegan3"
    # A bias in front of a norm changes nothing.
    assert not [name for name, most in learned.items() if most == 0 and not name.endswith("bias")]


@pytest.mark.parametrize("name", SMALL)
def test_a_training_that_was_stopped_goes_on_as_it_would_have(name: str, tmp_path: Path) -> None:
    loop = {"precision": "32-true", "schedule": "constant", "validation_every": 2}
    whole = configured(name, loop=loop | {"steps": 4})
    progress, ending = fit(whole, tmp_path / "whole")
    assert (progress.step, ending) == (4, "finished")
    fit(configured(name, loop=loop | {"steps": 2}), tmp_path / "halves")
    fit(whole, tmp_path / "halves", resume=True)
    one, other = (load_checkpoint(tmp_path / run)["networks"] for run in ("whole", "halves"))
    for network, tensors in one.items():
        for key, tensor in tensors.items():
            torch.testing.assert_close(tensor, other[network][key], rtol=0, atol=1e-5, msg=f"{network} {key}")
    recipe = build_recipe(whole)
    load_average(tmp_path / "whole", recipe)
    batch = batch_of(whole)
    with torch.no_grad():
        assert recipe.predict(recipe.networks[recipe.main], batch).shape == batch["target"].shape
    lines = [json.loads(line) for line in (tmp_path / "whole" / "progress.jsonl").read_text().splitlines()]
    assert any(line["validation_psnr_db"] for line in lines)
    with pytest.raises(InputError, match=f"{name} is a comparator"):
        export(tmp_path / "whole", tmp_path / "package")


@pytest.mark.parametrize("name", SMALL)
def test_of_volumes_some_slices_are_learned(name: str) -> None:
    data = {"body": "prostate", "interval_s": [6.0, 6.5], "duration_s": [40.0, 50.0]}
    config = configured(name, data=data)
    batch = batch_of(config)
    frames = unpaired_frames(batch, torch.Generator().manual_seed(0))
    assert frames["baseline"].shape == frames["enhanced"].shape == (2 * SLICES, 1, 64, 64)
    baseline = batch["style"][:, 0].flatten(0, 1)
    assert all((baseline == each[0]).all(dim=2).all(dim=1).any() for each in frames["baseline"])
    recipe = build_recipe(config)
    with torch.no_grad():
        output = recipe.predict(recipe.networks[recipe.main], batch)
    assert output.shape == ((2, 2, 64, 64) if name == "stylegan3" else batch["target"].shape)


def test_cyclegan_gets_a_truth_of_its_own_frames_back() -> None:
    """What it is to learn is reached by a network that changes nothing: neither cycle nor identity then costs anything."""
    network = build("cyclegan", SMALL["cyclegan"])
    for generator in network.generators.values():
        generator.forward = lambda x: x
    frames = {"baseline": torch.rand(2, 1, 64, 64), "enhanced": torch.rand(2, 1, 64, 64)}
    drawn, losses = network(frames, torch.zeros(2, 2, 0))
    assert {name: float(value) for name, value in losses.items()} == {"cycle": 0.0, "identity": 0.0}
    torch.testing.assert_close(drawn["enhanced"], frames["baseline"])


def test_munit_reads_each_frame_by_the_encoder_of_its_domain() -> None:
    torch.manual_seed(0)
    network = build("munit", SMALL["munit"])
    frames = torch.rand(2, 1, 64, 64)
    code = network.encode(frames, torch.tensor([False, True]))
    for number, name in enumerate(("baseline", "enhanced")):
        torch.testing.assert_close(code[number], network.domain(name).encode(frames)[-1][number])
    one, other = (network.draw(code, style * torch.rand(1, 1, 64, 64), "enhanced") for style in (0.2, 2.0))
    assert (one - other).abs().max() > 1e-4


def test_a_pool_gives_back_what_it_was_given() -> None:
    pool, generator = ImagePool(4, (2, 2)), torch.Generator().manual_seed(0)
    given = torch.arange(40.0)[:, None, None, None].expand(-1, 1, 2, 2)
    shown = torch.cat([pool.exchanged(part, generator) for part in given.split(2)])
    torch.testing.assert_close(shown[:4], given[:4])  # until it is full
    ages = (torch.arange(40.0) - shown[:, 0, 0, 0])[4:]
    assert (ages >= 0).all()
    assert 0.2 < (ages > 0).float().mean() < 0.8
    assert not set(pool.images[:, 0, 0, 0].tolist()) & set(shown[4:][ages == 0][:, 0, 0, 0].tolist())


def test_resampling_keeps_what_is_below_the_cutoff_and_nothing_above() -> None:
    """Of sines, sampled 32 times: the finer samples are those of the same sine; beyond the transition nothing is left."""
    for frequency, left in ((2.0, 1.0), (13.0, 0.0)):
        count, finer = 32, 64
        matrix = resampling(count, 32.0, finer, 64.0, cutoff=7.0, half_width=5.0)
        coarse, fine = ((torch.arange(n) - (n - 1) / 2) / n for n in (count, finer))
        output = matrix @ torch.sin(2 * torch.pi * frequency * coarse + 0.3)
        wanted = left * torch.sin(2 * torch.pi * frequency * fine + 0.3)
        inner = slice(8, -8)  # air is all around
        assert (output - wanted)[inner].abs().max() < 0.06


def test_bands_rise_to_the_full_rate() -> None:
    found = bands((80, 96), 8, margin=6)
    assert [band.rate for band in found] == sorted(band.rate for band in found)
    assert found[-1].size == (80, 96)
    assert all(band.cutoff <= band.rate / 2 for band in found)
    assert found[0].size == (10 + 12, 12 + 12)


def test_demodulation_keeps_unit_variance() -> None:
    torch.manual_seed(0)
    conv = ModulatedConv(48, 48, 3, 16, demodulate=True).eval()
    with torch.no_grad():
        conv.affine.weight *= 8
        output = conv(torch.randn(8, 48, 40, 40), torch.randn(8, 16))
    deviations = output[:, :, 2:-2, 2:-2].std(dim=(1, 2, 3))
    assert (deviations - 1).abs().max() < 0.1
    # It is the convolution with kernels of each item's own.
    x, style = torch.randn(2, 48, 12, 12), torch.randn(2, 16)
    kernels = conv.weight * conv.affine(style)[:, None, :, None, None]
    kernels = kernels / kernels.square().sum(dim=(2, 3, 4), keepdim=True).sqrt()
    own = torch.cat([F.conv2d(x[[i]], kernels[i], padding=1) for i in range(2)])
    torch.testing.assert_close(conv(x, style), own, rtol=1e-3, atol=1e-4)


class NaiveInOrder(nn.Module):
    """The same layers, with nearest doubling and plain ReLUs in place of filters."""

    def __init__(self, network: StyleGAN3) -> None:
        super().__init__()
        self.network = network

    def forward(self, styles: Tensor, shift: Tensor) -> Tensor:
        x = self.network.input(styles[:, 0], shift)
        for index, layer in enumerate(self.network.layers):
            x = 2**0.5 * F.leaky_relu(layer.conv(x, styles[:, index + 1]) + layer.bias, 0.2)
            x = F.interpolate(x, size=layer.activation.down_rows.shape[0], mode="nearest")
        return self.network.last(x, styles[:, -1])


def test_what_is_drawn_moves_with_the_waves_by_parts_of_a_pixel() -> None:
    """Moved waves draw the moved image; those of a network that doubles pixels draw something else."""
    torch.manual_seed(1)
    shape = {"size": [64, 64], "reduction": 1, "layers": 6, "margin": 8, "width": 8, "max_width": 32}
    network = build("stylegan3", SMALL["stylegan3"] | shape).eval()
    naive = NaiveInOrder(network)

    def psnr_of_moves(draw: Any, pixels: float) -> float:
        styles = network.mapped(torch.randn(2, 16, generator=torch.Generator().manual_seed(0)))
        with torch.no_grad():
            still, moved = (draw(styles, torch.tensor([0.0, shift / 64])) - 0.2 for shift in (0.0, pixels))
        # A phase in the Fourier transform moves by any distance; away from the edges, where what comes in is unknown.
        phase = torch.exp(-2j * torch.pi * torch.fft.rfftfreq(64) * pixels)
        wanted = torch.fft.irfft(torch.fft.rfft(still * torch.hann_window(64, False)) * phase, 64)
        window = torch.fft.irfft(torch.fft.rfft(torch.hann_window(64, False)) * phase, 64)
        error = (wanted - moved * window)[..., 8:-8, 16:-16].square().mean()
        return float(10 * torch.log10(still.square().mean() / error))

    for pixels in (3.0, 1.5, 0.37):
        ours, theirs = psnr_of_moves(network.drawn, pixels), psnr_of_moves(naive, pixels)
        assert ours > 20, pixels
        assert ours > theirs + 6, pixels


def test_projection_finds_what_the_network_can_draw() -> None:
    torch.manual_seed(0)
    network = build("stylegan3", SMALL["stylegan3"]).eval()
    with torch.no_grad():
        images = network(torch.randn(2, 16))
        before = (network.drawn(network.typical()) - images).abs().mean()
        styles = network.projected(images, network.typical(), 60)
        after = (network.drawn(styles) - images).abs().mean()
        alone = network.projected(images[[1]], network.typical(), 60)
    assert after < 0.5 * before
    torch.testing.assert_close(styles[[1]], alone, rtol=0, atol=1e-3)
    mixed = network.mixed(styles[[0]], styles[[1]])
    assert (mixed - network.drawn(styles[[0]])).abs().max() > 1e-4
    torch.testing.assert_close(network.mixed(styles, styles), network.drawn(styles))


def test_a_critic_of_frames_scores_each() -> None:
    torch.manual_seed(0)
    critic = FrameCritic((32, 48), 4, 16)
    scores = critic(torch.rand(3, 1, 32, 48))
    assert scores.shape == (3,)
    same, mixed = torch.rand(1, 1, 32, 48).expand(2, -1, -1, -1), torch.rand(2, 1, 32, 48)
    mixed = torch.cat([same[:1], mixed[1:]])
    assert critic(same)[0] != critic(mixed)[0]  # it sees that images are alike


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("body", ["kidney", "prostate"])
def test_the_configuration_to_start_from_is_accepted(name: str, body: str) -> None:
    assert "network" in build_recipe(parse_config(CONFIGS / f"dce-{name}-{body}.yaml")).networks


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("munit", {"data": {"patch": [72, 64]}}, "choose multiples of 16"),
        ("cyclegan", {"data": {"patch": [32, 64]}}, "64 or more"),
        ("munit", {"network": {"depth": 2}}, r"munit does not accept network\.depth"),
        ("cyclegan", {"losses": {"style": 1.0}}, "Unknown loss style"),
        ("stylegan3", {"data": {"patch": [128, 128]}}, r"frames of \[64, 64\] pixels"),
        ("stylegan3", {"loop": {"compile": True}}, "set loop.compile to false"),
        ("stylegan3", {"network": {"crossover": 5}}, "choose less than layers, 5"),
        ("stylegan3", {"network": {"size": [40, 32]}}, "choose multiples of 16"),
    ],
)
def test_a_wrong_configuration_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_recipe(configured(name, **changes))


def test_they_learn_from_series_alone() -> None:
    phantoms = {"kind": "phantoms", "training_seeds": [1, 2], "validation_seeds": [3, 4]}
    values = configured("munit").model_dump() | {"data": phantoms}
    with pytest.raises(InputError, match="learns from series alone"):
        build_recipe(TrainingConfig.model_validate(values))
