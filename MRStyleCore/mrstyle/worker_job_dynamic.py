"""The job file of other enhancement of dynamic series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .files import sidecar_path
from .outputs import METRICS_NAME
from .series_outputs import map_paths
from .worker_paths import check_paths


class LikeFrame(BaseModel):
    """A frame of another series, whose enhancement is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: Annotated[Path, Field(description="a series as the content")]
    frame: Annotated[
        int | None, Field(ge=0, description="counted from 0; null: the one that is enhanced most")
    ] = None
    name: Annotated[str, Field(description="what messages and the history call the series")] = ""


class DynamicCase(BaseModel):
    """One series; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: Annotated[
        Path, Field(description="4D NIfTI, NRRD of 3D Slicer, or a folder of frames with a series.json")
    ]
    enhancement: Annotated[
        Literal["baseline", "enhanced"] | None,
        Field(description="as the first frame, or as the one that is enhanced most"),
    ] = None
    like: LikeFrame | None = None
    output: Annotated[Path, Field(description="4D NIfTI file; uncompressed (.nii) is much faster")]
    maps: Annotated[
        Path | None,
        Field(
            description="folder, made if needed, for the enhancement, its distance map, the CW-SSIM maps and metrics.json"
        ),
    ] = None
    region: Annotated[
        Path | None,
        Field(description="mask on the grid of the content whose curves are wanted; null: what enhances"),
    ] = None
    interval_s: Annotated[
        float | None, Field(gt=0, description="between frames, where the file does not tell")
    ] = None
    name: Annotated[str, Field(description="what messages and the history call the series")] = ""

    @model_validator(mode="after")
    def _check_target(self) -> DynamicCase:
        if (self.enhancement is None) == (self.like is None):
            raise ValueError("give either an enhancement or a frame to be like")
        return self

    def read(self) -> Iterator[Path]:
        """The files and folders that the case reads."""
        yield self.content
        if self.like is not None:
            yield self.like.series
        if self.region is not None:
            yield self.region

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What the case is told to write, and the files that it then writes, as absolute paths."""
        yield self.output, [self.output.resolve(), sidecar_path(self.output.resolve())]
        if self.maps is not None:
            folder = self.maps.resolve()
            paths = map_paths(folder, self.output).values()
            yield self.maps, [folder, folder / METRICS_NAME, *paths, *map(sidecar_path, paths)]


class DynamicJob(BaseModel):
    """Content of a job file whose task is "dynamic"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["dynamic"]
    model: Annotated[str, Field(min_length=1, description="id, id@version or the folder of a package")]
    cases: Annotated[tuple[DynamicCase, ...], Field(min_length=1)]
    device: str = "auto"

    @model_validator(mode="after")
    def _check_paths(self) -> DynamicJob:
        check_paths(self.cases)
        return self
