"""The job file of a harmonization: scans that shall look as if one site had taken them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .files import sidecar_path
from .worker_paths import check_paths


class HarmonizeTarget(BaseModel):
    """One of: a site by its name, a scan of the site, or a look drawn at random (of one site, if that is named)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: Annotated[str | None, Field(min_length=1, description="a site that the model knows")] = None
    reference: Annotated[Path | None, Field(description="a scan of the site, of any person")] = None
    sample: Annotated[int | None, Field(ge=0, description="seed of a look drawn at random")] = None

    @model_validator(mode="after")
    def _check_one(self) -> HarmonizeTarget:
        if (self.reference is None) == (self.site is None and self.sample is None):
            raise ValueError("name a site, a reference or a sample; only a sample may go with a site")
        return self


class HarmonizePreparation(BaseModel):
    """What is done to a scan before; see `preparation.Preparation`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n4: Annotated[bool, Field(description="take out the bias field")] = False
    conform: Annotated[
        bool, Field(description="to voxels of 1 mm; the output is back on the scan's grid")
    ] = False
    brain: Annotated[Literal["keep", "extract"], Field(description="extract: remove all but the brain")] = (
        "keep"
    )


class HarmonizeCase(BaseModel):
    """One scan; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Path
    output: Path
    mask: Annotated[Path | None, Field(description="file for the brain mask")] = None
    name: str = ""

    def read(self) -> Iterator[Path]:
        """The files and folders that the case reads."""
        yield self.volume

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What the case is told to write, and the files that it then writes, as absolute paths."""
        for image in (self.output, self.mask):
            if image is not None:
                yield image, [image.resolve(), sidecar_path(image.resolve())]


class HarmonizeJob(BaseModel):
    """Content of a job file whose task is "harmonize"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["harmonize"]
    model: Annotated[str, Field(min_length=1, description="id, id@version or the folder of a package")]
    target: HarmonizeTarget
    cases: Annotated[tuple[HarmonizeCase, ...], Field(min_length=1)]
    preparation: HarmonizePreparation = HarmonizePreparation()
    planes: Annotated[
        Literal["fused", "single"],
        Field(description="fused: a model of slices works in three directions and gives their mean"),
    ] = "fused"
    device: str = "auto"
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check_paths(self) -> HarmonizeJob:
        check_paths(self.cases)
        return self
