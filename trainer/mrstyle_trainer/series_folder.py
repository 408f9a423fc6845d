"""Dynamic series of real people, read from a folder: as BIDS lays it out, one file a series, or one folder a series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 (the name that its own documentation uses)
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from mrstyle.dce import check_series, prepared_frames
from mrstyle.engine.dynamic import slice_axis
from mrstyle.engine.slices import cut
from mrstyle.errors import InputError
from mrstyle.files import suffix_of
from mrstyle.methods.spatiotemporal import SpatioTemporalConfig
from mrstyle.series import Series, read_series
from mrstyle.volume_files import ITK_FORMATS, SUFFIXES, quiet

from .site_folder import held_out

if TYPE_CHECKING:
    from .config import Part, TrainingConfig

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
_BIDS_FOLDERS = ("perf", "dce")
_LEAST_PEOPLE = 3
_MINIMUM_SIZE = 32


class SeriesData(BaseModel):
    """Dynamic series of real people, in which no truth is known. Subjects of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dce_series"]
    folder: str = Field(description="of the series; environment variables are filled in")
    validation: tuple[str, ...] = Field(
        (), description="subjects (sub-01, or the name of a file or folder); where empty, some of them"
    )
    patch: tuple[PositiveInt, PositiveInt] = Field((128, 128), description="pixels in plane")
    slices: PositiveInt = Field(16, description="neighboring ones that a 3D network sees")
    interval_s: PositiveFloat | None = Field(None, description="between frames; wins over what files tell")


@dataclass(frozen=True, eq=False)
class RealSeries:
    """A series as the network sees it.

    Attributes:
        subject: whose.
        frames: float16 (T, slices, H, W), air 0, the 99.5th percentile of the patient in the first frame 1, cut to the
            patient, at a pixel size that the network knows.
        baseline: frames from before the bolus.
        enhanced: frames that are enhanced.
    """

    subject: str
    frames: np.ndarray
    baseline: tuple[int, ...]
    enhanced: tuple[int, ...]


def with_series(config: TrainingConfig, data: SeriesData) -> TrainingConfig:
    """The configuration with its validation subjects.

    Raises:
        InputError: as `read_folder`, there are too few people, or ``data.validation`` names others or all.
    """
    people = {each.subject for each in read_folder(data, _network(config))[0]}
    listed = ", ".join(sorted(people))
    if strangers := sorted(set(data.validation) - people):
        raise InputError(
            f"data.validation has {', '.join(strangers)}, of whom {data.folder} has no usable series; it has those of "
            f"{listed}."
        )
    validation = set(data.validation) or held_out(people)
    # Two people must be left to train: one lends the other a style.
    if len(people) < _LEAST_PEOPLE or len(people - validation) < _LEAST_PEOPLE - 1:
        raise InputError(
            f"Training needs usable series of {_LEAST_PEOPLE} or more people, two of them not in data.validation; "
            f"{data.folder} has those of {len(people)} ({listed})."
        )
    chosen = data.model_copy(update={"validation": tuple(sorted(validation))})
    return config.model_copy(update={"data": chosen})


def series_of(config: TrainingConfig, data: SeriesData, part: Part) -> tuple[list[RealSeries], list[str]]:
    """The series of the subjects of ``part``, and which series of the folder cannot be used.

    Raises:
        InputError: as `read_folder`.
    """
    everyone, left_out = read_folder(data, _network(config))
    is_validation = part == "validation"
    return [each for each in everyone if (each.subject in data.validation) == is_validation], left_out


def read_folder(data: SeriesData, network: SpatioTemporalConfig) -> tuple[list[RealSeries], list[str]]:
    """All usable series of a folder, and a sentence for each that is not.

    Raises:
        InputError: there is no series, or none is usable.
    """
    slices = data.slices if network.dim == 3 else 1
    return _read(Path(data.folder), data.interval_s, slices, network.pixel_range_mm)


def find_series(folder: Path) -> Iterator[tuple[str, Path]]:
    """The subject and place of each series: in sub-…/[ses-…/]perf or dce, in files of several frames, or in folders of frames.

    The subject is how the topmost folder or file is named: sub-01 where it begins so, else all of its name.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            inner = [
                each for name in _BIDS_FOLDERS for each in sorted(entry.glob(f"**/{name}")) if each.is_dir()
            ]
            for place in inner or [entry]:
                yield from ((_subject(entry), found) for found in _in_folder(place))
        elif _frames(entry) > 1:
            yield _subject(entry), entry


@lru_cache(maxsize=1)
def _read(
    folder: Path, interval_s: float | None, slices: int, pixel_range_mm: tuple[float, float]
) -> tuple[list[RealSeries], list[str]]:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; check data.folder.")
    usable, left_out = [], []
    for subject, path in find_series(folder):
        try:
            found, notes = _usable(subject, read_series(path, interval_s), slices, pixel_range_mm)
        except InputError as error:
            # The hint is for the command line.
            left_out.append(f"Left out: {str(error).replace('(--interval)', '(data.interval_s)')}")
            continue
        usable.append(found)
        left_out += notes
    if not usable:
        why = " ".join(left_out) or "Give files of several frames, folders of frames, or sub-…/perf."
        raise InputError(f"{folder} has no series to learn from. {why}")
    return usable, left_out


def _usable(
    subject: str, series: Series, slices: int, pixel_range_mm: tuple[float, float]
) -> tuple[RealSeries, list[str]]:
    """A series made ready, and what the user should know of it.

    Raises:
        InputError: it has too few frames or slices, is enhanced from the start, or never.
    """
    seen, notes = check_series(series)
    enhanced = tuple(index for index in range(len(series.frames)) if seen.is_enhanced(index))
    if not enhanced:
        raise InputError(f"The series {series.name} of {subject} shows no enhancement to learn from.")
    prepared, frames, mask = prepared_frames(series, _MINIMUM_SIZE)
    axis = slice_axis(mask.shape, prepared.spacing_kji_mm)
    stacks = [cut(frame, mask, prepared.spacing_kji_mm, axis, pixel_range_mm).images for frame in frames]
    if len(stacks[0]) < slices:
        raise InputError(
            f"The series {series.name} of {subject} has {len(stacks[0])} slices of the patient; data.slices asks for {slices}."
        )
    ready = np.stack([stack.numpy() for stack in stacks]).astype(np.float16)
    return RealSeries(subject, ready, tuple(range(enhanced[0])), enhanced), notes


def _network(config: TrainingConfig) -> SpatioTemporalConfig:
    return SpatioTemporalConfig.model_validate(config.network)


def _subject(entry: Path) -> str:
    named = _SUBJECT.match(entry.name)
    if named:
        return named[0]
    return entry.name if entry.is_dir() else entry.name.removesuffix(suffix_of(entry))


def _in_folder(place: Path) -> Iterator[Path]:
    """Files of several frames; where there is none, the folder itself if it holds frames, else what is in its folders."""
    images = [each for each in sorted(place.iterdir()) if each.is_file() and suffix_of(each) in SUFFIXES]
    if series := [each for each in images if _frames(each) > 1]:
        yield from series
    elif images:
        yield place
    else:
        for inner in sorted(each for each in place.iterdir() if each.is_dir()):
            yield from _in_folder(inner)


def _frames(path: Path) -> int:
    """How many frames a file has by its header: 0 where it is no image; 2 where it is damaged, for reading says why."""
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        return 0
    try:
        if suffix not in ITK_FORMATS:
            return int(np.prod(nib.load(path).shape[3:]))  # type: ignore[attr-defined]
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        with quiet():
            reader.ReadImageInformation()
        return int(np.prod(reader.GetSize()[3:])) * reader.GetNumberOfComponents()
    except Exception:  # a damaged header makes nibabel fail in too many ways to list
        return 2
