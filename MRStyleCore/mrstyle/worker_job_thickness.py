"""The job file of a thickness check: the cortex of each scan, and of a second scan to compare it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .qa.thickness_files import thickness_paths
from .worker_paths import check_paths


class ThicknessCase(BaseModel):
    """One head; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Path
    compare: Annotated[
        Path | None,
        Field(description="the same head on the same grid; with a subject: the subject made of that scan"),
    ] = None
    subject: Annotated[
        Path | None, Field(description="folder of FreeSurfer or FastSurfer, read instead of measuring")
    ] = None
    folder: Annotated[Path, Field(description="what is written goes here; made if needed")]
    name: str = ""

    def read(self) -> Iterator[Path]:
        """The files and folders that the case reads."""
        yield from (path for path in (self.volume, self.compare, self.subject) if path is not None)

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What the case is told to write, and the files that it then writes, as absolute paths."""
        folder = self.folder.resolve()
        yield self.folder, [folder, *thickness_paths(folder, compared=self.compare is not None)]


class ThicknessJob(BaseModel):
    """Content of a job file whose task is "thickness"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["thickness"]
    cases: Annotated[tuple[ThicknessCase, ...], Field(min_length=1)]
    device: str = "auto"
    method: Annotated[
        Literal["direct", "fastsurfer"], Field(description="how a scan without a subject is measured")
    ] = "direct"

    @model_validator(mode="after")
    def _check_paths(self) -> ThicknessJob:
        check_paths(self.cases)
        return self
