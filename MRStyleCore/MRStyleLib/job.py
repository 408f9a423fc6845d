"""What a worker process is told to do, as its job file says it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """One volume to translate. Volumes that are written get a .json with their history beside them.

    Args:
        content: the volume whose anatomy is kept.
        style: the volume whose look is taken.
        output: the volume to write, on the grid of the content.
        uncertainty: the volume of the standard deviation over the samples; needs samples of 2 or more.
        maps: the folder for quality maps (.nii.gz) and metrics.json, made if needed.
        report: the HTML file for a report.
        name: what messages call the case.
    """

    content: Path
    style: Path
    output: Path
    uncertainty: Path | None = None
    maps: Path | None = None
    report: Path | None = None
    name: str = ""


@dataclass(frozen=True)
class Job:
    """All cases of one worker, in order.

    Args:
        model: the model's folder (`ModelEntry.folder`), so that what the user chose is what runs; or its id.
        cases: at least one.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        samples: how many translations an image is the mean of.
        seed: of the samples.
        series: the cases are frames of one series, all scaled as the first one is.
    """

    model: str
    cases: tuple[Case, ...]
    device: str = "auto"
    samples: int = 1
    seed: int = 0
    series: bool = False

    def write(self, path: Path) -> None:
        """Write the job file (UTF-8 JSON).

        Raises:
            OSError: the file cannot be written.
        """
        _write(self, path)


@dataclass(frozen=True)
class Source:
    """A volume and how it was acquired.

    Args:
        volume: the file.
        acquisition: fields of `mrstyle.acquisition.Acquisition` as far as they are known.
    """

    volume: Path
    acquisition: dict[str, Any]


@dataclass(frozen=True)
class SynthesisTarget:
    """An image to synthesize.

    Args:
        acquisition: fields of `mrstyle.acquisition.Acquisition`.
        output: the volume to write, on the grid of the sources.
        uncertainty: the volume of the standard deviation.
        reference: the true image on the same grid, for metrics.
    """

    acquisition: dict[str, Any]
    output: Path
    uncertainty: Path | None = None
    reference: Path | None = None


@dataclass(frozen=True)
class SynthesisCase:
    """Volumes of one patient on one grid, and what to make of them.

    Args:
        sources: at least one.
        targets: may be none, to prepare only.
        encoding: the file (.npz) for what `mrstyle.encoding.Encoding.load` reads.
        estimate: whether unknown parameters of the sources are estimated from the images.
        name: what messages call the case.
    """

    sources: tuple[Source, ...]
    targets: tuple[SynthesisTarget, ...] = ()
    encoding: Path | None = None
    maps: Path | None = None
    estimate: bool = False
    name: str = ""


@dataclass(frozen=True)
class SynthesisJob:
    """All cases of one worker that synthesizes contrasts; see `Job` for the other fields."""

    model: str
    cases: tuple[SynthesisCase, ...]
    device: str = "auto"
    samples: int = 1
    seed: int = 0
    task: str = "synthesize"

    def write(self, path: Path) -> None:
        """Write the job file (UTF-8 JSON).

        Raises:
            OSError: the file cannot be written.
        """
        _write(self, path)


def _write(job: Job | SynthesisJob, path: Path) -> None:
    text = json.dumps(asdict(job), default=str, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
