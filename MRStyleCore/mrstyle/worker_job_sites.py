"""The job file of a site classification: which site's scanner volumes look like. It writes no files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class SitesCase(BaseModel):
    """One volume; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Path
    name: str = ""


class SitesJob(BaseModel):
    """Content of a job file whose task is "sites"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["sites"]
    model: Annotated[
        str | None,
        Field(
            min_length=1, description="id, id@version or folder; null: the classifier that comes with MRStyle"
        ),
    ] = None
    cases: Annotated[tuple[SitesCase, ...], Field(min_length=1)]
    device: str = "auto"
