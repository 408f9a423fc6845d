"""The light 3D harmonizer: its size, its start, its styles, and that blocks and whole volumes agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_fixtures import Run, assert_refused
from light3d_fixtures import SITES, head, tiny_light3d

from mrstyle import methods
from mrstyle.added_sites import add_site
from mrstyle.engine import blocks
from mrstyle.engine.blocks import Leveled, resized, style_codes, translate_blocks, with_detail
from mrstyle.engine.plan import Plan
from mrstyle.engine.prepared import Prepared
from mrstyle.engine.report import Reporter
from mrstyle.errors import InputError
from mrstyle.methods.light3d import smooth_level, toned
from mrstyle.metrics.image import psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import load_package
from mrstyle.targets import Reference, Sample, Site
from mrstyle.translate import translate

CPU = Plan(torch.device("cpu"), "float32", batch=1)


def test_the_published_size() -> None:
    """About 6.5 M values, as the design has it."""
    with torch.device("meta"):
        network = methods.build("light3d", {"sites": ["one", "two"]})
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(6.5e6, rel=0.06)


def test_each_site_has_a_look_and_the_same_site_always_the_same(tmp_path: Path) -> None:
    package, volume = tiny_light3d(tmp_path), head()
    first, again, other = (
        translate(volume, package, Site(name), device="cpu").image.array
        for name in (SITES[0], SITES[0], SITES[1])
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def test_an_output_has_the_grid_of_its_input_and_the_common_scale(tmp_path: Path) -> None:
    """Twice as bright a file is the same scan."""
    package, volume = tiny_light3d(tmp_path), head()
    brighter = volume.with_array(2 * volume.array)
    one, two = (translate(each, package, Site(SITES[0]), device="cpu") for each in (volume, brighter))
    assert one.image.shape == volume.shape
    np.testing.assert_array_equal(one.image.affine, volume.affine)
    np.testing.assert_allclose(one.image.array, two.image.array, atol=0.5)
    assert one.history.target["name"] == SITES[0]
    assert one.history.planes == []


def test_an_unknown_site_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for target in (Site("Atlantis"), Sample(1, site="Atlantis")):
        with pytest.raises(InputError, match=f"Atlantis.*{SITES[0]}, {SITES[1]}"):
            translate(head(), tiny_light3d(tmp_path), target, device="cpu")


def test_samples_differ_by_seed_and_repeat(tmp_path: Path) -> None:
    package, volume = tiny_light3d(tmp_path), head()
    one, again, two, near = (
        translate(volume, package, target, device="cpu").image.array
        for target in (Sample(1), Sample(1), Sample(2), Sample(1, SITES[0]))
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).max() > 0.1
    assert np.abs(one - near).max() > 0.1


def test_a_reference_gives_the_intensities_of_its_file(tmp_path: Path) -> None:
    package, volume = tiny_light3d(tmp_path), head()
    reference = head(seed=2)
    dim, bright = (
        translate(
            volume, package, Reference(reference.with_array(gain * reference.array)), device="cpu"
        ).image.array
        for gain in (1.0, 10.0)
    )
    assert np.abs(bright - 10 * dim).mean() < 0.03 * bright.mean()


def test_blocks_give_what_the_whole_volume_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_HALO", 24)
    network = tiny_light3d(tmp_path).network
    prepared = Prepared.of(head(), 16)
    whole, parts = (
        translate_blocks(network, prepared, Site(SITES[0]), plan, 1, 0, Reporter(None, None))[0]
        for plan in (CPU, replace(CPU, window_px=64))
    )
    assert psnr(parts, whole, data_range=1.0, mask=None) > 45


def test_an_uncertainty_comes_with_several_samples(tmp_path: Path) -> None:
    result = translate(head(), tiny_light3d(tmp_path), Site(SITES[0]), samples=2, device="cpu")
    assert result.uncertainty is not None
    assert result.uncertainty.array.max() > 0


@pytest.mark.parametrize("seen", [12, 40])
def test_a_volume_of_fine_or_large_voxels_keeps_its_detail(seen: int) -> None:
    """A pattern that the network sees blurred, or interpolated, is in the output nevertheless."""
    fine = torch.rand(24, 24, 24)
    cut = Leveled(resized(fine, [seen] * 3), fine, (slice(0, 24),) * 3, torch.ones(()), torch.ones(1, 5))
    restored = with_detail(cut, 0.5 * cut.image + 0.1)
    torch.testing.assert_close(restored, 0.5 * fine + 0.1, atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [[6, 12, 8], [24, 12, 40], [6, 30, 16]])
def test_resampling_keeps_a_ramp_a_ramp(size: list[int]) -> None:
    ramp = torch.linspace(0, 1, 12)[None, :, None].expand(12, 12, 16).contiguous()
    again = resized(ramp, size)
    assert list(again.shape) == size
    steps = again[3, 2:-2, 3].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, steps[0].item()), atol=1e-4, rtol=1e-2)


def test_a_reference_of_air_is_refused(tmp_path: Path) -> None:
    empty = Prepared.of(head(), 16)
    dark = replace(empty, array=np.zeros_like(empty.array))
    with pytest.raises(InputError, match="next to nothing"):
        translate_blocks(tiny_light3d(tmp_path).network, empty, dark, CPU, 1, 0, Reporter(None, None))


def test_a_site_is_added_from_its_scans(tmp_path: Path) -> None:
    """Its look is the one that is read when such a scan is the reference, and the other sites stay."""
    package, scans = tiny_light3d(tmp_path), [head(seed=2), head(seed=3)]
    card = add_site(package, "west", scans, tmp_path / "grown", description="A third scanner")
    assert card.sites == (*SITES, "west")
    assert (card.version, card.site_descriptions["west"]) == ("0.2.0", "A third scanner")
    grown = load_package(tmp_path / "grown")
    with torch.inference_mode():
        looks = [style_codes(package.network, Prepared.of(scan, 16), CPU)[0] for scan in scans]
    # Weights are stored in 16 bits.
    torch.testing.assert_close(grown.network.table[2], torch.cat(looks).mean(dim=0), atol=0.01, rtol=0.01)
    torch.testing.assert_close(grown.network.table[:2], package.network.table, atol=0.01, rtol=0.01)
    assert translate(head(), grown, Site("west"), device="cpu").image.has_grid_of(head())


def test_sites_that_cannot_be_added_are_refused(tmp_path: Path) -> None:
    package = tiny_light3d(tmp_path)
    with pytest.raises(InputError, match="knows the site north already"):
        add_site(package, "north", [head()], tmp_path / "grown", description="Again")
    with pytest.raises(InputError, match="histogram-matching cannot be given sites"):
        add_site(
            load_package(find("histogram-matching")),
            "west",
            [head()],
            tmp_path / "grown",
            description="A site",
        )
    assert not (tmp_path / "grown").exists()


def test_the_curve_brings_each_tissue_to_its_level() -> None:
    source, target = torch.tensor([[0.45, 0.5, 0.2, 1.5, 2.0]]), torch.tensor([[0.35, 0.42, 0.1, 2.1, 2.5]])
    values = torch.tensor([0.0, 0.2, 0.45, 0.5, 0.6, 1.5, 2.0, 4.0])
    curved = toned(values.view(1, 1, 1, 1, -1), source, target).flatten()
    torch.testing.assert_close(curved, torch.tensor([0.0, 0.1, 0.35, 0.42, 0.6, 2.1, 2.5, 5.0]))


def test_the_curve_rises_whatever_was_read() -> None:
    """Levels out of their order, or all alike, would else turn contrasts around."""
    values = torch.linspace(0, 3, 200).view(1, 1, 1, 1, -1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        source, target = torch.rand(2, 1, 5, generator=generator)
        curved = toned(values, source, target).flatten()
        assert torch.isfinite(curved).all()
        assert (curved.diff() > 0).all()


def test_shading_is_fitted_where_the_weight_is() -> None:
    """A smooth field, known in a fifth of the head and found in all of it."""
    lines = [torch.linspace(-1, 1, length) for length in (30, 36, 30)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    field = 0.3 * x - 0.2 * y + 0.1 * z * z
    weight = (torch.rand(field.shape, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    image = torch.where(weight > 0, field.exp(), torch.rand(field.shape))
    found = smooth_level(image[None, None], weight[None, None])[0, 0]
    assert (found - field).abs().mean() < 0.01
    assert (found - field).abs().max() < 0.25  # in the corners, far from what was known


def test_other_tissues_tell_the_shading_where_there_is_no_white_matter() -> None:
    """A shell of fat of unknown brightness around a core of white matter, under a field that the core alone does not tell."""
    lines = [torch.linspace(-1, 1, length) for length in (44, 50, 44)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    radius = (x * x + y * y + z * z).sqrt()
    field = 0.3 * x - 0.2 * y + 0.4 * radius**2
    white, fat = (radius < 0.35).float(), ((radius > 0.8) & (radius < 0.9)).float()
    noise = torch.exp(0.02 * torch.randn(field.shape, generator=torch.Generator().manual_seed(0)))
    image = noise * (field + math.log(2.5) * fat).exp()
    weights = torch.stack([white, fat])[None]
    found = smooth_level(image[None, None], weights)[0, 0]
    alone = smooth_level(image[None, None], weights[:, :1])[0, 0]
    inside = radius < 0.9
    assert (found - field)[inside].abs().mean() < 0.03
    assert (alone - field)[inside].abs().mean() > 2 * (found - field)[inside].abs().mean()


def test_a_person_keeps_what_no_scanner_explains(tmp_path: Path) -> None:
    """Half as much more fat signal than this scanner usually gives: so much more than usual, too, after the curve."""
    network = tiny_light3d(tmp_path).network
    with torch.no_grad():
        for each in network.parameters():
            each.zero_()
        network.scanner[-1].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.0, -0.3 / 0.4]))
    levels = torch.tensor([[0.4, 0.46, 0.12, 1.2, 1.8]])
    usual = network.usual_levels(levels)
    torch.testing.assert_close(usual, torch.tensor([[0.4, 0.46, 0.12, 1.2, 1.5]]))
    look = torch.tensor([[0.4, 0.46, 0.12, 1.2, 1.6, 0.0, 0.0, 0.0, 0.0]])
    block = torch.full((1, 1, 8, 8, 8), 1.8)
    drawn = network.decode(network.encode(block), torch.cat([levels, look], dim=1))
    torch.testing.assert_close(drawn, torch.full_like(block, 1.6 * 1.8 / 1.5))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--data-license": " "}, "--data-license is empty"),
        ({"--description": ""}, "--description is empty"),
        ({"-o": "."}, "exists; name a new folder"),
        ({"-o": "no/such/folder"}, "create it first"),
    ],
)
def test_a_request_for_a_site_is_checked_before_any_scan_is_read(
    mrstyle: Callable[..., Run],
    change: dict[str, str],
    said: str,
) -> None:
    options = {"--name": "west", "--description": "Third", "-o": "grown"} | change
    words = [word for pair in options.items() for word in pair]
    assert_refused(mrstyle("sites", "add", "no-such-scan.nii.gz", *words), said)


def test_what_lies_far_below_the_crown_is_not_taken_for_a_brain(tmp_path: Path) -> None:
    """Two heads that differ in their necks alone are read and leveled alike."""
    network = tiny_light3d(tmp_path).network
    one = torch.rand(1, 1, 60, 40, 40, generator=torch.Generator().manual_seed(0))
    other = one.clone()
    other[:, :, : 60 - 48] = 0.6  # as white matter would be
    with torch.inference_mode():
        (kinds, gain, levels), (same_kinds, same_gain, same_levels) = (
            network.levels(each) for each in (one, other)
        )
    torch.testing.assert_close(kinds, same_kinds)
    torch.testing.assert_close(gain, same_gain)
    torch.testing.assert_close(levels, same_levels)
