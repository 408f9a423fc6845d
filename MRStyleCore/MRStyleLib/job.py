"""What a worker process is told to do, as its job file says it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class _JobFile:
    """A job as a file for the worker."""

    def write(self, path: Path) -> None:
        """Write the job file (UTF-8 JSON).

        Raises:
            OSError: the file cannot be written.
        """
        text = json.dumps(asdict(self), default=str, ensure_ascii=False, indent=2)
        path.write_text(text + "\n", encoding="utf-8")


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
class Job(_JobFile):
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
class SynthesisJob(_JobFile):
    """All cases of one worker that synthesizes contrasts; see `Job` for the other fields."""

    model: str
    cases: tuple[SynthesisCase, ...]
    device: str = "auto"
    samples: int = 1
    seed: int = 0
    task: str = "synthesize"


@dataclass(frozen=True)
class HarmonizeCase:
    """One scan that is to look as if another site had taken it.

    Args:
        volume: the scan.
        output: the volume to write, on the grid of the scan.
        mask: the brain mask to write.
        name: what messages call the case.
    """

    volume: Path
    output: Path
    mask: Path | None = None
    name: str = ""


@dataclass(frozen=True)
class HarmonizeJob(_JobFile):
    """All cases of one worker that harmonizes; see `Job` for the other fields.

    Args:
        target: {"site": name}, {"reference": path} or {"sample": seed, "site": name or None}.
        preparation: "n4" and "conform" (bool) and "brain" ("keep" or "extract").
        planes: "fused" or "single".
    """

    model: str
    target: dict[str, Any]
    cases: tuple[HarmonizeCase, ...]
    preparation: dict[str, Any]
    planes: str = "fused"
    device: str = "auto"
    seed: int = 0
    task: str = "harmonize"


@dataclass(frozen=True)
class ThicknessCase:
    """A scan whose cortex is measured, and the same head on the same grid to measure it against.

    Args:
        volume: the scan.
        folder: where maps, surfaces and regions go.
        compare: the second scan.
        subject: the folder of a FreeSurfer or FastSurfer subject that is read instead of measuring the first one.
        name: what messages call the case.
    """

    volume: Path
    folder: Path
    compare: Path | None = None
    subject: Path | None = None
    name: str = ""


@dataclass(frozen=True)
class ThicknessJob(_JobFile):
    """All cases of one worker that measures cortical thickness, by "direct" (DiReCT) or "fastsurfer"."""

    cases: tuple[ThicknessCase, ...]
    method: str = "direct"
    device: str = "auto"
    task: str = "thickness"


@dataclass(frozen=True)
class SitesCase:
    """A scan of which the worker says which site may have taken it."""

    volume: Path
    name: str = ""


@dataclass(frozen=True)
class SitesJob(_JobFile):
    """All cases of one worker that tells sites apart; ``model`` None: the bundled classifier."""

    cases: tuple[SitesCase, ...]
    model: str | None = None
    device: str = "auto"
    task: str = "sites"


@dataclass(frozen=True)
class LikeFrame:
    """A frame of another series; ``frame`` counts from 0, None is the one that is enhanced most."""

    series: Path
    frame: int | None = None
    name: str = ""


@dataclass(frozen=True)
class DynamicCase:
    """A dynamic series, and the enhancement that its frames shall have.

    Args:
        content: a folder of frames with their times in series.json.
        output: the 4D file (.nii) to write.
        enhancement: "baseline" or "enhanced"; None where ``like`` says it.
        like: a frame of another series.
        maps: the folder for the maps and metrics.json, made if needed.
        name: what messages call the series.
    """

    content: Path
    output: Path
    enhancement: str | None = None
    like: LikeFrame | None = None
    maps: Path | None = None
    name: str = ""


@dataclass(frozen=True)
class DynamicJob(_JobFile):
    """All cases of one worker that changes the enhancement of series; see `Job` for the other fields."""

    model: str
    cases: tuple[DynamicCase, ...]
    device: str = "auto"
    task: str = "dynamic"
