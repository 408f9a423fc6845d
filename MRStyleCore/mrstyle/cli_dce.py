"""``mrstyle dce``: enhancement of a dynamic series taken away or added. Slow imports are where they are used."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_display import progress_display
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json
from .errors import InputError
from .outputs import Outputs
from .series_outputs import planned_outputs, series_metrics, write_changed_series, write_series_maps

if TYPE_CHECKING:
    from .dce import Like

HELP = """Take the contrast enhancement of a dynamic series away, or add it.

A series is a 4D NIfTI file, a multi-volume or sequence of 3D Slicer (.nrrd),
or a folder with one file a frame. It begins before the bolus.

    mrstyle dce kidney.nii.gz --model my-dce --enhancement baseline -o no.nii.gz
    mrstyle dce kidney.nii.gz --model my-dce --like other.nii.gz:12 -o out.nii.gz

Frames keep their places and times. For research, not for diagnosis.
"""


class State(str, Enum):
    """What every frame shall look like."""

    baseline = "baseline"
    enhanced = "enhanced"


def dce(
    series: Annotated[Path, typer.Argument(help="The series: a file or a folder of frames.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="4D file to write (.nii.gz).")],
    model: Annotated[str, typer.Option(help="Id, id@version or folder of a model for such series.")],
    enhancement: Annotated[
        State | None, typer.Option(help="As the first frame, or as the one that is enhanced most.")
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="SERIES2[:FRAME], counted from 0; without FRAME its most enhanced one.")
    ] = None,
    maps: Annotated[
        Path | None, typer.Option(help="Folder for the enhancement, its distance map and metrics.json.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between frames, where the file does not tell.", min=0.001)
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """See `HELP`."""
    started = time.monotonic()
    if (enhancement is None) == (like is None):
        raise InputError(
            "Say what every frame shall look like: --enhancement baseline or enhanced, or --like SERIES2."
        )
    other, frame = _parsed(like)
    outputs = planned_outputs([series, *([other] if other else [])], output, maps)
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("loading")
        from .dce import Like, transfer_enhancement
        from .models.catalogue import find
        from .models.package import load_package
        from .qa.series import series_quality
        from .series import read_series

        package = load_package(find(model))
        content = read_series(series, interval)
        target: str | Like
        if other is not None:
            target = Like(read_series(other, interval), frame)
        else:
            assert enhancement is not None
            target = enhancement.value
        result = transfer_enhancement(content, package, target, device=device.value, progress=display)
        display.stage("measuring quality")
        own = result.sidecar["MRStyle"]["style"]["frame"] if other is None else None
        quality = series_quality(result.series, content, own, seen=result.before)
        display.stage("writing")
        with outputs.staged() as place:
            write_changed_series(result, quality, output, maps, place)
    seconds = round(time.monotonic() - started, 2)
    told = {"output": str(output), "notes": result.notes, "seconds": seconds} | series_metrics(
        result.before, quality
    )
    if as_json:
        print_json(told)
        return
    scores = [f"content CW-SSIM {quality.content.mean():.3f}"]
    if quality.style is not None:
        scores.append(f"style CW-SSIM {quality.style.mean():.3f}")
    print(f"Wrote {output}, {len(content.frames)} frames, in {seconds:.0f} s: {', '.join(scores)}.")


def evaluate_series(
    generated: Path,
    content: Path | None,
    region: Path | None,
    maps: Path | None,
    as_json: bool,
    others: tuple[Path | None, ...] = (),
) -> None:
    """``mrstyle evaluate --series``: CW-SSIM over time, and the curves of a region."""
    if content is None:
        raise InputError("A series is measured against the one it was made of; give that by --content.")
    if any(others):
        raise InputError(
            "Of a series, only --content, --mask (the region of the curves) and --maps can be given."
        )
    outputs = Outputs([generated, content, *([region] if region else [])])
    if maps is not None:
        outputs.add_folder(maps)
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("measuring quality")
        from .dce import enhancement_of
        from .qa.series import series_quality
        from .series import read_series
        from .volume import read_mask

        made, real = read_series(generated, 1.0), read_series(content, 1.0)
        mask = None if region is None else read_mask(region, may_be_slice=True)
        if mask is not None and not mask.has_grid_of(real.grid):
            raise InputError(f"The region {region} is not on the grid of {content}; resample it first.")
        seen = enhancement_of(real)
        inside = None if mask is None else mask.array > 0.5
        quality = series_quality(made, real, 0, region=inside, seen=seen)
        if maps is not None:
            with outputs.staged() as place:
                write_series_maps(real, seen, quality, maps, place)
    if as_json:
        print_json({"generated": str(generated)} | series_metrics(seen, quality))
        return
    print(
        f"Content CW-SSIM {quality.content.mean():.3f} (mean of {len(quality.content)} frames, lowest "
        f"{quality.content.min():.3f})."
    )


def _parsed(like: str | None) -> tuple[Path | None, int | None]:
    """SERIES2[:FRAME]; a colon that is part of a path stays there."""
    if like is None:
        return None, None
    path, colon, frame = like.rpartition(":")
    if colon and frame.isdigit() and not Path(like).exists():
        return Path(path), int(frame)
    return Path(like), None
