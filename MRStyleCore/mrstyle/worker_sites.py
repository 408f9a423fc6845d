"""Jobs of task "sites": one volume a case; `mrstyle.worker` describes what is told about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .models.package import Package
from .qa.sites import classify, site_classifier
from .volume import read_volume
from .worker_cancel import Cancel
from .worker_job_sites import SitesCase, SitesJob
from .worker_lines import ProgressLines


@dataclass
class SitesRunner:
    """Runs the cases of a job one by one with one loaded classifier."""

    job: SitesJob
    progress: ProgressLines
    cancel: Cancel
    package: Package = field(init=False)

    def __post_init__(self) -> None:
        self.package = site_classifier(self.job.model)

    def __call__(self, case: SitesCase) -> dict[str, Any]:
        """Classify the volume of the case; returns what the result line tells."""
        self.cancel.check()
        opinion = classify(
            read_volume(case.volume),
            self.package,
            device=self.job.device,
            progress=self.progress,
            cancel=self.cancel.asked.is_set,
        )
        for note in opinion.notes:
            self.progress.warn(note)
        return {"site": opinion.site, "probabilities": opinion.probabilities, "notes": opinion.notes}
