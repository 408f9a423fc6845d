"""Jobs of task "thickness": one head a case; `mrstyle.worker` describes what is told about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .qa.thickness_check import check_thickness
from .qa.thickness_files import planned_outputs, write_thickness
from .worker_cancel import Cancel
from .worker_job_thickness import ThicknessCase, ThicknessJob
from .worker_lines import ProgressLines


@dataclass(frozen=True)
class ThicknessRunner:
    """Runs the cases of a job one by one."""

    job: ThicknessJob
    progress: ProgressLines
    cancel: Cancel

    def __call__(self, case: ThicknessCase) -> dict[str, Any]:
        """Do the case and write its files; returns what the result line tells."""
        self.cancel.check()
        outputs = planned_outputs(case.folder, list(case.read()), compared=case.compare is not None)
        check = check_thickness(
            case.volume,
            case.compare,
            case.subject,
            method=self.job.method,
            work_folder=case.folder,
            device=self.job.device,
            progress=self.progress,
            cancel=self.cancel.asked.is_set,
        )
        for note in check.notes:
            self.progress.warn(note)
        with self.cancel.staged(outputs) as place:
            return write_thickness(case.folder, check.measured, check.after, check.comparison, place)
