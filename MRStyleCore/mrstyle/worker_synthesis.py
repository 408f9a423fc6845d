"""Jobs of task "synthesize": one patient a case; `mrstyle.worker` describes what is told about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .models.package import Package
from .outputs import Outputs, map_paths, write_effective_maps, write_result
from .qa.evaluate import evaluate
from .result import Result
from .synthesis_run import Drawn, draw, read_reference
from .synthesis_sources import Source, completed, given_source, read_source
from .volume import Volume
from .worker_cancel import Cancel
from .worker_job_synthesis import SynthesisCase, SynthesisJob, SynthesisSource
from .worker_lines import ProgressLines

_SYNTHESIS_SHARE = 0.75  # of the time of a case that has references


@dataclass(frozen=True)
class SynthesisRunner:
    """Runs the cases of a job one by one with one loaded model."""

    job: SynthesisJob
    package: Package
    device: str
    progress: ProgressLines
    cancel: Cancel

    def __call__(self, case: SynthesisCase) -> dict[str, Any]:
        """Do the case and write its files; returns what the result line tells."""
        self.cancel.check()
        outputs = _planned(case)
        sources = [self._source(case, each) for each in case.sources]
        for note in (note for source in sources for note in source.notes):
            self.progress.warn(note)
        references = [
            None if target.reference is None else read_reference(target.reference, sources)
            for target in case.targets
        ]
        told: dict[str, Any] = {
            "sources": [source.as_dict() for source in sources],
            "encoding": None,
            "maps": {},
            "targets": [],
        }
        if not (case.targets or case.encoding or case.maps):
            return told | {"notes": [note for source in sources for note in source.notes]}
        measured = any(reference is not None for reference in references)
        self.progress.part = (0.0, _SYNTHESIS_SHARE if measured else 1.0)
        drawn = draw(
            sources,
            self.package,
            [target.acquisition for target in case.targets],
            keep_encoding=case.encoding is not None or case.maps is not None,
            samples=self.job.samples,
            device=self.device,
            seed=self.job.seed,
            progress=self.progress,
            cancel=self.cancel.asked.is_set,
        )
        for note in drawn.notes:
            self.progress.warn(note)
        metrics = self._metrics(drawn.results, references)
        with self.cancel.staged(outputs) as place:
            written = self._write(case, drawn, metrics, place)
        return told | written | {"notes": drawn.notes}

    def _source(self, case: SynthesisCase, asked: SynthesisSource) -> Source:
        source = (
            read_source(asked.volume)
            if asked.acquisition is None
            else given_source(asked.volume, asked.acquisition)
        )
        only_told = not (case.targets or case.encoding or case.maps)
        if only_told and not case.estimate:
            return source
        return completed(source, self.package, may_estimate=case.estimate)

    def _metrics(
        self, results: list[Result], references: list[Volume | None]
    ) -> list[list[dict[str, Any]] | None]:
        """The rows of the metrics of each result that has a reference."""
        metrics: list[list[dict[str, Any]] | None] = []
        count = sum(reference is not None for reference in references)
        share = (1 - _SYNTHESIS_SHARE) / max(1, count)
        for result, reference in zip(results, references, strict=True):
            if reference is None:
                metrics.append(None)
                continue
            first = _SYNTHESIS_SHARE + share * sum(each is not None for each in metrics)
            self.progress.part = (first, first + share)
            found = evaluate(
                result.image,
                reference=reference,
                progress=self.progress,
                cancel=self.cancel.asked.is_set,
            )
            metrics.append(found.to_dict()["rows"])
        return metrics

    def _write(
        self,
        case: SynthesisCase,
        drawn: Drawn,
        metrics: list[list[dict[str, Any]] | None],
        place: Callable[[Path], Path],
    ) -> dict[str, Any]:
        targets = []
        for target, result, rows in zip(case.targets, drawn.results, metrics, strict=True):
            if target.uncertainty is not None and result.uncertainty is None:
                self.progress.warn(
                    "This model gives an uncertainty with samples of 2 or more alone; none is written."
                )
            paths = write_result(result, target.output, target.uncertainty, place)
            image, history = paths.pop("output"), paths.pop("sidecar")
            targets.append({"image": image, "history": history, "uncertainty": None, "metrics": rows} | paths)
        written: dict[str, Any] = {"targets": targets}
        if case.encoding is not None and drawn.encoding is not None:
            drawn.encoding.save(place(case.encoding))
            written["encoding"] = str(case.encoding)
        if case.maps is not None and drawn.encoding is not None:
            written["maps"] = write_effective_maps(drawn.encoding, case.maps, place)
        return written


def _planned(case: SynthesisCase) -> Outputs:
    """All that the case writes, checked before any work."""
    outputs = Outputs(case.read())
    for target in case.targets:
        outputs.add_volume(target.output)
        if target.uncertainty is not None:
            outputs.add_volume(target.uncertainty)
    if case.encoding is not None:
        outputs.add_encoding(case.encoding)
    if case.maps is not None:
        outputs.add_folder(case.maps)
        for path in map_paths(case.maps).values():
            outputs.add_volume(path, new_folder=True)
    return outputs
