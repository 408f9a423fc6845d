"""One check: the site classifier and the thickness of the cortex, of originals and of what was made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MRStyleLib.job import SitesCase, SitesJob, ThicknessCase, ThicknessJob
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import import_volume
from MRStyleLib.row_run import Row, RowRun
from MRStyleLib.surfaces import import_surface
from MRStyleLib.unpacking import unpacked
from MRStyleLib.volumes import export_volume

from . import links
from .charts import region_table
from .findings import Thickness, probabilities


@dataclass(eq=False)
class CheckRun(RowRun):
    """A `RowRun` whose request is a `CheckRequest`: one row for each result, one worker for each kind of check."""

    _pairs: list[tuple[Path, Path]] = field(default_factory=list)
    _starts: list[Callable[[], None]] = field(default_factory=list)
    _row_of_case: dict[int, Row] = field(default_factory=dict)
    _import: Callable[[int, Row, dict[str, Any]], Iterator[None]] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self.rows = [
            Row(result.GetName(), links.original_of(result), result) for result in self.request.results
        ]
        if self.request.sites:
            self._starts.append(self._start_sites)
        if self.request.thickness:
            self._starts.append(self._start_thickness)
        super().start()

    def _prepare(self) -> Iterator[None]:
        for number, row in enumerate(self.rows, start=1):
            pair = tuple(self._folder.path / f"{number:04d}_{when}.nrrd" for when in ("before", "after"))
            for node, path in zip((row.source, row.result), pair, strict=True):
                export_volume(node, path)
                yield
            self._pairs.append(pair)
        self._starts.pop(0)()

    def _start_sites(self) -> None:
        cases = tuple(SitesCase(path, path.stem) for pair in self._pairs for path in pair)
        self._row_of_case = {number: self.rows[(number - 1) // 2] for number in range(1, len(cases) + 1)}
        self._import = self._import_sites
        self._start_worker(SitesJob(cases, device=self.request.device))

    def _start_thickness(self) -> None:
        cases = tuple(
            ThicknessCase(before, before.with_suffix(""), compare=after, name=row.name)
            for (before, after), row in zip(self._pairs, self.rows, strict=True)
        )
        self._row_of_case = dict(enumerate(self.rows, start=1))
        self._import = self._import_thickness
        self._start_worker(ThicknessJob(cases, self.request.method, self.request.device))

    def _describe_progress(self, stage: str, case: int, cases: int) -> str:
        text = super()._describe_progress(stage, case, cases)
        self.current_row = self.rows.index(self._row_of_case[case])
        return text

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        row = self._row_of_case[case]
        self._pieces.add(self._of_row(self._import(case, row, result["outputs"]), row))

    def _import_sites(self, case: int, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        self._source_of(row)
        try:
            found = probabilities(outputs["probabilities"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(_damaged()) from error
        # A second check must not be half of the first one.
        which = {"sites_before": found, "sites_after": None} if case % 2 else {"sites_after": found}
        links.add_findings(row.result, **which)
        yield
        row.is_complete = case % 2 == 0 and not self._starts
        self.changed()

    def _import_thickness(self, _case: int, row: Row, outputs: dict[str, Any]) -> Iterator[None]:
        original, result = self._source_of(row), row.result
        try:
            agreement = dict(outputs["agreement"])
            agreement |= {"before_mm": outputs["mean_mm"], "after_mm": outputs["compare"]["mean_mm"]}
            thickness = Thickness.of(agreement)
            files = {
                OverlayKind.THICKNESS_BEFORE: (outputs["thickness"], outputs["surface"]),
                OverlayKind.THICKNESS_AFTER: (
                    outputs["compare"]["thickness"],
                    outputs["compare"]["surface"],
                ),
                OverlayKind.THICKNESS_DIFFERENCE: (outputs["difference"], outputs["difference_surface"]),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(_damaged()) from error
        links.forget_thickness(self.scene, result)
        for kind, (map_file, surface_file) in files.items():
            path = yield from unpacked(Path(map_file))
            name = f"{result.GetName()} {_map_name(kind)}"
            map_node = import_volume(self.scene, path, original, name)
            yield
            surface = import_surface(self.scene, Path(surface_file), original, name)
            links.link_thickness(result, kind, map_node, surface)
            yield
        name = _("{name} thickness by region").format(name=result.GetName())
        links.link_table(result, region_table(self.scene, thickness.regions, name))
        links.add_findings(result, thickness=thickness)
        row.is_complete = True
        self.changed()

    def _conclude(self) -> Iterator[None]:
        self._take_failures(self._row_of_case)
        yield
        if self._starts:
            self._outcome, self.fraction, self.remaining_s = None, None, None
            self._starts.pop(0)()
        else:
            self._end_by_rows()


def _damaged() -> str:
    return _("The figures of the check are damaged; run it again.")


def _map_name(kind: OverlayKind) -> str:
    return {
        OverlayKind.THICKNESS_BEFORE: _("thickness before"),
        OverlayKind.THICKNESS_AFTER: _("thickness after"),
        OverlayKind.THICKNESS_DIFFERENCE: _("thickness difference"),
    }[kind]
