"""The job file of a synthesis: other contrasts of the same patient, from sequence parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from .acquisition import Acquisition, label, missing
from .errors import InputError
from .files import sidecar_path
from .outputs import ENCODING_SUFFIX, map_paths
from .worker_paths import check_paths


def _refusing(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Let an impossible acquisition be a fault of the job like any other."""
    try:
        return handler(value)
    except InputError as error:
        raise ValueError(str(error)) from error


Parameters = Annotated[Acquisition, WrapValidator(_refusing)]


class SynthesisSource(BaseModel):
    """A scan of the patient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Path
    acquisition: Annotated[Parameters | None, Field(description="null: as its file says")] = None


class SynthesisTarget(BaseModel):
    """An image to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acquisition: Parameters
    output: Path
    uncertainty: Path | None = None
    reference: Annotated[
        Path | None,
        Field(description="the true image, on the grid of the sources: adds metrics to the result"),
    ] = None

    @model_validator(mode="after")
    def _check_complete(self) -> SynthesisTarget:
        if lacking := missing(self.acquisition):
            raise ValueError(f"the {' and the '.join(map(label, lacking))} of a target must be given")
        return self


class SynthesisCase(BaseModel):
    """One patient. Without targets, maps and encoding, only what is known about the sources is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: Annotated[tuple[SynthesisSource, ...], Field(min_length=1)]
    targets: tuple[SynthesisTarget, ...] = ()
    estimate: Annotated[
        bool, Field(description="estimate from the image what its file leaves open; else that is an error")
    ] = False
    encoding: Annotated[Path | None, Field(description="file for the encoding (.npz)")] = None
    maps: Annotated[
        Path | None, Field(description="folder, made if needed, for the effective tissue maps")
    ] = None
    name: str = ""

    @model_validator(mode="after")
    def _check_encoding(self) -> SynthesisCase:
        if self.encoding is not None and self.encoding.suffix.lower() != ENCODING_SUFFIX:
            raise ValueError(f"encoding must be named {ENCODING_SUFFIX}")
        return self

    def read(self) -> Iterator[Path]:
        """The files and folders that the case reads."""
        yield from (source.volume for source in self.sources)
        yield from (target.reference for target in self.targets if target.reference is not None)

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What the case is told to write, and the files that it then writes, as absolute paths."""
        for image in (path for target in self.targets for path in (target.output, target.uncertainty)):
            if image is not None:
                yield image, [image.resolve(), sidecar_path(image.resolve())]
        if self.encoding is not None:
            yield self.encoding, [self.encoding.resolve()]
        if self.maps is not None:
            maps = map_paths(self.maps.resolve()).values()
            yield self.maps, [self.maps.resolve(), *maps, *map(sidecar_path, maps)]


class SynthesisJob(BaseModel):
    """Content of a job file whose task is "synthesize"; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["synthesize"]
    model: Annotated[str, Field(min_length=1, description="id, id@version or the folder of a package")]
    cases: Annotated[tuple[SynthesisCase, ...], Field(min_length=1)]
    device: str = "auto"
    samples: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check_paths(self) -> SynthesisJob:
        check_paths(self.cases)
        return self
