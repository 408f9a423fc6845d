"""One thickness check, as the command and the worker do it: of a scan, and of a second one to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..engine.report import Progress
from ..errors import InputError
from ..volume import read_volume
from .fastsurfer import run_fastsurfer
from .freesurfer import read_subject
from .thickness import Thickness, find_brain, measure_thickness
from .thickness_compare import Comparison, compare

METHODS = ("direct", "fastsurfer")


@dataclass(frozen=True)
class Check:
    """What was measured; the last two where there is a second scan."""

    measured: Thickness
    after: Thickness | None
    comparison: Comparison | None

    @property
    def notes(self) -> list[str]:
        """What the user should know, each once."""
        notes = self.measured.notes + ([] if self.after is None else self.after.notes)
        return list(dict.fromkeys(notes))


def check_thickness(
    scan: Path,
    other: Path | None,
    subject: Path | None,
    *,
    method: str = "direct",
    work_folder: Path,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Check:
    """Measure a scan, or read its subject, and compare.

    Args:
        scan: the file or DICOM folder.
        other: a second scan of the same head on the same grid (as after a harmonization); with ``subject``, the subject
            that was made of that second scan.
        subject: the FreeSurfer or FastSurfer subject of ``scan``, which is then read instead of measuring.
        method: one of `METHODS`.
        work_folder: for what FastSurfer writes.
        device: for networks.
        progress: is told stage and fraction.
        cancel: asked ten times a second.

    Raises:
        InputError: an input is not usable, or there is no cortex in it.
        Cancelled: ``cancel`` said so.
    """
    if subject is not None and other is not None and not (other / "surf").is_dir():
        raise InputError(
            f"{other} is not the folder of a subject; DiReCT's thickness cannot be compared with FreeSurfer's. Compare two "
            "scans, or two subjects."
        )
    first = read_volume(scan)
    if subject is not None:
        measured = read_subject(subject, first)
        after = None if other is None else read_subject(other, first)
        return _compared(measured, after)
    second = None if other is None else read_volume(other)
    if second is not None and not second.has_grid_of(first):
        raise InputError(
            f"{second.name} is not on the grid of {first.name}; resample it first, or compare two scans on one grid."
        )
    scans = [first] if second is None else [first, second]
    # One mask for both, so that what differs is the cortex.
    mask = find_brain(first, device) if method == "direct" else None
    found = []
    for number, volume in enumerate(scans):

        def part(told: Progress, number: int = number) -> None:
            if progress is not None:
                progress(_share(told, number, len(scans)))

        if method == "fastsurfer":
            folder = run_fastsurfer(volume, work_folder, f"subject{number + 1}", device, part, cancel)
            found.append(read_subject(folder, volume))
        else:
            found.append(measure_thickness(volume, mask=mask, device=device, progress=part, cancel=cancel))
    return _compared(found[0], found[1] if second is not None else None)


def _compared(measured: Thickness, after: Thickness | None) -> Check:
    return Check(measured, after, None if after is None else compare(measured, after))


def _share(told: Progress, number: int, count: int) -> Progress:
    """Progress of one of several scans as that of all."""
    remaining_s = told.remaining_s
    fraction = (number + told.fraction) / count
    if remaining_s is not None and told.fraction < 1:
        remaining_s *= (count - number - told.fraction) / (1 - told.fraction)
    return Progress(told.stage, fraction, remaining_s, told.message)
