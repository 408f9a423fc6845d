"""One run: contents get the look of the style in the worker process, and come back with their quality maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.job import Case, Job
from MRStyleLib.results import import_volume
from MRStyleLib.row_run import Row, RowRun
from MRStyleLib.sequences import Frame, export_frames, frames_of, import_sequence, read_frames
from MRStyleLib.volumes import export_volume

from . import result_links
from .case_import import import_quality


@dataclass(eq=False)
class TransferRun(RowRun):
    """A `RowRun` whose request is a `Request`: one row for each content, and a single one for a sequence."""

    _frames: list[Frame] | None = None
    _frame_paths: dict[int, Path] = field(default_factory=dict)

    def start(self) -> None:
        """Begin; returns at once."""
        self.rows = [Row(content.GetName(), content) for content in self.request.contents]
        super().start()

    def _prepare(self) -> Iterator[None]:
        folder, request = self._folder.path, self.request
        style = folder / "style.nrrd"
        export_volume(request.style, style)
        yield
        contents = []
        self._frames = frames_of(self.scene, request.contents[0])
        if self._frames is not None:
            for frame in self._frames:
                contents += export_frames([frame], folder)
                yield
        else:
            for number, row in enumerate(self.rows, start=1):
                contents.append(folder / f"content_{number:04d}.nrrd")
                export_volume(row.source, contents[-1])
                yield
        job = Job(
            model=str(request.model.folder),
            cases=tuple(self._case(content, style) for content in contents),
            device=request.device,
            samples=request.samples,
            series=self._frames is not None,
        )
        self._start_worker(job)

    def _case(self, content: Path, style: Path) -> Case:
        # Frames get no maps: a user looks at one volume closely, and forty sets of maps would fill the memory.
        measured = self.request.measure_quality and self._frames is None
        stem = content.stem
        uncertain = self.request.samples > 1 and self._frames is None
        return Case(
            content=content,
            style=style,
            output=content.with_name(f"{stem}_styled.nrrd"),
            uncertainty=content.with_name(f"{stem}_sd.nrrd") if uncertain else None,
            maps=content.with_name(f"{stem}_maps") if measured else None,
            report=content.with_name(f"{stem}_report.html") if measured else None,
            name=stem,
        )

    def _describe_progress(self, stage: str, case: int, cases: int) -> str:
        text = super()._describe_progress(stage, case, cases)
        if self._frames is not None:
            self.current_row = 0
        return text

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        if self._frames is not None:
            self._frame_paths[case] = Path(result["outputs"]["image"])
            return
        row = self.rows[case - 1]
        self._pieces.add(self._of_row(self._import(row, result["outputs"]), row))

    def _import(self, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        content, style = self._source_of(row), self.request.style
        style = style if self._has(style) else None
        output = self.request.output
        if output is not None and not self._has(output):
            output = None
        styled = import_volume(
            self.scene,
            Path(outputs["image"]),
            content,
            _("{name} (synthetic)").format(name=row.name),
            output,
            window_like=style,
        )
        result_links.remove_quality(self.scene, styled)
        result_links.link_inputs(styled, content, style)
        yield  # reading and showing are each as long as one piece may be
        row.result = styled
        self.changed()
        yield
        yield from import_quality(self.scene, styled, content, outputs)
        row.is_complete = True
        self.changed()

    def _import_sequence(self) -> Iterator[None]:
        row = self.rows[0]
        content = self._source_of(row)
        yield
        style = self.request.style if self._has(self.request.style) else None
        results = [
            (frame, self._frame_paths[number])
            for number, frame in enumerate(self._frames, start=1)
            if number in self._frame_paths
        ]
        name = _("{name} (synthetic)").format(name=row.name)
        images = read_frames(results)
        row.result = yield from import_sequence(self.scene, images, content, name, window_like=style)
        result_links.link_inputs(row.result, content, style if self._has(style) else None)
        row.is_complete = True
        self.changed()

    def _conclude(self) -> Iterator[None]:
        if self._frames is not None and self._frame_paths:
            yield from self._of_row(self._import_sequence(), self.rows[0])
        failures = self._outcome.failures
        if self._frames is not None and failures:
            first = min(failures)
            text = _("{count} frames failed; the first is frame {number}: {fault}")
            self.rows[0].fault = text.format(count=len(failures), number=first, fault=failures[first])
        else:
            self._take_failures(dict(enumerate(self.rows, start=1)))
        self._end_by_rows()
        yield
