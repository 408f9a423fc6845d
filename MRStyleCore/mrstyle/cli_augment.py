"""``mrstyle augment``: few labelled cases into many. Slow imports are where they are used."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .cli_display import ManyDisplay, progress_display
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json

HELP = """Turn labelled images into many labelled images, as a data set to train on.

Labels that were drawn on one frame of a dynamic series fit that frame at
every level of enhancement, from before the bolus to its peak:

    mrstyle augment kidney.nii.gz --labels drawn.seg.nrrd --frame 12
      --model my-dce --levels 4 --layout nnunet -o Dataset501_Kidney

For many: a folder with images/NAME.nii.gz and labels/NAME.nii.gz (or
labels/NAME_frame-12.nii.gz), or a BIDS folder with sub-…_dseg.nii.gz.
Labels are copied byte for byte. For research, not for diagnosis.
"""


class LayoutName(str, Enum):
    """Who shall read it."""

    nnunet = "nnunet"
    decathlon = "decathlon"
    bids = "bids"


def augment(
    cases: Annotated[Path, typer.Argument(help="A series, or a folder of images and labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; nothing may be in it.")],
    model: Annotated[str, typer.Option(help="Id, id@version or folder of a model of enhancement.")],
    layout: Annotated[LayoutName, typer.Option(help="nnU-Net v2, MONAI Decathlon or BIDS.")],
    labels: Annotated[Path | None, typer.Option(help="Label map or segmentation of the one series.")] = None,
    frame: Annotated[
        int | None, typer.Option(help="That labels were drawn on, from 0, where their file name is silent.")
    ] = None,
    levels: Annotated[int, typer.Option(min=2, help="Of enhancement, from baseline to peak.")] = 4,
    like: Annotated[
        Path | None, typer.Option(help="Take the levels from this series; default: from the content.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the one case; default: its file name.")] = None,
    suffix: Annotated[
        str | None, typer.Option(help="BIDS suffix of the series, where labels have several images.")
    ] = None,
    label_names: Annotated[
        Path | None, typer.Option(help="Table (.tsv) with the columns index and name.")
    ] = None,
    resample_labels: Annotated[
        bool, typer.Option("--resample-labels", help="Nearest voxel, where labels have another grid.")
    ] = False,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between frames, where the file does not tell.", min=0.001)
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """See `HELP`."""
    started = time.monotonic()
    from .augment_cases import find_cases, frames_of

    found, notes = find_cases(cases, labels, name, suffix)
    frames = frames_of(found, frame)
    from .augment import Export

    export = Export(output, layout.value)
    written = 0
    with progress_display() as display, hard_stop(export.discard):
        display.stage("loading")
        from .augment_series import series_cases
        from .dce import check_model
        from .labels import read_label_names, read_labels
        from .models.catalogue import find
        from .models.package import load_package
        from .series import read_series

        package = load_package(find(model))
        check_model(package)
        names = None if label_names is None else read_label_names(label_names)
        drawn = [read_labels(case.labels, names) for case in found]
        style = None if like is None else read_series(like, interval)
        for note in notes:
            display.note(note)
        shown = ManyDisplay(display, len(found))
        with export.writing() as add:
            for number, case in enumerate(found):
                shown.number = number
                made, told = series_cases(
                    read_series(case.image, interval),
                    drawn[number],
                    frames[number],
                    package,
                    levels=levels,
                    like=style,
                    name=case.name,
                    resample_labels=resample_labels,
                    device=device.value,
                    progress=shown,
                )
                notes += [note for note in told if note not in notes]
                display.stage("writing")
                for each in made:
                    add(each)
                written += len(made)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        print_json(
            {"output": str(export.home), "sources": len(found), "cases": written, "notes": notes}
            | {"seconds": seconds}
        )
        return
    print(f"Wrote {written} labelled cases of {len(found)} to {export.home} in {seconds:.0f} s.")
