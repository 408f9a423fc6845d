"""What is written of a series with other enhancement, by the command and by the worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .files import sidecar_path, suffix_of
from .outputs import METRICS_NAME, Outputs

if TYPE_CHECKING:
    from .dce import Enhancement, EnhancementResult
    from .qa.series import SeriesQuality
    from .series import Series

_FRAME_MAPS = ("cw_ssim_content", "cw_ssim_style")


def planned_outputs(inputs: Iterable[Path], output: Path, maps: Path | None) -> Outputs:
    """The outputs, checked before any work.

    Raises:
        InputError: ``output`` is not named as a 4D NIfTI file, or cannot be written.
    """
    if suffix_of(output) not in (".nii.gz", ".nii"):
        raise InputError(f"Cannot write the series {output}: name it .nii.gz.")
    outputs = Outputs(inputs)
    outputs.add_volume(output)
    if maps is not None:
        outputs.add_folder(maps)
        for path in map_paths(maps, output).values():
            outputs.add_volume(path, new_folder=True)
    return outputs


def map_paths(folder: Path, output: Path) -> dict[str, Path]:
    """Where maps are, by name; those of each frame are of the format of ``output``."""
    paths = {name: folder / f"{name}.nii.gz" for name in ("enhancement", "content_weight")}
    return paths | {name: folder / f"{name}{suffix_of(output)}" for name in _FRAME_MAPS}


def write_changed_series(
    result: EnhancementResult,
    quality: SeriesQuality,
    output: Path,
    maps: Path | None,
    place: Callable[[Path], Path],
) -> dict[str, Any]:
    """Write the series with its history, and its maps where a folder for them is given; returns where they go, by kind."""
    from .series import write_series

    write_series(result.series, place(output), result.sidecar)
    written: dict[str, Any] = {"series": str(output), "history": str(sidecar_path(output))}
    if maps is None:
        return written | {"maps": {}, "metrics": None}
    paths = map_paths(maps, output)
    frame_maps = {"cw_ssim_content": quality.content_map, "cw_ssim_style": quality.style_map}
    for name, frames in frame_maps.items():
        if frames is None:
            del paths[name]
        else:
            write_series(result.series.with_frames(frames, name), place(paths[name]), {})
    write_series_maps(result.series, result.before, quality, maps, place)
    names = {name: str(path) for name, path in paths.items()}
    return written | {"maps": names, "metrics": str(maps / METRICS_NAME)}


def write_series_maps(
    series: Series, seen: Enhancement, quality: SeriesQuality, folder: Path, place: Callable[[Path], Path]
) -> None:
    """Write the enhancement, the weights of CW-SSIM, and ``metrics.json``."""
    from .volume import write_volume

    for name, array in (("enhancement", seen.gain), ("content_weight", quality.weights)):
        write_volume(series.grid.with_array(array, name), place(folder / f"{name}.nii.gz"))
    text = json.dumps(series_metrics(seen, quality), indent=2, allow_nan=False) + "\n"
    place(folder / METRICS_NAME).write_text(text, encoding="utf-8")


def series_metrics(seen: Enhancement, quality: SeriesQuality) -> dict[str, Any]:
    """Scores and curves over time as JSON."""

    def column(values: Any) -> list[float] | None:
        return None if values is None else [round(float(each), 4) for each in values]

    return {
        "content_cw_ssim": column(quality.content),
        "style_cw_ssim": column(quality.style),
        "data_range": round(quality.data_range, 4),
        "mask": "whole image",
        "enhanced_share_of_patient": round(seen.share, 4),
        "mean_signal_of_region_before": column(quality.before),
        "mean_signal_of_region_after": column(quality.after),
    }
