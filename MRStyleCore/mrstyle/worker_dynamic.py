"""Jobs of task "dynamic": one series a case; `mrstyle.worker` describes what is told about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .dce import EnhancementResult, Like, transfer_enhancement
from .engine.report import Reporter
from .errors import InputError
from .models.catalogue import find
from .models.package import Package, load_package
from .qa.series import SeriesQuality, series_quality
from .series import Series, read_series
from .series_outputs import planned_outputs, series_metrics, write_changed_series
from .volume import read_mask
from .worker_cancel import Cancel
from .worker_job_dynamic import DynamicCase, DynamicJob
from .worker_lines import ProgressLines

_TRANSFER_SHARE = 0.75  # of the time of a case


@dataclass(frozen=True)
class DynamicRunner:
    """Runs the cases of a job one by one with one loaded model."""

    package: Package
    device: str
    progress: ProgressLines
    cancel: Cancel

    @classmethod
    def of(cls, job: DynamicJob, device: str, progress: ProgressLines, cancel: Cancel) -> DynamicRunner:
        """Load the model.

        Raises:
            PackageError: there is no such model.
        """
        return cls(load_package(find(job.model)), device, progress, cancel)

    def __call__(self, case: DynamicCase) -> dict[str, Any]:
        """Do the case and write its files; returns what the result line tells."""
        self.cancel.check()
        outputs = planned_outputs(case.read(), case.output, case.maps)
        content = _read(case.content, case.name, case.interval_s)
        region = None if case.region is None else _region(case.region, content)
        self.progress.part = (0.0, _TRANSFER_SHARE)
        result = transfer_enhancement(
            content,
            self.package,
            _target(case),
            device=self.device,
            progress=self.progress,
            cancel=self.cancel.asked.is_set,
        )
        for note in result.notes:
            self.progress.warn(note)
        self.progress.part = (_TRANSFER_SHARE, 1.0)
        quality = self._quality(case, content, result, region)
        with self.cancel.staged(outputs) as place:
            written = write_changed_series(result, quality, case.output, case.maps, place)
        return written | {"over_time": series_metrics(result.before, quality), "notes": result.notes}

    def _quality(
        self, case: DynamicCase, content: Series, result: EnhancementResult, region: np.ndarray | None
    ) -> SeriesQuality:
        report = Reporter(self.progress, self.cancel.asked.is_set)
        frames = len(content.frames)
        # A frame of another person shows other anatomy: there is no similarity to it.
        style_frame = None if case.like is not None else result.sidecar["MRStyle"]["style"]["frame"]
        return series_quality(
            result.series,
            content,
            style_frame,
            region=region,
            seen=result.before,
            with_maps=case.maps is not None,
            on_frame=lambda index: report.at("measuring quality", index / frames),
        )


def _target(case: DynamicCase) -> str | Like:
    if case.like is not None:
        return Like(_read(case.like.series, case.like.name, None), case.like.frame)
    assert case.enhancement is not None
    return case.enhancement


def _read(path: Path, name: str, interval_s: float | None) -> Series:
    series = read_series(path, interval_s)
    return replace(series, name=name) if name else series


def _region(path: Path, content: Series) -> np.ndarray:
    mask = read_mask(path, may_be_slice=True)
    if not mask.has_grid_of(content.grid):
        raise InputError(f"The region {path} is not on the grid of {content.name}; resample it first.")
    inside: np.ndarray = mask.array > 0.5
    return inside
