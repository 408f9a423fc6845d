"""Jobs of task "harmonize": one scan a case; `mrstyle.worker` describes what is told about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .harmonize import Target, check_target, finite, harmonize
from .models.catalogue import find
from .models.package import Package, load_package
from .outputs import Outputs, write_result
from .preparation import Preparation
from .targets import Reference, Sample, Site
from .volume import read_volume, write_volume
from .worker_cancel import Cancel
from .worker_job_harmonize import HarmonizeCase, HarmonizeJob, HarmonizeTarget
from .worker_lines import ProgressLines


@dataclass(frozen=True)
class HarmonizeRunner:
    """Runs the cases of a job one by one with one loaded model."""

    job: HarmonizeJob
    package: Package
    target: Target
    device: str
    progress: ProgressLines
    cancel: Cancel

    @classmethod
    def of(cls, job: HarmonizeJob, device: str, progress: ProgressLines, cancel: Cancel) -> HarmonizeRunner:
        """Load the model and read the target.

        Raises:
            PackageError: there is no such model.
            InputError: the model does not know the target.
        """
        package, target = load_package(find(job.model)), read_target(job.target)
        check_target(package.card, target)
        return cls(job, package, target, device, progress, cancel)

    def __call__(self, case: HarmonizeCase) -> dict[str, Any]:
        """Do the case and write its files; returns what the result line tells."""
        self.cancel.check()
        outputs = Outputs([case.volume, *([self.job.target.reference] if self.job.target.reference else [])])
        outputs.add_volume(case.output)
        if case.mask is not None:
            outputs.add_volume(case.mask)
        done = harmonize(
            read_volume(case.volume),
            self.package,
            self.target,
            preparation=Preparation(**self.job.preparation.model_dump()),
            planes=self.job.planes,
            with_mask=case.mask is not None,
            device=self.device,
            seed=self.job.seed,
            progress=self.progress,
            cancel=self.cancel.asked.is_set,
        )
        for note in done.notes:
            self.progress.warn(note)
        with self.cancel.staged(outputs) as place:
            paths = write_result(done.result, case.output, None, place)
            if case.mask is not None and done.mask is not None:
                write_volume(done.mask, place(case.mask))
        return {
            "image": paths["output"],
            "history": paths["sidecar"],
            "mask": None if case.mask is None else str(case.mask),
            "flicker_ratio": finite(done.flicker_ratio),
            "notes": done.notes,
        }


def read_target(told: HarmonizeTarget) -> Target:
    """The target that a job names.

    Raises:
        InputError: the reference cannot be read.
    """
    if told.reference is not None:
        return Reference(read_volume(told.reference))
    if told.sample is not None:
        return Sample(told.sample, told.site)
    assert told.site is not None
    return Site(told.site)
