"""Enhancement of series: the network, its windows, and what is said of a series that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_fixtures import Run, assert_refused
from dce_fixtures import CONFIG, TIMES_S, kidney, tiny

from mrstyle.dce import Like, check_series, enhancement_of, motion_mm, transfer_enhancement
from mrstyle.engine.dynamic import draw_frames
from mrstyle.engine.plan import Plan
from mrstyle.errors import InputError
from mrstyle.methods.spatiotemporal import SpatioTemporal, SpatioTemporalConfig
from mrstyle.networks.recurrence import BiConvLSTM, ConvLSTM
from mrstyle.qa.series import series_quality
from mrstyle.series import read_series, write_series
from mrstyle.volume import write_volume

CPU = Plan(torch.device("cpu"), "float32", batch=1)


def test_the_published_size() -> None:
    """Of the recurrence 3.54 M values, as the design has it; the LSTM keeps the number of channels."""
    with torch.device("meta"):
        network = SpatioTemporal(SpatioTemporalConfig.published())
    assert network.recurrence is not None
    assert sum(each.numel() for each in network.recurrence.parameters()) == 3_539_968


@pytest.mark.parametrize("dim", [2, 3])
def test_the_recurrence_is_the_textbook_lstm(dim: int) -> None:
    """With kernels of one pixel, each pixel is a sequence of its own for torch's LSTM."""
    torch.manual_seed(0)
    ours, theirs = ConvLSTM(3, 4, dim, kernel=1), torch.nn.LSTM(3, 4, batch_first=True)
    order = [0, 1, 3, 2]  # torch: input, forget, cell, output; ours: input, forget, output, cell
    with torch.no_grad():
        for mine, weight in ((ours.of_input, theirs.weight_ih_l0), (ours.of_state, theirs.weight_hh_l0)):
            gates = weight.chunk(4)
            mine.weight.copy_(torch.cat([gates[index] for index in order]).reshape(mine.weight.shape))
        bias = (theirs.bias_ih_l0 + theirs.bias_hh_l0).chunk(4)
        ours.of_input.bias.copy_(torch.cat([bias[i] for i in order]))
    x = torch.randn(2, 5, 3, *[4] * dim)
    flat = x.flatten(3).permute(0, 3, 1, 2).flatten(0, 1)
    wanted = theirs(flat)[0].reshape(2, -1, 5, 4).permute(0, 2, 3, 1).reshape(2, 5, 4, *[4] * dim)
    torch.testing.assert_close(ours(x), wanted, atol=1e-5, rtol=1e-4)


def test_both_directions_are_mirror_images() -> None:
    """A series backward through swapped directions is the output backward."""
    torch.manual_seed(0)
    one, other = BiConvLSTM(4, 2), BiConvLSTM(4, 2)
    other.later.load_state_dict(one.earlier.state_dict())
    other.earlier.load_state_dict(one.later.state_dict())
    x = torch.randn(1, 5, 4, 8, 8)
    later, earlier = one(x).chunk(2, dim=2)
    mirrored = other(x.flip(1)).flip(1)
    torch.testing.assert_close(mirrored, torch.cat([earlier, later], dim=2))


@pytest.mark.parametrize("modulation", ["adaconv", "spade", "adain"])
@pytest.mark.parametrize("dim", [2, 3])
def test_a_window_becomes_a_frame_in_two_and_three_dimensions(dim: int, modulation: str) -> None:
    network = SpatioTemporal(SpatioTemporalConfig(**CONFIG, dim=dim, modulation=modulation))
    size = [32, 48] if dim == 2 else [3, 32, 48]
    frames = torch.rand(2, 5, *size)
    drawn, _, _ = network(frames, frames[:, :1], "enhanced")
    assert drawn.shape == (2, 1, *size)
    other, _, _ = network(frames, frames[:, :1], "baseline")
    assert not torch.equal(drawn, other)
    # What the neighbors show reaches the middle frame.
    changed = frames.clone()
    changed[:, 0] = 0
    assert not torch.equal(
        network(changed, frames[:, 1:2], "enhanced")[0], network(frames, frames[:, 1:2], "enhanced")[0]
    )


@pytest.mark.parametrize("dim", [2, 3])
def test_windows_of_a_series_are_those_of_training(tmp_path: Path, dim: int) -> None:
    """The engine encodes each frame once; the network alone, fed with a window, draws the same. Ends are mirrored."""
    network = tiny(tmp_path, dim).network
    frames = np.random.default_rng(0).uniform(0.2, 1, (7, 4, 32, 48)).astype(np.float32)
    mask = np.ones((4, 32, 48), bool)
    spacing = (6.0, 1.5, 1.5)
    look = ((frames[0], mask, spacing), "enhanced")
    outputs = draw_frames(network, frames, mask, spacing, [look], range(7), CPU, lambda _: None)[0]
    for time, window in ((3, [1, 2, 3, 4, 5]), (0, [2, 1, 0, 1, 2]), (6, [4, 5, 6, 5, 4])):
        x = torch.from_numpy(frames[window])
        with torch.inference_mode():
            if dim == 3:
                wanted = network(x[None], torch.from_numpy(frames[:1])[None], "enhanced")[0][0, 0]
            else:
                style = network.style(torch.from_numpy(frames[0, 1:3]).unsqueeze(1)).mean(dim=0, keepdim=True)
                codes = [
                    torch.stack(each)
                    for each in zip(*(network.encode(f.unsqueeze(1)) for f in x), strict=True)
                ]
                joined = network.joined(codes[-1].transpose(0, 1))
                wanted = network.decode([*(each[2] for each in codes[:-1]), joined], (style, "enhanced"))[
                    :, 0
                ]
        np.testing.assert_allclose(outputs[time], wanted.numpy(), atol=2e-4)


@pytest.mark.parametrize("dim", [2, 3])
def test_chosen_frames_in_several_looks_are_those_of_the_whole_series(tmp_path: Path, dim: int) -> None:
    network = tiny(tmp_path, dim).network
    frames = np.random.default_rng(0).uniform(0.2, 1, (9, 3, 32, 32)).astype(np.float32)
    mask, spacing = np.ones((3, 32, 32), bool), (6.0, 1.5, 1.5)
    looks = [((frames[time], mask, spacing), name) for time, name in ((0, "baseline"), (4, "enhanced"))]
    shares: list[float] = []
    some = draw_frames(network, frames, mask, spacing, looks, (0, 5, 8), CPU, shares.append)
    assert some.shape == (2, 3, 3, 32, 32)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    for drawn, look in zip(some, looks, strict=True):
        whole = draw_frames(network, frames, mask, spacing, [look], range(9), CPU, lambda _: None)[0]
        np.testing.assert_allclose(drawn, whole[[0, 5, 8]], atol=1e-5)


def test_only_the_window_of_a_chosen_frame_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tiny(tmp_path).network
    encoded, encode = [], network.encode
    monkeypatch.setattr(network, "encode", lambda image: encoded.append(1) or encode(image))
    frames = np.random.default_rng(0).uniform(0.2, 1, (20, 1, 32, 32)).astype(np.float32)
    mask, spacing = np.ones((1, 32, 32), bool), (6.0, 1.5, 1.5)
    looks = [((frames[0], mask, spacing), name) for name in ("baseline", "enhanced")]
    draw_frames(network, frames, mask, spacing, looks, (10,), CPU, lambda _: None)
    assert len(encoded) == 5


def test_a_series_keeps_places_times_and_air(tmp_path: Path) -> None:
    content = kidney()
    for target in ("baseline", "enhanced", Like(kidney(2), 4), Like(kidney(2))):
        result = transfer_enhancement(content, tiny(tmp_path), target, device="cpu")
        assert result.series.frames.shape == content.frames.shape
        np.testing.assert_array_equal(result.series.times_s, content.times_s)
        air = content.frames.max(axis=0) < 0.02 * content.frames.max()
        assert result.series.frames[:, air].max() <= content.frames[:, air].max() + 1e-3
    assert result.sidecar["MRStyle"]["style"]["name"] == "kidney 2"


def test_twice_as_bright_a_file_is_the_same_series(tmp_path: Path) -> None:
    content = kidney()
    bright = content.with_frames(2 * content.frames, content.name)
    one, two = (
        transfer_enhancement(each, tiny(tmp_path), "baseline", device="cpu").series
        for each in (content, bright)
    )
    np.testing.assert_allclose(two.frames, 2 * one.frames, atol=2.0)


def test_enhancement_is_seen_where_it_is() -> None:
    series = kidney()
    seen = enhancement_of(series)
    assert seen.is_there
    assert seen.fading < 0.01
    assert 20 < series.times_s[seen.peak] < 60
    assert not seen.is_enhanced(0)
    assert seen.is_enhanced(seen.peak)
    quiet = series.with_frames(np.repeat(series.frames[:1], 12, axis=0), "quiet")
    assert not enhancement_of(quiet).is_there


def test_quality_is_perfect_for_the_series_itself_and_falls_with_a_change() -> None:
    series = kidney()
    same = series_quality(series, series, 0)
    np.testing.assert_allclose(same.content, 1, atol=1e-5)
    assert same.style is not None
    assert same.style[0] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(same.before, same.after)
    noisy = series.with_frames(
        series.frames + 300 * np.random.default_rng(0).standard_normal(series.frames.shape), "n"
    )
    assert series_quality(noisy, series).content.max() < 0.95


def test_a_series_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    series, package = kidney(), tiny(tmp_path)
    short = replace(series, frames=series.frames[:4], times_s=TIMES_S[:4])
    with pytest.raises(InputError, match="4 frames; this needs at least 5"):
        transfer_enhancement(short, package, "baseline")
    late = series.with_frames(series.frames[::-1].copy(), "late")
    with pytest.raises(InputError, match="enhanced already"):
        transfer_enhancement(late, package, "baseline")
    quiet = series.with_frames(np.repeat(series.frames[:1], 12, axis=0), "quiet")
    with pytest.raises(InputError, match="shows no enhancement"):
        transfer_enhancement(quiet, package, "enhanced")
    with pytest.raises(InputError, match="frames 0 to 11, not 12"):
        transfer_enhancement(series, package, Like(series, 12))


def test_motion_is_told_with_a_figure() -> None:
    still, moving = kidney(), kidney(breathing_mm=0.0)
    assert motion_mm(still) < 3
    shifted = np.stack([np.roll(frame, 4 * (index % 2), axis=0) for index, frame in enumerate(moving.frames)])
    moved = moving.with_frames(shifted, "moving")
    assert motion_mm(moved) == pytest.approx(4 * 5.4, rel=0.15)
    _, notes = check_series(moved)
    assert "moves by up to 2" in notes[0]


def test_the_command_writes_a_series_and_its_maps(tmp_path: Path, mrstyle: Callable[..., Run]) -> None:
    tiny(tmp_path)
    write_series(kidney(), tmp_path / "in.nii.gz", {})
    told = mrstyle(
        "dce", tmp_path / "in.nii.gz", "--enhancement", "baseline", "--model", tmp_path / "tiny-dce-2",
        "-o", tmp_path / "out.nii.gz", "--maps", tmp_path / "maps", "--device", "cpu", "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert len(result["content_cw_ssim"]) == len(result["style_cw_ssim"]) == len(TIMES_S)
    assert {each.name for each in (tmp_path / "maps").iterdir()} == {
        "content_weight.nii.gz", "enhancement.nii.gz", "metrics.json",
    }  # fmt: skip
    made = read_series(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(made.times_s, TIMES_S)
    sidecar = json.loads((tmp_path / "out.json").read_text())
    assert sidecar["MRStyle"]["enhancement"] == "baseline"


def test_a_series_is_measured_frame_by_frame(tmp_path: Path, mrstyle: Callable[..., Run]) -> None:
    content = kidney()
    dimmed = content.with_frames(content.frames * np.linspace(1, 0.5, 12)[:, None, None, None], "dimmed")
    write_series(content, tmp_path / "in.nii.gz", {})
    write_series(dimmed, tmp_path / "out.nii.gz", {})
    region = content.grid.with_array(content.frames.max(axis=0) > 0.5 * content.frames.max())
    write_volume(region, tmp_path / "region.nii.gz")
    told = mrstyle(
        "evaluate", tmp_path / "out.nii.gz", "--series", "--content", tmp_path / "in.nii.gz",
        "--mask", tmp_path / "region.nii.gz", "--maps", tmp_path / "maps", "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert result["content_cw_ssim"][0] == pytest.approx(1, abs=1e-3)
    assert result["content_cw_ssim"][-1] < result["content_cw_ssim"][3]
    after, before = (result[f"mean_signal_of_region_{when}"][-1] for when in ("after", "before"))
    assert after == pytest.approx(0.5 * before, rel=0.01)
    assert (tmp_path / "maps" / "enhancement.nii.gz").exists()
    assert_refused(mrstyle("evaluate", tmp_path / "out.nii.gz", "--series"), "--content")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say what every frame shall look like"),
        (("--enhancement", "baseline", "--like", "x.nii.gz"), "Say what every frame shall look like"),
        (("--like", "missing.nii.gz:3"), "missing.nii.gz does not exist"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    tmp_path: Path, mrstyle: Callable[..., Run], words: tuple[str, ...], said: str
) -> None:
    tiny(tmp_path)
    write_series(kidney(), tmp_path / "in.nii.gz", {})
    run = mrstyle(
        "dce",
        tmp_path / "in.nii.gz",
        "-o",
        tmp_path / "out.nii.gz",
        "--model",
        tmp_path / "tiny-dce-2",
        *words,
    )
    assert_refused(run, said)
    assert not (tmp_path / "out.nii.gz").exists()
