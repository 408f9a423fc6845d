"""Engine: windows equal whole slices, memory ladder, devices, slices cut and pasted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mrstyle import methods
from mrstyle.engine import device as devices
from mrstyle.engine import look, tiles
from mrstyle.engine.plan import Plan, first_plan, ladder, run_down
from mrstyle.engine.slices import cut, paste, slice_axes
from mrstyle.engine.windows import windows
from mrstyle.errors import InputError, OutOfMemory

CPU = torch.device("cpu")


def _network(**config: object) -> torch.nn.Module:
    torch.manual_seed(0)
    tiny = {
        "width": 8,
        "max_width": 16,
        "downsamplings": 2,
        "residual_blocks": 2,
        "style_width": 4,
        "style_hidden": 8,
    }
    return methods.build("content_style", tiny | config).eval()


def _image(size: int) -> Tensor:
    """A bright disk with structure on one side only, so that windows have very different statistics."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    disk = ((x - 0.2) ** 2 + y**2 < 0.5).float() * (0.6 + 0.4 * torch.sin(9 * x) * (x > 0))
    return disk.expand(1, 3, -1, -1).contiguous()


@pytest.mark.parametrize("config", [{"modulation": "adain"}, {"modulation": "film", "stem_norm": False}])
def test_windows_give_what_the_whole_image_gives(config: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    network = _network(**config)
    images = _image(320)
    with torch.inference_mode():
        style = network.style(torch.rand(1, 1, 64, 64))
        # Not by the engine: in channels_last order, group_norm sums in a less exact way.
        whole = network.decode(network.encode(images), style)
        windowed = look.translate_images(network, images, style, Plan(CPU, "float32", 1, 192))
        monkeypatch.setattr(tiles, "shared", _each_for_itself)
        alone = look.translate_images(network, images, style, Plan(CPU, "float32", 1, 192))
    scale = (whole - whole.mean()).norm()
    assert (windowed - whole).norm() / scale < 0.01
    assert (alone - whole).norm() / scale > 0.1  # that is why statistics are shared


@contextmanager
def _each_for_itself(_: torch.nn.Module) -> Iterator[Any]:
    yield SimpleNamespace(collect=lambda run, places: None, enter=lambda window: None)


def test_windows_tile_the_image_once() -> None:
    count = np.zeros((104, 72), int)
    for window in windows(104, 72, 48, 8):
        count[window.place] += 1
        shape = tuple(part.stop - part.start for part in window.source)
        assert max(shape) <= 48
        assert [i.stop - i.start for i in window.inner] == [p.stop - p.start for p in window.place]
    assert (count == 1).all()


def test_the_ladder_ends_in_small_windows_on_the_cpu() -> None:
    plans = list(ladder(Plan(torch.device("cuda"), "float32", 16)))
    assert plans[0].batch == 16
    assert plans[-1] == Plan(CPU, first_plan(CPU).precision, 1, 192)
    assert [plan.device.type for plan in plans] == sorted((plan.device.type for plan in plans), reverse=True)


def test_memory_running_out_steps_down_and_tells() -> None:
    told: list[str] = []

    def work(plan: Plan) -> str:
        if plan.window_px is None:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
            )
        return "done"

    result, plan = run_down(Plan(CPU, "float32", 2), work, told.append)
    assert (result, plan.window_px) == ("done", 512)
    assert len(told) == 2
    assert "windows of 512 pixels" in told[-1]


def test_memory_that_never_suffices_is_one_clear_error() -> None:
    def work(plan: Plan) -> None:
        raise MemoryError

    with pytest.raises(OutOfMemory, match="not enough memory"):
        run_down(Plan(CPU, "float32", 2), work, lambda _: None)


def test_other_errors_are_not_taken_for_memory() -> None:
    def work(plan: Plan) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        run_down(Plan(CPU, "float32", 2), work, lambda _: None)


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    device, reason = devices.choose("auto")
    assert device == CPU
    assert "no usable GPU" in reason
    with pytest.raises(InputError, match="cuda cannot be used"):
        devices.choose("cuda")
    with pytest.raises(InputError, match="Unknown device"):
        devices.choose("tpu")


def test_slices_follow_thick_slices() -> None:
    fine = (1.0, 1.2, 1.0)
    assert slice_axes((0.9, 5.0, 0.9), fine) == (1,)
    assert slice_axes((0.5, 0.5, 3.0), (4.0, 1.0, 1.0)) == (2,)
    assert slice_axes(fine, (4.0, 1.0, 1.0)) == (0,)


def test_without_thick_slices_all_three_directions_are_used() -> None:
    assert slice_axes((1.0, 1.0, 1.0), (0.8, 0.9, 1.0)) == (0, 1, 2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_cut_and_paste_are_inverse(axis: int) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 40, 30), bool)
    mask[4:15, 10:35, 6:26] = True
    array = np.where(mask, rng.random(mask.shape), 0).astype(np.float32)
    stack = cut(array, mask, (1.0, 1.0, 1.0), axis, (0.7, 1.35), margin_mm=2)
    assert stack.images.numel() < array.size
    np.testing.assert_array_equal(paste(stack, stack.images, array.shape), array)


def test_fine_pixels_keep_their_detail() -> None:
    """The network sees 0.7 mm pixels; what it did (here: invert) holds for the detail of 0.35 mm, too."""
    rng = np.random.default_rng(0)
    mask = np.ones((3, 128, 128), bool)
    array = (0.5 + 0.2 * rng.random(mask.shape)).astype(np.float32)
    stack = cut(array, mask, (1.0, 0.35, 0.35), 0, (0.7, 1.35))
    assert stack.images.shape[1:] == (64, 64)
    output = paste(stack, 1.0 - stack.images, array.shape)
    error = np.sqrt(np.mean((output - (1 - array)) ** 2))
    blurred = torch.nn.functional.interpolate(1 - stack.images[:, None], size=(128, 128), mode="bilinear")[
        :, 0
    ].numpy()
    assert error < 0.3 * np.sqrt(np.mean((blurred - (1 - array)) ** 2))


def test_context_repeats_the_ends() -> None:
    array = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 16, 16), np.float32)
    stack = cut(array, np.ones(array.shape, bool), (1.0, 1.0, 1.0), 0, (0.7, 1.35))
    batch = stack.with_context(range(0, 4), 1)
    assert batch[:, :, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]
