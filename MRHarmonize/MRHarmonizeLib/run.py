"""One run: volumes get the look of the target in the worker process, and come back beside their originals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.job import HarmonizeCase, HarmonizeJob
from MRStyleLib.results import import_volume
from MRStyleLib.row_run import Row, RowRun
from MRStyleLib.unpacking import unpacked
from MRStyleLib.volume_inputs import load_file, write_acquisition
from MRStyleLib.volumes import export_volume

from . import links
from .findings import Findings
from .parameters import TargetChoice
from .request import Target

_NAME_LENGTH = 40


@dataclass(eq=False)
class HarmonizeRun(RowRun):
    """A `RowRun` whose request is a `Request`: one row for each input."""

    _row_of_case: dict[int, Row] = field(default_factory=dict)

    def start(self) -> None:
        """Begin; returns at once."""
        self.rows = [Row(each.name, each.node) for each in self.request.inputs]
        super().start()

    def _prepare(self) -> Iterator[None]:
        request = self.request
        target = self._target(request.target)
        yield
        cases: list[HarmonizeCase] = []
        for number, row in enumerate(self.rows, start=1):
            # One volume that cannot be used does not stop the others.
            yield from self._of_row(self._export(number, row, cases), row)
        if not cases:
            self._end_by_rows()
            return
        self._start_worker(
            HarmonizeJob(
                model=str(request.model.folder),
                target=target,
                cases=tuple(cases),
                preparation=request.preparation,
                planes="fused" if request.fuse_planes else "single",
                device=request.device,
                seed=request.target.seed,
            )
        )

    def _export(self, number: int, row: Row, cases: list[HarmonizeCase]) -> Iterator[None]:
        folder, volume = self._folder.path, self.request.inputs[number - 1].path
        if volume is None:
            # The worker looks at names, too: that of a BIDS file tells of a contrast agent.
            volume = folder / f"{number:04d}_{_safe(row.name)}.nrrd"
            export_volume(self._source_of(row), volume)
            write_acquisition(row.source, volume)
            yield
        cases.append(HarmonizeCase(volume, folder / f"{number:04d}_harmonized.nrrd", name=row.name))
        self._row_of_case[len(cases)] = row

    def _target(self, target: Target) -> dict[str, Any]:
        """The target as the worker takes it; a reference is written first."""
        if target.kind is TargetChoice.SITE:
            return {"site": target.site}
        if target.kind is TargetChoice.SAMPLE:
            return {"sample": target.seed, "site": target.site or None}
        path = self._folder.path / f"reference_{_safe(target.reference.GetName())}.nrrd"
        export_volume(target.reference, path)
        write_acquisition(target.reference, path)
        return {"reference": path}

    def _describe_progress(self, stage: str, case: int, cases: int) -> str:
        text = super()._describe_progress(stage, case, cases)
        self.current_row = self.rows.index(self._row_of_case[case])
        return text

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        row = self._row_of_case[case]
        self._pieces.add(self._of_row(self._import(row, result["outputs"]), row))

    def _import(self, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        if row.source is None:
            path = self.request.inputs[self.rows.index(row)].path
            row.source = yield from load_file(self.scene, path, self._folder.path)
            yield
        original = self._source_of(row)
        path = yield from unpacked(Path(outputs["image"]))
        name = _("{name} (harmonized, {target})")
        target = self.request.target
        result = import_volume(
            self.scene, path, original, name.format(name=original.GetName(), target=target.name)
        )
        site = target.site if target.kind is TargetChoice.SITE else ""
        links.link(result, original, Findings(site, _ratio(outputs.get("flicker_ratio"))))
        row.note = " ".join(str(note) for note in outputs.get("notes") or [])
        yield
        row.result, row.is_complete = result, True
        self.changed()

    def _conclude(self) -> Iterator[None]:
        self._take_failures(self._row_of_case)
        self._end_by_rows()
        yield


def _ratio(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _safe(name: str) -> str:
    """A name as part of a file name, short because Windows limits the length of paths."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:_NAME_LENGTH].strip("-") or "volume"
