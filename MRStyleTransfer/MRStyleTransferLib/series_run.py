"""One run on a dynamic series: its frames go to the worker process, and come back with other enhancement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.job import DynamicCase, DynamicJob, LikeFrame
from MRStyleLib.row_run import Row, RowRun
from MRStyleLib.sequences import Frame, export_frames, find_browser, frames_of, time_axis
from MRStyleLib.series_files import is_multi_volume, sequence_of_multi_volume

from .parameters import EnhancementChoice
from .series_import import import_changed_series


@dataclass(eq=False)
class SeriesRun(RowRun):
    """A `RowRun` of one row whose request is a `SeriesRequest`."""

    _frames: list[Frame] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self.rows = [Row(self.request.content.GetName(), self.request.content)]
        super().start()

    def _prepare(self) -> Iterator[None]:
        folder, request, row = self._folder.path, self.request, self.rows[0]
        if is_multi_volume(row.source):
            # What comes back is a sequence; only another one can be played beside it.
            row.source = yield from sequence_of_multi_volume(self.scene, row.source)
        content = folder / "content"
        self._frames = yield from self._export(row.source, content)
        like = None
        if request.enhancement is EnhancementChoice.LIKE:
            like = folder / "like"
            yield from self._export(request.like, like)
            frame = request.like_frame - 1 if request.like_frame else None
            like = LikeFrame(like, frame, request.like.GetName())
        case = DynamicCase(
            content=content,
            output=folder / "changed.nii",
            enhancement=None if like else request.enhancement.value,
            like=like,
            maps=folder / "maps" if request.measure_quality else None,
            name=row.name,
        )
        self._start_worker(DynamicJob(str(request.model.folder), (case,), request.device))

    def _export(self, proxy, folder: Path) -> Iterator[None]:
        folder.mkdir()
        if is_multi_volume(proxy):
            proxy = yield from sequence_of_multi_volume(self.scene, proxy)
        frames = frames_of(self.scene, proxy)
        for frame in frames:
            export_frames([frame], folder, may_be_slice=True)
            yield
        axis = time_axis(find_browser(self.scene, proxy)[1])
        timing = {"VolumeTiming": axis.values.tolist()}
        (folder / "series.json").write_text(json.dumps(timing), encoding="utf-8")
        if not axis.is_time:
            text = _("The frames of {name} have no times; curves are drawn over their numbers.")
            self._on_warning(text.format(name=proxy.GetName()))
        return frames

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        row = self.rows[0]
        self._pieces.add(self._of_row(self._import(row, result["outputs"]), row))

    def _import(self, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        content = self._source_of(row)
        like = self.request.like if self.request.enhancement is EnhancementChoice.LIKE else None
        row.note = " ".join(outputs["notes"])

        def shown(result) -> None:
            row.result = result
            self.changed()

        name = {
            EnhancementChoice.BASELINE: _("{name} (not enhanced, synthetic)"),
            EnhancementChoice.ENHANCED: _("{name} (enhanced, synthetic)"),
            EnhancementChoice.LIKE: _("{name} (as another, synthetic)"),
        }[self.request.enhancement].format(name=row.name)
        style = like if self._has(like) else None
        yield from import_changed_series(self.scene, outputs, content, style, self._frames, name, shown)
        row.is_complete = True
        self.changed()

    def _conclude(self) -> Iterator[None]:
        self._take_failures({1: self.rows[0]})
        self._end_by_rows()
        yield
