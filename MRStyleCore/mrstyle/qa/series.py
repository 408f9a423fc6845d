"""Quality of a series with other enhancement: contrast-weighted SSIM frame by frame, and curves of a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..dce import Enhancement, enhancement_of
from ..engine.dynamic import slice_axis
from ..errors import InputError
from ..metrics.contrast_weighted import contrast_weighted_ssim
from ..metrics.enhancement import ENHANCEMENT_THRESHOLD, distance_weights
from ..series import Series

_PERCENTILE = 99.5


@dataclass(frozen=True)
class SeriesQuality:
    """Of a series against the one that it was made of.

    Attributes:
        content: content CW-SSIM of each frame (T,).
        style: style CW-SSIM of each frame to one frame of the content (T,); None where there is none.
        before: mean signal of the enhanced region at each frame of the content, in file intensities (T,).
        after: likewise of the output.
        weights: those of the content, 0.1 where it enhances to 1 farthest from there (k, j, i).
        enhanced: the enhanced voxels (k, j, i).
        data_range: of the SSIM: the 99.5th percentile of the content over all frames.
        content_map: SSIM around each voxel of each frame to the content (T, k, j, i); None where no maps were asked for.
        style_map: likewise to the style; None also where there is no style.
    """

    content: np.ndarray
    style: np.ndarray | None
    before: np.ndarray
    after: np.ndarray
    weights: np.ndarray
    enhanced: np.ndarray
    data_range: float
    content_map: np.ndarray | None = None
    style_map: np.ndarray | None = None


def series_quality(
    output: Series,
    content: Series,
    style_frame: int | None = None,
    *,
    threshold: float | None = None,
    region: np.ndarray | None = None,
    seen: Enhancement | None = None,
    with_maps: bool = False,
    on_frame: Callable[[int], None] | None = None,
) -> SeriesQuality:
    """Score each frame of a series.

    Args:
        output: what was made.
        content: of what it was made.
        style_frame: of ``content``, that the style is; None for a style from elsewhere, which has no such score.
        threshold: of enhancement, as a share of the 99.5th percentile of the first frame; None for the published 20 of 255.
        region: bool (k, j, i) whose curves are wanted; None for the enhanced voxels.
        seen: what `enhancement_of` says of ``content``, where it is known.
        with_maps: whether the maps of each frame are kept.
        on_frame: is told each frame before it is scored.

    Raises:
        InputError: the two differ in grid or number of frames.
    """
    if output.frames.shape != content.frames.shape:
        raise InputError(
            f"{output.name} has {' x '.join(map(str, output.frames.shape[::-1]))} voxels and frames, {content.name} "
            f"{' x '.join(map(str, content.frames.shape[::-1]))}; compare series of one grid."
        )
    seen = seen or enhancement_of(content)
    enhanced = seen.gain > (ENHANCEMENT_THRESHOLD / 255 if threshold is None else threshold)
    data_range = float(np.percentile(content.frames, _PERCENTILE))
    spacing = content.grid.spacing_mm
    flat = 1 in content.grid.shape
    axis = slice_axis(content.grid.shape, (spacing[2], spacing[1], spacing[0]))
    plane_mm = tuple(mm for index, mm in enumerate(spacing[::-1]) if index != axis)[::-1] if flat else spacing

    def image(frame: np.ndarray) -> np.ndarray:
        return np.take(frame, 0, axis=axis) if flat else frame

    def volume(image_map: np.ndarray) -> np.ndarray:
        return np.expand_dims(image_map, axis) if flat else image_map

    scores, styles = [], []
    maps: dict[str, list[np.ndarray]] = {"content": [], "style": []}
    for index, (made, real) in enumerate(zip(output.frames, content.frames, strict=True)):
        if on_frame is not None:
            on_frame(index)
        score = contrast_weighted_ssim(
            image(made),
            image(real),
            None if style_frame is None else image(content.frames[style_frame]),
            enhanced=image(enhanced),
            spacing_mm=plane_mm,
            data_range=data_range,
            mask=None,
        )
        scores.append(score.content.score)
        if score.style is not None:
            styles.append(score.style.score)
        for name, found in (("content", score.content), ("style", score.style)):
            if with_maps and found is not None:
                maps[name].append(volume(found.map))
    where = region if region is not None else enhanced if enhanced.any() else np.ones_like(enhanced)
    before, after = (each.frames[:, where].mean(axis=1) for each in (content, output))
    weights, _ = distance_weights(enhanced, spacing_mm=spacing)
    return SeriesQuality(
        content=np.array(scores),
        style=np.array(styles) if styles else None,
        before=before,
        after=after,
        weights=weights,
        enhanced=enhanced,
        data_range=data_range,
        content_map=np.stack(maps["content"]) if maps["content"] else None,
        style_map=np.stack(maps["style"]) if maps["style"] else None,
    )
