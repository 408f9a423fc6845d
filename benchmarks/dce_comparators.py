"""MUNIT, CycleGAN and StyleGAN3 on whole series: trainings by trainer/configs/comparators/dce-*.yaml, frame by frame, slice by
slice, on the scale of intensities that ours has: air 0, the 99.5th percentile of the patient in the first frame 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrstyle.dce import Like, enhancement_of, transfer_enhancement
from mrstyle.engine.dynamic import slice_axis
from mrstyle.engine.prepared import Prepared
from mrstyle.engine.slices import SliceStack, cut, paste
from mrstyle.engine.windows import padded
from mrstyle.methods.spatiotemporal import WINDOW
from mrstyle.models.package import Package
from mrstyle.series import Series
from mrstyle.volume import to_canonical
from mrstyle_trainer.config import read_saved_config
from mrstyle_trainer.export import load_average
from mrstyle_trainer.recipes import build_recipe

PIXEL_MM = (0.8, 2.2)  # of the bodies that were learned from, about


@dataclass(frozen=True)
class Target:
    """Frames of a series as styles, one for all frames of the content (int) or one for each (N,), and their enhancement."""

    style: Series
    frames: int | np.ndarray
    enhancement: str


@dataclass(frozen=True)
class _Scaled:
    """Images (T, slices, H, W) of a series, and the way back."""

    prepared: Prepared
    stacks: list[SliceStack]
    images: Tensor

    @classmethod
    def of(cls, series: Series) -> _Scaled:
        prepared = Prepared.of(series.frame(0), 1, may_be_slice=True)
        everywhere = np.ones(prepared.array.shape, bool)
        axis = slice_axis(prepared.array.shape, prepared.spacing_kji_mm)
        stacks = [
            cut(
                prepared.intensity.forward(to_canonical(series.frame(index)).array),
                everywhere,
                prepared.spacing_kji_mm,
                axis,
                PIXEL_MM,
            )
            for index in range(len(series.frames))
        ]
        return cls(prepared, stacks, torch.stack([stack.images for stack in stacks]))

    def back(self, images: Tensor) -> np.ndarray:
        """Frames (T, k, j, i) of images, in the intensities and the order of the file."""
        restore, inverse = self.prepared.restore, self.prepared.intensity.inverse
        shape = self.prepared.array.shape
        frames = [paste(stack, image, shape) for stack, image in zip(self.stacks, images, strict=True)]
        return np.stack([restore(inverse(np.maximum(frame, 0))) for frame in frames])


class Comparator:
    """One training."""

    def __init__(self, run: Path) -> None:
        config = read_saved_config(run)
        recipe = build_recipe(config)
        load_average(run, recipe)
        self.name, self.body = config.recipe, getattr(config.data, "body", None)
        self.network: Any = recipe.networks[recipe.main]

    def draw(self, content: Series, is_enhanced: np.ndarray, targets: Sequence[Target]) -> list[Series]:
        """The content, of whose frames ``is_enhanced`` (T,) says which show contrast agent, with each of the targets."""
        scaled = _Scaled.of(content)
        styles = [_Scaled.of(target.style).images for target in targets]
        outputs = [torch.empty_like(scaled.images) for _ in targets]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for index in range(scaled.images.shape[1]):
                images, (height, width) = padded(scaled.images[:, [index]], self.network.divisor)
                code = self.network.encode(images, torch.from_numpy(is_enhanced))
                for target, style, output in zip(targets, styles, outputs, strict=True):
                    # Of another grid, the middle slice.
                    place = index if style.shape[1] == output.shape[1] else style.shape[1] // 2
                    wanted = style[np.atleast_1d(target.frames)][:, [place]]
                    drawn = self.network.draw(
                        code, padded(wanted, self.network.divisor)[0], target.enhancement
                    )
                    output[:, index] = drawn[:, 0, :height, :width]
        return [
            content.with_frames(scaled.back(output), f"{content.name} ({self.name})") for output in outputs
        ]


class Ours:
    """A package, used as comparators are."""

    def __init__(self, model: Package) -> None:
        self.model, self.name = model, model.card.id

    def draw(self, content: Series, is_enhanced: np.ndarray, targets: Sequence[Target]) -> list[Series]:
        """As `Comparator.draw`; the method reads from the series itself what is enhanced."""
        return [self._drawn(content, target) for target in targets]

    def _drawn(self, content: Series, target: Target) -> Series:
        if isinstance(target.frames, int):
            wanted: str | Like = Like(target.style, target.frames)
            if target.style is content:
                wanted = target.enhancement
            return transfer_enhancement(content, self.model, wanted, device="cpu").series
        drawn = np.empty_like(content.frames)
        count = len(drawn)
        for index, frame in enumerate(target.frames):
            # The frames around this one are all that the network sees of the series for it; the first one tells the scale.
            first = int(np.clip(index - WINDOW // 2, 0, count - WINDOW))
            part = sorted({0, *range(first, first + WINDOW)})
            near = Series(content.frames[part], content.grid, content.times_s[part], content.name)
            result = transfer_enhancement(near, self.model, Like(target.style, int(frame)), device="cpu")
            drawn[index] = result.series.frames[part.index(index)]
        return content.with_frames(drawn, f"{content.name} ({self.name})")


def given_back(method: Comparator | Ours, removed: Series, content: Series) -> Series:
    """A series without enhancement, with each frame's own enhancement given back from the frame of the content."""
    seen = enhancement_of(content)
    states = np.array([seen.is_enhanced(frame) for frame in range(len(content.frames))])
    none = np.zeros(len(states), bool)
    if isinstance(method, Ours):
        return method.draw(removed, none, [Target(content, np.arange(len(states)), "enhanced")])[0]
    frames = np.empty_like(content.frames)
    for name, which in (("baseline", ~states), ("enhanced", states)):
        if which.any():
            part = Series(removed.frames[which], removed.grid, removed.times_s[which], removed.name)
            target = Target(content, np.flatnonzero(which), name)
            frames[which] = method.draw(part, none[which], [target])[0].frames
    return content.with_frames(frames, "given back")
