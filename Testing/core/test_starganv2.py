"""StarGAN v2: the published sizes, its norm, and harmonization by site, reference and sample on a phantom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mrstyle.engine.look import translate_images
from mrstyle.engine.plan import Plan
from mrstyle.errors import InputError, PackageError
from mrstyle.methods import build
from mrstyle.methods.starganv2 import StarGANv2, centered
from mrstyle.metrics.image import flicker_ratio
from mrstyle.models.package import Package, load_package, save_package
from mrstyle.networks.instance_norm import InstanceNorm, scaled_norm
from mrstyle.physics.phantom import head_phantom
from mrstyle.presets import preset_acquisition
from mrstyle.targets import Reference, Sample, Site
from mrstyle.translate import translate
from mrstyle.volume import Volume

SITES = ("North", "South", "West")
TINY: dict[str, Any] = {
    "sites": list(SITES),
    "size": 32,
    "width": 8,
    "max_width": 16,
    "encoder_width": 4,
    "style_dim": 8,
    "mapping_width": 8,
    "pixel_range_mm": [3.0, 5.0],
}


def network(**changes: Any) -> StarGANv2:
    torch.manual_seed(0)
    made = build("starganv2", TINY | changes)
    assert isinstance(made, StarGANv2)
    return made.eval()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    fields = {
        "schema_version": 1,
        "id": "tiny",
        "version": "1.0.0",
        "title": "tiny",
        "description": "made by a test",
        "method": "starganv2",
        "config": TINY,
        "accepts": {
            "dim": 2,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 16,
            "spacing_mm": [0.3, 6.0],
        },
        "target_kinds": ["site", "reference", "sample"],
        "sites": list(SITES),
        "training": {"description": "none", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "Apache-2.0",
        "citation": "none",
        "bf16_psnr_db": None,
        "recipe": None,
    }
    save_package(folder, fields, network())
    return load_package(folder)


@pytest.fixture(scope="module")
def head() -> Volume:
    return head_phantom(1, (40, 48, 40), 4.0).render(preset_acquisition("MPRAGE"), seed=1)


def millions(part: torch.nn.Module) -> float:
    return round(sum(parameter.numel() for parameter in part.parameters()) / 1e6, 3)


def test_the_defaults_have_the_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        published = build("starganv2", {"sites": ["a", "b", "c", "d"]})
        with_skips = build("starganv2", {"sites": ["a", "b", "c", "d"], "high_pass": True})
    assert isinstance(published, StarGANv2) and isinstance(with_skips, StarGANv2)
    assert millions(published.generator) == 33.893
    assert millions(with_skips.generator) == 43.467
    assert millions(published.mapping) == 4.080
    assert millions(published.style_encoder) == 20.983


def test_the_narrow_configuration_fits_into_a_bundled_package() -> None:
    narrow = {"size": 128, "width": 16, "max_width": 128, "encoder_width": 12, "mapping_width": 128}
    with torch.device("meta"):
        small = build("starganv2", {"sites": [f"site-{index}" for index in range(8)]} | narrow)
    assert 2 * millions(small) < 8.0, "MB in bfloat16"


@pytest.mark.parametrize("batch", [1, 2])
def test_the_norm_and_its_gradients_are_those_of_instance_norm(batch: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 2, 6, 10, 12, generator=generator).unbind(0)
    inputs = [x, *torch.randn(2, batch, 6, generator=generator).unbind(0)]
    inputs = [each.clone().requires_grad_() for each in inputs]
    norm = InstanceNorm()
    made = scaled_norm(norm, *inputs)
    expected = norm(inputs[0]) * inputs[1][:, :, None, None] + inputs[2][:, :, None, None]
    torch.testing.assert_close(made, expected)
    for one, other in zip(
        torch.autograd.grad((made * weight).sum(), inputs),
        torch.autograd.grad((expected * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"size": 64, "high_pass": True}])
def test_windows_give_what_whole_slices_give(changes: dict[str, Any]) -> None:
    made = network(**changes)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 256), torch.linspace(-0.2, 0.2, 48), indexing="ij")
    disk = (x**2 + (y - 0.2) ** 2 < 0.5).float() * (0.6 + 0.4 * torch.sin(9 * y) * (y > 0))
    images = disk.expand(1, 3, -1, -1).contiguous()
    with torch.inference_mode():
        style = made.sampled_style(3, 1)
        whole, windowed = (
            translate_images(made, images, style, Plan(torch.device("cpu"), "float32", 1, window))
            for window in (None, 192)
        )
    ratio = (windowed - whole).norm() / (whole - whole.mean()).norm()
    assert ratio < 0.01, ratio


def test_with_high_pass_skips_detail_reaches_the_output() -> None:
    made = network(size=64, high_pass=True)
    fine = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        code = made.encode(fine)
        style = made.sampled_style(0, 0)
        blind = [code[0], *(torch.zeros_like(skip) for skip in code[1:-1]), code[-1]]
        assert (made.decode(code, style) - made.decode(blind, style)).abs().mean() > 0.01


def test_a_residual_generator_starts_from_the_middle_slice() -> None:
    made = network(residual=True)
    slab = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        output = made.decode(made.encode(slab), made.site_styles(0).mean(dim=0, keepdim=True))
    assert output.shape == (2, 1, 32, 32)
    assert (output - slab[:, 1:2]).abs().mean() < 0.01


def test_a_reference_is_read_as_the_site_in_whose_style_it_comes_back_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = network()
    slabs = torch.rand(5, 3, 40, 36, generator=torch.Generator().manual_seed(0))
    images = 2 * centered(slabs, made.size) - 1
    tried = images[::1]
    codes = made.style_encoder(images)
    best = made.generator(tried, codes[:, 2].mean(dim=0, keepdim=True)).detach()
    # The slabs themselves are what the generator makes in the style of the third site.
    monkeypatch.setattr(
        made.generator,
        "decode",
        lambda code, w: tried + (0.0 if torch.allclose(w, codes[:, 2].mean(0, keepdim=True)) else 0.1),
    )
    assert best.shape == tried.shape
    torch.testing.assert_close(made.style(slabs), codes[:, 2])


def test_sites_samples_and_references_give_different_looks_on_the_volume_s_grid(
    package: Package, head: Volume
) -> None:
    targets = [Site("North"), Site("South"), Sample(1, "North"), Sample(2, "North"), Reference(head)]
    images = [translate(head, package, target, device="cpu").image for target in targets]
    for image in images:
        np.testing.assert_array_equal(image.affine, head.affine)
        assert image.array.shape == head.array.shape and np.isfinite(image.array).all()
    for index, one in enumerate(images):
        for other in images[index + 1 :]:
            assert np.abs(one.array - other.array).max() > 1.0
    again = translate(head, package, Sample(2, "North"), device="cpu").image
    np.testing.assert_array_equal(again.array, images[3].array)


def test_a_sample_of_no_site_is_of_one_of_them(package: Package) -> None:
    made = package.network
    assert isinstance(made, StarGANv2)
    drawn = [made.sampled_style(seed) for seed in range(8)]
    sites = [
        [torch.equal(code, made.sampled_style(seed, site)) for site in range(3)].index(True)
        for seed, code in enumerate(drawn)
    ]
    assert len(set(sites)) > 1


def test_axial_slices_alone_flicker_more_than_three_planes(package: Package, head: Volume) -> None:
    single, fused = (
        translate(head, package, Site("West"), device="cpu", planes=planes) for planes in ("single", "fused")
    )
    assert (single.history.planes, fused.history.planes) == (["axial"], ["axial", "coronal", "sagittal"])
    mask = head.array > 0.1 * head.array.max()
    ratios = [
        flicker_ratio(result.image.array, head.array, axis=0, data_range=1000.0, mask=mask)
        for result in (single, fused)
    ]
    assert ratios[0] > ratios[1]


def test_samples_of_a_site_have_an_uncertainty(package: Package, head: Volume) -> None:
    result = translate(head, package, Site("West"), device="cpu", samples=2, planes="single")
    assert result.uncertainty is not None
    assert result.uncertainty.array.max() > 0


def test_an_unknown_site_is_refused_with_those_that_are_known(package: Package, head: Volume) -> None:
    for target in (Site("East"), Sample(0, "East")):
        with pytest.raises(InputError, match=r"East.*North, South, West"):
            translate(head, package, target, device="cpu")


@pytest.mark.parametrize(("changes", "why"), [({"size": 48}, "power of 2"), ({"sites": ["one"]}, "sites")])
def test_a_configuration_that_cannot_be_is_refused(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=why):
        build("starganv2", TINY | changes)
