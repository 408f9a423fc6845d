"""The job files of the worker: the schema of a transfer, where the others are, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import InputError
from .files import sidecar_path
from .outputs import METRICS_NAME
from .qa.evaluate import MAP_NAMES
from .worker_paths import check_paths

JOB_LIMIT_BYTES = 10_000_000
_SCHEMAS = {
    "transfer": ("worker_job", "Job"),
    "synthesize": ("worker_job_synthesis", "SynthesisJob"),
    "harmonize": ("worker_job_harmonize", "HarmonizeJob"),
    "thickness": ("worker_job_thickness", "ThicknessJob"),
    "sites": ("worker_job_sites", "SitesJob"),
    "dynamic": ("worker_job_dynamic", "DynamicJob"),
}


class Case(BaseModel):
    """One volume to translate; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: Path
    style: Path
    output: Path
    uncertainty: Path | None = None
    maps: Annotated[
        Path | None,
        Field(description="folder, made if needed, for quality maps (.nii.gz) and metrics.json"),
    ] = None
    report: Annotated[Path | None, Field(description="one HTML file")] = None
    name: str = ""

    def read(self) -> Iterator[Path]:
        """The files and folders that the case reads."""
        yield from (self.content, self.style)

    def written(self) -> Iterator[tuple[Path, list[Path]]]:
        """What the case is told to write, and the files that it then writes, as absolute paths."""
        for image in (self.output, self.uncertainty):
            if image is not None:
                yield image, [image.resolve(), sidecar_path(image.resolve())]
        if self.maps is not None:
            folder = self.maps.resolve()
            maps = [folder / f"{name}.nii.gz" for name in MAP_NAMES]
            yield self.maps, [folder, *maps, folder / METRICS_NAME]
        if self.report is not None:
            yield self.report, [self.report.resolve()]


class Job(BaseModel):
    """Content of a job file without a task, or whose task is "transfer"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["transfer"] = "transfer"
    model: Annotated[str, Field(min_length=1, description="id, id@version or the folder of a package")]
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
    device: str = "auto"
    samples: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0
    series: Annotated[
        bool, Field(description="the cases are frames of one series, all scaled as the first one is")
    ] = False

    @model_validator(mode="after")
    def _check_cases(self) -> Job:
        if self.samples == 1 and any(case.uncertainty for case in self.cases):
            raise ValueError("an uncertainty needs samples of 2 or more")
        check_paths(self.cases)
        return self


class _Task(BaseModel):
    """The one field that tells which kind of job a file is."""

    task: Literal["transfer", "synthesize", "harmonize", "thickness", "sites", "dynamic"] = "transfer"


def read_job(path: str | Path) -> Any:
    """Read and check a job file; gives a `Job`, or the job of another task by the schema of that task.

    Raises:
        InputError: it cannot be read or breaks the schema; the message names the first field at fault.
    """
    path = Path(path)
    try:
        if path.stat().st_size > JOB_LIMIT_BYTES:
            raise InputError(f"Job file {path} is larger than {JOB_LIMIT_BYTES // 1_000_000} MB; split it.")
        data = path.read_bytes()
        module, name = _SCHEMAS[_Task.model_validate_json(data).task]
        schema: type[BaseModel] = getattr(import_module(f".{module}", __package__), name)
        return schema.model_validate_json(data)
    except OSError as error:
        raise InputError(f"Job file {path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(
            f"Job file {path} is not usable: {place}{': ' if place else ''}{message}."
        ) from error
