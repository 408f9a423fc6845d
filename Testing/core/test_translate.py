"""The one door: grid, intensities, determinism, samples, cancel, refusals; with real methods on small volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from mrstyle import methods
from mrstyle.acquisition import Acquisition
from mrstyle.errors import Cancelled, InputError
from mrstyle.models.package import Package, load_package, save_package
from mrstyle.targets import Reference
from mrstyle.translate import Progress, content_intensity, translate
from mrstyle.volume import Volume

TINY = {
    "width": 8,
    "max_width": 16,
    "downsamplings": 2,
    "residual_blocks": 1,
    "style_width": 4,
    "style_hidden": 8,
}


def _package(folder: Path, method: str, config: dict, dim: int) -> Package:
    torch.manual_seed(0)
    network = methods.build(method, config)
    fields = {
        "schema_version": 1,
        "id": method.replace("_", "-"),
        "version": "1.0.0",
        "title": method,
        "description": "made by a test",
        "method": method,
        "config": config,
        "accepts": {
            "dim": dim,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 16,
            "spacing_mm": [0.3, 6.0],
        },
        "target_kinds": ["reference"],
        "training": {"description": "none", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "Apache-2.0",
        "citation": "none",
        "bf16_psnr_db": None,
        "recipe": None,
    }
    save_package(folder / method, fields, network)
    return load_package(folder / method)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return _package(tmp_path_factory.mktemp("models"), "content_style", TINY, dim=2)


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return _package(tmp_path_factory.mktemp("models"), "histogram_matching", {}, dim=3)


def _head(
    shape: tuple[int, int, int], gray: float, white: float, fluid: float, scale: float, air: float = 0.0
) -> np.ndarray:
    """An ellipsoid of fluid, gray and white matter, in air."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(k**2 + j**2 + i**2)
    rng = np.random.default_rng(1)
    texture = 1 + 0.03 * rng.standard_normal(shape)
    layers = [radius < 0.45, radius < 0.6, radius < 0.72]
    return (
        np.select(layers, [white, gray, fluid], air) * np.where(radius < 0.72, texture, 1) * scale
    ).astype(np.float32)


@pytest.fixture(scope="module")
def content() -> Volume:
    """T1-like, oblique, anisotropic, left-handed."""
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-1.0, 1.1, 2.5])
    affine[:3, 3] = [12, -30, 7]
    array = _head((24, 40, 36), gray=0.6, white=1.0, fluid=0.2, scale=500)
    return Volume(array, affine, "content", Acquisition(family="mprage"))


@pytest.fixture(scope="module")
def style() -> Volume:
    """T2-like, of another size, on another scale."""
    return Volume(_head((30, 36, 44), gray=0.5, white=0.3, fluid=1.0, scale=2000), np.eye(4), "style")


def test_output_is_on_the_grid_of_the_content_in_the_range_of_the_style(
    network: Package, content: Volume, style: Volume
) -> None:
    result = translate(content, network, Reference(style), device="cpu")
    assert result.image.has_grid_of(content)
    np.testing.assert_array_equal(result.image.affine, content.affine)
    assert result.image.array.min() >= 0
    assert result.image.array.max() <= style.array.max() * 1.001
    assert result.image.acquisition is None  # it is no mprage any more
    assert result.uncertainty is None


def test_what_was_masked_stays_masked(network: Package, content: Volume, style: Volume) -> None:
    result = translate(content, network, Reference(style), device="cpu")
    assert np.all(result.image.array[content.array == 0] == 0)


def test_histogram_matching_gives_the_histogram_of_the_style(
    matching: Package, content: Volume, style: Volume
) -> None:
    result = translate(content, matching, Reference(style))
    inside, reference = content.array > 0, style.array[style.array > 0]
    quantiles = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(result.image.array[inside], quantiles), np.quantile(reference, quantiles), rtol=0.05
    )
    # Monotone: it cannot turn T1 into T2, which is why it is the comparator.
    order = np.argsort(content.array[inside])
    assert np.all(np.diff(result.image.array[inside][order]) >= -1e-2)


@pytest.mark.parametrize("method", ["histogram_matching", "nyul", "white_stripe"])
def test_a_volume_in_its_own_style_stays_as_it_is(method: str, tmp_path: Path, content: Volume) -> None:
    package = _package(tmp_path, method, {}, dim=3)
    result = translate(content, package, Reference(content))
    np.testing.assert_allclose(result.image.array, content.array, atol=2.0)


@pytest.mark.parametrize("method", ["nyul", "white_stripe"])
def test_scanner_gain_is_undone(method: str, tmp_path: Path, content: Volume) -> None:
    """The same head with another gain and a little gamma comes back to the look of the first."""
    package = _package(tmp_path, method, {}, dim=3)
    other = content.with_array(((content.array / 500) ** 1.1 * 90).astype(np.float32))
    result = translate(other, package, Reference(content))
    inside = content.array > 0
    before = np.abs(other.array - content.array)[inside].mean()
    assert np.abs(result.image.array - content.array)[inside].mean() < 0.1 * before


def test_the_same_run_gives_the_same_bits(network: Package, content: Volume, style: Volume) -> None:
    first, second = (
        translate(content, network, Reference(style), device="cpu", samples=3, seed=5) for _ in range(2)
    )
    np.testing.assert_array_equal(first.image.array, second.image.array)
    assert first.uncertainty is not None and second.uncertainty is not None
    np.testing.assert_array_equal(first.uncertainty.array, second.uncertainty.array)
    other = translate(content, network, Reference(style), device="cpu", samples=3, seed=6)
    assert not np.array_equal(first.image.array, other.image.array)


def test_samples_differ_inside_the_head_only(network: Package, content: Volume, style: Volume) -> None:
    result = translate(content, network, Reference(style), device="cpu", samples=4)
    assert result.uncertainty is not None
    assert result.uncertainty.has_grid_of(content)
    assert result.uncertainty.array[content.array > 0].mean() > 0
    assert result.uncertainty.array[content.array == 0].max() == 0


def test_the_orientation_of_the_file_does_not_matter(
    network: Package, content: Volume, style: Volume
) -> None:
    flipped_affine = content.affine @ np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 23], [0, 0, 0, 1.0]])
    stored_otherwise = Volume(content.array.transpose(0, 2, 1)[::-1].copy(), flipped_affine, "content")
    first = translate(content, network, Reference(style), device="cpu").image.array
    second = translate(stored_otherwise, network, Reference(style), device="cpu").image.array
    np.testing.assert_allclose(second, first.transpose(0, 2, 1)[::-1], rtol=1e-3, atol=2.0)


def test_history_tells_all_that_is_needed_to_do_it_again(
    network: Package, content: Volume, style: Volume
) -> None:
    history = translate(content, network, Reference(style), device="cpu", samples=2, seed=3).history
    assert history.model_id == "content-style"
    assert history.weights_sha256 == network.weights_sha256
    assert history.target["kind"] == "reference"
    assert history.target["name"] == "style"
    assert history.content["intensity"]["scale"] > 0
    assert (history.samples, history.seed, history.device) == (2, 3, "cpu")
    assert history.planes == ["axial"]
    assert history.versions["torch"] == torch.__version__


def test_history_tells_which_slices_were_used(
    network: Package, matching: Package, content: Volume, style: Volume
) -> None:
    coronal = Volume(style.array, np.diag([1.0, 3.0, 1.0, 1.0]), "coronal")
    every = ["axial", "coronal", "sagittal"]
    assert translate(style, network, Reference(style), device="cpu").history.planes == every
    assert translate(style, network, Reference(coronal), device="cpu").history.planes == ["coronal"]
    assert translate(content, matching, Reference(style)).history.planes == []


def test_a_style_that_shows_nothing_is_refused(network: Package, content: Volume) -> None:
    array = np.zeros((40, 40, 40))
    array[:, 20, 20] = np.arange(40)
    with pytest.raises(InputError, match="style line shows next to nothing"):
        translate(
            content, network, Reference(Volume(array, np.diag([0.4, 0.4, 0.4, 1]), "line")), device="cpu"
        )


def test_progress_rises_to_the_end(network: Package, content: Volume, style: Volume) -> None:
    seen: list[Progress] = []
    translate(content, network, Reference(style), progress=seen.append)
    fractions = [progress.fraction for progress in seen if progress.message is None]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.95
    assert any(progress.remaining_s is not None for progress in seen)
    assert any("CPU" in (progress.message or "") for progress in seen)


def test_cancel_ends_the_run(network: Package, content: Volume, style: Volume) -> None:
    calls = 0

    def cancel() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    with pytest.raises(Cancelled):
        translate(content, network, Reference(style), device="cpu", cancel=cancel)


def test_memory_running_out_is_survived_and_told(
    network: Package, content: Volume, style: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = network.network.decode
    failures = iter([True, True])

    def decode(*arguments: object) -> object:
        if next(failures, False):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(*arguments)

    monkeypatch.setattr(network.network, "decode", decode)
    result = translate(content, network, Reference(style), device="cpu")
    assert [note for note in result.notes if "Not enough memory" in note]


def _nan(array: np.ndarray) -> np.ndarray:
    return np.where(array > array.mean(), np.nan, array)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_nan, "NaN"),
        (np.zeros_like, "same value"),
        (lambda array: array[7:17, 8:18, 8:18], "too small"),
    ],
)
def test_volumes_that_are_not_usable(
    spoil, complaint: str, network: Package, content: Volume, style: Volume
) -> None:
    bad = Volume(spoil(content.array), content.affine, "bad")
    for arguments in ((bad, network, Reference(style)), (content, network, Reference(bad))):
        with pytest.raises(InputError, match=complaint) as caught:
            translate(*arguments, device="cpu")
        assert "bad" in str(caught.value)


def test_no_samples_is_refused(network: Package, content: Volume, style: Volume) -> None:
    with pytest.raises(InputError, match="1 or more"):
        translate(content, network, Reference(style), samples=0)


def test_a_method_without_weights_says_that_it_takes_no_device(
    matching: Package, content: Volume, style: Volume
) -> None:
    (note,) = translate(content, matching, Reference(style), device="cuda").notes
    assert "no network to run on cuda" in note
    assert translate(content, matching, Reference(style), device="auto").notes == []


class Unchanged(torch.nn.Module):
    """A network that gives back what it sees."""

    dim = 2
    context = style_context = 0
    divisor = 1
    pixel_range_mm = (0.1, 10.0)

    def encode(self, x: torch.Tensor, source: None = None) -> torch.Tensor:
        return x

    def style(self, target: torch.Tensor, like: None = None) -> torch.Tensor:
        return torch.zeros(1, 1)

    def decode(self, code: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return code


def test_enhancement_is_kept_by_the_intensity_map_of_the_first_frame(
    network: Package, content: Volume, style: Volume
) -> None:
    unchanged = Package(network.card, network.folder, Unchanged(), network.weights_sha256)
    core = np.zeros(content.shape, dtype=bool)
    core[9:15, 14:26, 12:24] = True
    enhanced = content.with_array(np.where(core, 3 * content.array, content.array))
    intensity = content_intensity(content, unchanged)

    def run(volume: Volume, **options: object) -> np.ndarray:
        result = translate(volume, unchanged, Reference(style), device="cpu", **options)  # type: ignore[arg-type]
        assert result.history.content["intensity_from"] == ("given" if options else "volume")
        return result.image.array

    first = run(content, intensity=intensity)
    np.testing.assert_allclose(np.minimum(first, style.array.max()), run(content), rtol=1e-6)
    # Brighter than anything that the style shows, and still three times as bright.
    np.testing.assert_allclose(run(enhanced, intensity=intensity)[core], 3 * first[core], rtol=1e-4)
    assert np.median(run(enhanced)[core] / first[core]) < 2


class Haze(Unchanged):
    """A network that makes signal out of nothing."""

    def decode(self, code: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return code + 0.4 * torch.exp(-code / 0.05)


def test_air_is_never_brighter_than_in_the_content(network: Package, content: Volume, style: Volume) -> None:
    noise = np.abs(np.random.default_rng(0).normal(0, 4, content.shape)).astype(np.float32)
    noisy = content.with_array(np.where(content.array > 0, content.array, noise))
    package = Package(network.card, network.folder, Haze(), network.weights_sha256)
    output = translate(noisy, package, Reference(style), device="cpu").image.array
    air = ndimage.binary_erosion(content.array == 0, iterations=4)
    unit = np.percentile(style.array[style.array > 0], 99.5) / np.percentile(
        content.array[content.array > 0], 99.5
    )
    assert (output[air] <= 1.05 * unit * noise[air]).all()
