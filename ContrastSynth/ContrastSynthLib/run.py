"""One run: the worker encodes the sources, and synthesizes an image where its formula cannot be evaluated here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from mrstyle.encoding import Encoding
from mrstyle.errors import InputError
from MRStyleLib.job import Source, SynthesisCase, SynthesisJob, SynthesisTarget
from MRStyleLib.results import import_volume
from MRStyleLib.scene_run import RunState, SceneRun
from MRStyleLib.tables import metrics_table
from MRStyleLib.volumes import export_volume

from . import links
from .acquisitions import keep_synthetic
from .request import is_live


@dataclass(eq=False)
class SynthesisRun(SceneRun):
    """A `SceneRun` whose request is a `Request`.

    Attributes:
        encoding: what the live preview renders from; None before, and with a model that has none.
        sources: what the worker knows about the sequence of each source: "acquisition" and "origins".
        styled: the synthetic image in the scene, if one was asked for.
        notes: what the user should know about the result.
    """

    encoding: Encoding | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    styled: Any = None
    notes: list[str] = field(default_factory=list)

    def _prepare(self) -> Iterator[None]:
        folder, request = self._folder.path, self.request
        sources = []
        for number, (node, known) in enumerate(zip(request.sources, request.known, strict=True), start=1):
            path = folder / f"source_{number}.nrrd"
            export_volume(node, path)
            sources.append(Source(path, known.values))
            yield
        reference = None
        if request.reference is not None:
            reference = folder / "reference.nrrd"
            export_volume(request.reference, reference)
            yield
        case = SynthesisCase(
            sources=tuple(sources),
            targets=() if request.target is None else (self._target(reference),),
            encoding=folder / "encoding.npz" if is_live(request.model) and not request.estimate else None,
            estimate=request.estimate,
            name=request.sources[0].GetName(),
        )
        self._start_worker(
            SynthesisJob(str(request.model.folder), (case,), device=request.device, samples=request.samples)
        )

    def _target(self, reference: Path | None) -> SynthesisTarget:
        folder = self._folder.path
        # The live preview has its own uncertainty.
        uncertain = self.request.samples > 1 and not is_live(self.request.model)
        return SynthesisTarget(
            self.request.target.as_dict(),
            output=folder / "synthetic.nrrd",
            uncertainty=folder / "uncertainty.nrrd" if uncertain else None,
            reference=reference,
        )

    def _fault_of_scene(self) -> str:
        """The source was deleted."""
        source = self.request.sources[0]
        if self._has(source):
            return ""
        return _("Canceled, because {name} was deleted during the run.").format(name=source.GetName())

    def _take_result(self, case: int, result: dict[str, Any]) -> None:
        self._pieces.add(self._guarded(self._import(result["outputs"])))

    def _import(self, outputs: dict[str, Any]) -> Iterator[None]:
        source = self.request.sources[0]
        if not self._has(source):
            raise ValueError(_("{name} was deleted during the run.").format(name=source.GetName()))
        self.sources = list(outputs.get("sources") or [])
        self.notes = [str(note) for note in outputs.get("notes") or []]
        if outputs.get("encoding"):
            try:
                self.encoding = Encoding.load(outputs["encoding"])
            except InputError as error:
                raise ValueError(str(error)) from error
        yield
        for target in outputs.get("targets") or []:
            yield from self._import_image(source, target)

    def _import_image(self, source, target: dict[str, Any]) -> Iterator[None]:
        output = self.request.output if self._has(self.request.output) else None
        name = links.result_name(source, self.request.target)
        styled = import_volume(self.scene, Path(target["image"]), source, name, output)
        links.forget_maps(self.scene, styled)
        links.link(styled, source, links.SYNTHESIZED)
        keep_synthetic(styled, self.request.target)
        yield
        if target.get("uncertainty"):
            name = _("{name} uncertainty").format(name=styled.GetName())
            links.link_uncertainty(
                styled, import_volume(self.scene, Path(target["uncertainty"]), source, name)
            )
            yield
        if target.get("metrics"):
            name = _("{name} metrics").format(name=styled.GetName())
            links.link_metrics(styled, metrics_table(self.scene, target["metrics"], name))
        self.styled = styled
        self.changed()

    def _conclude(self) -> Iterator[None]:
        outcome = self._outcome
        if outcome.state == "failed" or outcome.failures:
            self._end(RunState.FAILED, outcome.failures.get(1, outcome.message))
        else:
            self._finish()
        yield
