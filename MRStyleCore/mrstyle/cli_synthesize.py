"""``mrstyle synthesize``: the contrast of another sequence. Slow imports are where they are used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from .cli_display import ProgressDisplay, metrics_table, progress_display
from .cli_interrupt import hard_stop
from .cli_options import AsJson, Device, print_json
from .cli_synthesis_request import (
    SOURCE_OPTIONS,
    Family,
    Target,
    check_request,
    for_each,
    plan_targets,
    target_acquisition,
)
from .outputs import Outputs, map_paths, write_effective_maps, write_maps, write_result
from .presets import PRESETS
from .qa.wording import acquisition_text

if TYPE_CHECKING:
    from .acquisition import Acquisition
    from .engine.report import Progress
    from .synthesis_run import Drawn
    from .synthesis_sources import Source

HELP = """Synthesize the contrast of another MR sequence, from one or several scans of the same patient.

What is wanted is a preset, or times in milliseconds:

    mrstyle synthesize t1.nii.gz -o t2.nii.gz --preset T2w
    mrstyle synthesize t1.nii.gz -o flair.nii.gz --tr 9000 --te 120 --ti 2500
    mrstyle synthesize t1.nii.gz -o new --preset FLAIR --preset PDw

Several presets in one call cost little more than one: the scans are
encoded once. OUT is then a folder (the files are named after the presets)
or a name with {preset} in it, such as sub-01_{preset}.nii.gz. With one
preset, times change its values.

Several scans must be on one grid. How they were taken is read from DICOM
or from a JSON sidecar. The --source options correct that. What is still
unknown is estimated from the image, and the command says so.
"""


_TARGET, _SOURCE = "Target sequence", "Source sequences (give each once for all scans, or once for each scan)"
_FAMILY_HELP = "Default: with --ti inversion_recovery, with --flip spoiled_gradient_echo, with both mprage, else spin_echo."


def synthesize(
    sources: Annotated[list[Path], typer.Argument(help="Scans of one patient, on one grid: files or DICOM folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Volume to write; for several presets see above.")],
    preset: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(PRESETS)}; repeat for several.", rich_help_panel=_TARGET),
    ] = None,
    tr: Annotated[float | None, typer.Option(help="Repetition time in ms.", rich_help_panel=_TARGET)] = None,
    te: Annotated[float | None, typer.Option(help="Echo time in ms.", rich_help_panel=_TARGET)] = None,
    ti: Annotated[float | None, typer.Option(help="Inversion time in ms.", rich_help_panel=_TARGET)] = None,
    flip: Annotated[float | None, typer.Option(help="Flip angle in degrees.", rich_help_panel=_TARGET)] = None,
    family: Annotated[Family | None, typer.Option(help=_FAMILY_HELP, rich_help_panel=_TARGET)] = None,
    field: Annotated[
        float | None,
        typer.Option(help="Field strength in T; default: that of the first scan, else 3.", rich_help_panel=_TARGET),
    ] = None,
    source_preset: Annotated[
        list[str] | None, typer.Option(help="As if taken with this preset.", rich_help_panel=_SOURCE)
    ] = None,
    source_tr: Annotated[list[float] | None, typer.Option(help="In ms.", rich_help_panel=_SOURCE)] = None,
    source_te: Annotated[list[float] | None, typer.Option(help="In ms.", rich_help_panel=_SOURCE)] = None,
    source_ti: Annotated[list[float] | None, typer.Option(help="In ms.", rich_help_panel=_SOURCE)] = None,
    source_flip: Annotated[list[float] | None, typer.Option(help="In degrees.", rich_help_panel=_SOURCE)] = None,
    source_family: Annotated[list[Family] | None, typer.Option(help="Sequence family.", rich_help_panel=_SOURCE)] = None,
    source_field: Annotated[list[float] | None, typer.Option(help="In T.", rich_help_panel=_SOURCE)] = None,
    estimate: Annotated[
        bool,
        typer.Option(help="Estimate from the image what is unknown, or make it an error.", rich_help_panel=_SOURCE),
    ] = True,
    model: Annotated[str, typer.Option(help="Id, id@version or folder; see `mrstyle models`.")] = "contrast-relaxometry",
    maps: Annotated[
        Path | None,
        typer.Option(help="Folder for effective PD, T1 and T2 maps, which are not quantitative, and for the uncertainty."),
    ] = None,
    encoding: Annotated[
        Path | None, typer.Option(help="File (.npz) for the encoding, from which Python renders any target at once.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The true image of the one target: prints metrics; with --maps, writes difference and SSIM."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="2 or more also give an uncertainty volume beside OUT.")] = 1,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    started = time.monotonic()
    targets = plan_targets(output, preset or [], maps, samples)
    typed = {"repetition_time_ms": tr, "echo_time_ms": te, "inversion_time_ms": ti, "flip_angle_deg": flip}
    times = {name: value for name, value in typed.items() if value is not None}
    chosen = family.value if family else None
    check_request(targets, times, chosen, reference)
    said = for_each(
        sources,
        family=[each.value for each in source_family or []],
        repetition_time_ms=source_tr,
        echo_time_ms=source_te,
        inversion_time_ms=source_ti,
        flip_angle_deg=source_flip,
        field_strength_t=source_field,
        preset=source_preset,
    )
    outputs = _planned([*sources, *([reference] if reference else [])], targets, maps, encoding)
    with progress_display() as display, hard_stop(outputs.discard):
        display.stage("loading")
        from .qa.evaluate import evaluate
        from .synthesis_run import draw, read_reference, synthesis_model
        from .synthesis_sources import completed, read_source

        package = synthesis_model(model)
        scans = [read_source(path, **each) for path, each in zip(sources, said, strict=True)]
        field_t = scans[0].acquisition.field_strength_t if field is None else field
        wanted = [target_acquisition(each, times, chosen, field_t) for each in targets]
        true = None if reference is None else read_reference(reference, scans)
        scans = [completed(scan, package, may_estimate=estimate, options=SOURCE_OPTIONS) for scan in scans]
        told = _Told(
            display, [note for scan in scans for note in scan.notes] + _facts(scans, targets, wanted)
        )
        drawn = draw(
            scans,
            package,
            wanted,
            keep_encoding=maps is not None or encoding is not None,
            samples=samples,
            device=device.value,
            seed=seed,
            progress=told,
        )
        told.notes(drawn.notes)
        display.stage("measuring quality")
        evaluation = None if true is None else evaluate(drawn.results[0].image, reference=true)
        display.stage("writing")
        with outputs.staged() as place:
            written = _write(drawn, targets, wanted, maps, encoding, place)
            if maps is not None and evaluation is not None:
                written["maps"] |= write_maps(evaluation, maps, place, drawn.results[0].history)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        facts = {"model": package.card.name, "sources": [scan.as_dict() for scan in scans]}
        if evaluation is not None:
            written["outputs"][0]["metrics"] = evaluation.to_dict()["rows"]
        print_json(facts | written | {"notes": drawn.notes, "seconds": seconds})
        return
    if evaluation is not None:
        Console().print(metrics_table(evaluation.rows))
    print(f"Wrote {', '.join(str(target.output) for target in targets)} in {seconds:.0f} s.")


def _planned(inputs: list[Path], targets: list[Target], maps: Path | None, encoding: Path | None) -> Outputs:
    """All that will be written, checked before any work."""
    outputs = Outputs(inputs)
    for target in targets:
        outputs.add_volume(target.output, new_folder=len(targets) > 1)
        if target.uncertainty is not None:
            outputs.add_volume(target.uncertainty, new_folder=True)
    if maps is not None:
        outputs.add_folder(maps)
        for path in map_paths(maps).values():
            outputs.add_volume(path, new_folder=True)
    if encoding is not None:
        outputs.add_encoding(encoding)
    return outputs


def _facts(scans: list[Source], targets: list[Target], wanted: list[Acquisition]) -> list[str]:
    """What is made from what, in words."""
    lines = [f"Source {scan.path.name}: {acquisition_text(scan.acquisition, scan.origins)}" for scan in scans]
    for target, acquisition in zip(targets, wanted, strict=True):
        title = f"Target {target.preset}" if target.preset else "Target"
        lines.append(f"{title}: {acquisition_text(acquisition)}")
    return lines


class _Told:
    """Passes on progress. Notes from before wait until the work has begun, so that a refusal stands alone."""

    def __init__(self, display: ProgressDisplay, notes: list[str]) -> None:
        self._display = display
        self._waiting = notes
        self._said: set[str] = set()

    def __call__(self, progress: Progress) -> None:
        if progress.message:
            self._waiting.append(progress.message)
        else:
            self._display(progress)
        if progress.message or progress.fraction > 0:
            self.notes([])

    def notes(self, notes: list[str]) -> None:
        """Say what waits, and those of the notes that were not said before."""
        for note in dict.fromkeys([*self._waiting, *notes]):
            if note not in self._said:
                self._display.note(note)
        self._said |= {*self._waiting, *notes}
        self._waiting = []


def _write(
    drawn: Drawn,
    targets: list[Target],
    wanted: list[Acquisition],
    maps: Path | None,
    encoding: Path | None,
    place: Callable[[Path], Path],
) -> dict[str, Any]:
    """Write all but what a reference adds; returns where it goes."""
    outputs = []
    for target, acquisition, result in zip(targets, wanted, drawn.results, strict=True):
        paths = write_result(result, target.output, target.uncertainty, place)
        facts = {"preset": target.preset, "acquisition": acquisition.as_dict()}
        outputs.append(facts | paths | {"history": result.history.to_dict()})
    written: dict[str, Any] = {"outputs": outputs}
    if encoding is not None and drawn.encoding is not None:
        drawn.encoding.save(place(encoding))
        written["encoding"] = str(encoding)
    if maps is not None and drawn.encoding is not None:
        written["maps"] = write_effective_maps(drawn.encoding, maps, place)
    return written
