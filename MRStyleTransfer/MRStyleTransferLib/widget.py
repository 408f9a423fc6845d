"""The panel: binds its sections to the parameters in the scene and to the run of the logic."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from MRStyleLib import install, settings
from MRStyleLib.compare_section import CompareSection
from MRStyleLib.device_choice import DeviceChoice
from MRStyleLib.model_section import ModelSection
from MRStyleLib.parameter_repair import is_usable_model, repair
from MRStyleLib.run_section import RunSection
from MRStyleLib.runner import Runner
from MRStyleLib.scene_run import RunState
from MRStyleLib.train_section import TrainSection

from . import result_links
from .batch_section import BatchSection
from .enhancement_section import EnhancementSection
from .parameters import DEFAULTS, TransferParameters
from .quality_section import QualitySection
from .request import Request, is_dynamic, refusal_of_any_model
from .run import TransferRun
from .scripting import script
from .series_request import SeriesRequest
from .series_run import SeriesRun
from .series_section import SeriesSection


class TransferPanel:
    """The sections of the panel and what happens between them.

    Args:
        ui: widgets of the .ui file by name.
        runner: owner of the run; it outlives changes of the module, but not this panel.
        parameter_node: gives the node of the present scene that keeps the choices.
    """

    def __init__(self, ui, runner: Runner, parameter_node) -> None:
        self._ui, self._runner, self._parameter_node = ui, runner, parameter_node
        self._parameters: TransferParameters | None = None
        self._gui_tag = self._observer = None
        self._inputs_checked: list | None = None
        self._refusal: str | None = None
        self._shown_results = self._complete_results = 0
        self._devices = DeviceChoice(ui)
        self._run_section = RunSection(ui, _("Give the content the look of the style"))
        self._models = ModelSection(ui, self._on_model, refusal_of_any_model)
        self._series = SeriesSection(ui, slicer.mrmlScene, self._run_section.say)
        self._quality, self._enhancement = QualitySection(ui), EnhancementSection(ui)
        self._compare = CompareSection(
            ui,
            slicer.mrmlScene,
            result_links.STYLED,
            result_links.content_of,
            self._on_result,
            self._on_shown,
        )
        self._batch = BatchSection(ui, self.update, self._apply_to_all, self._compare.choose)
        self._train = TrainSection(ui.trainCollapsibleButton, slicer.mrmlScene, self._on_trained)
        ui.applyButton.connect("clicked(bool)", self._on_apply)
        runner.changed = self._on_run
        self.connect_scene()

    def connect_scene(self) -> None:
        """Take the choices from the scene, after repairing what its file may hold."""
        if self._parameters is not None:
            return
        self._parameters = TransferParameters(self._parameter_node())
        for sentence in repair(self._parameters, DEFAULTS, is_usable_model):
            self._run_section.say(sentence)
        self._gui_tag = self._parameters.connectGui(self._ui)
        self._observer = self._parameters.AddObserver("ModifiedEvent", self._on_parameters)
        self._quality.set_parameters(self._parameters)
        self._enhancement.set_parameters(self._parameters)
        self._models.refresh(self._parameters.model)
        self._on_model()
        self._compare.list_results()
        self._compare.update()
        self._on_result()

    def disconnect_scene(self) -> None:
        """Let go of the scene's choices: it is being closed, replaced, or the panel is left for good."""
        if self._parameters is None:
            return
        self._parameters.RemoveObserver(self._observer)
        self._parameters.disconnectGui(self._gui_tag)
        self._parameters = None
        self._quality.set_parameters(None)
        self._enhancement.set_parameters(None)
        self._train.forget()

    def close_scene(self) -> None:
        """Give the user's layout back while it is still known: closing a scene forgets it."""
        self._compare.restore_layout()
        self.disconnect_scene()

    def close(self) -> None:
        """End the run and the timers."""
        self._compare.stop()
        self._series.close()
        self._enhancement.close()
        self._train.close()
        self.disconnect_scene()
        self._runner.close()

    def update(self) -> None:
        """Show what can be done now, and why not."""
        if self._parameters is None:
            return
        run, is_busy = self._runner.run, self._runner.is_busy
        self._run_section.show(run, None if is_busy else self._refusal_of_inputs())
        batch = None if is_busy else self._request(self._batch.contents).refusal(slicer.mrmlScene)
        self._batch.show(is_busy, batch)
        self._series.show(is_dynamic(self._models.entry), self._parameters)

    def _request_of_inputs(self) -> Request | SeriesRequest:
        """What Apply would do: the chosen model says which of the two."""
        parameters = self._parameters
        if not is_dynamic(self._models.entry):
            return self._request((parameters.content,), parameters.output)
        return SeriesRequest(
            content=parameters.content,
            enhancement=parameters.enhancement,
            model=self._models.entry,
            like=parameters.like,
            like_frame=parameters.like_frame,
            device=settings.device(),
            measure_quality=parameters.measure_quality,
        )

    def _request(self, contents: tuple, output=None) -> Request:
        parameters = self._parameters
        return Request(
            contents=contents,
            style=parameters.style,
            model=self._models.entry,
            output=output,
            samples=parameters.samples,
            device=settings.device(),
            measure_quality=parameters.measure_quality,
        )

    def _refusal_of_inputs(self) -> str | None:
        """The same as the request's refusal, looked up again only when an input has changed: it reads all voxels."""
        parameters = self._parameters
        nodes = (parameters.content, parameters.style, parameters.output, parameters.like)
        checked = [(node.GetID(), node.GetMTime()) if node is not None else None for node in nodes]
        checked += [self._models.key, parameters.enhancement, parameters.like_frame]
        if self._inputs_checked != checked:
            self._inputs_checked = checked
            self._refusal = self._request_of_inputs().refusal(slicer.mrmlScene)
        return self._refusal

    def _on_parameters(self, *_event) -> None:
        if self._parameters.model != self._models.key and self._parameters.model:
            self._models.choose(self._parameters.model)
        if result_links.is_series(self._compare.result):
            self._enhancement.update()
        else:
            self._quality.update_overlay()
        self.update()

    def _on_model(self) -> None:
        if self._parameters is not None:
            if self._models.key:
                self._parameters.model = self._models.key
            self._ui.scriptingLabel.text = script(self._models.entry)
            self.update()

    def _on_trained(self) -> None:
        self._models.refresh(self._models.key)

    def _on_result(self) -> None:
        result = self._compare.result
        series = result if result_links.is_series(result) else None
        self._ui.qualityCollapsibleButton.visible = series is None
        self._ui.enhancementCollapsibleButton.visible = series is not None
        # The one that has nothing to show first: it takes its overlay out of the views.
        if series is None:
            self._enhancement.set_result(None)
            self._quality.set_result(result)
        else:
            self._quality.set_result(None)
            self._enhancement.set_result(series)

    def _on_shown(self) -> None:
        if result_links.is_series(self._compare.result):
            self._enhancement.show_overlay()
        else:
            self._quality.show_overlay()

    def _on_apply(self, _checked: bool) -> None:
        if self._runner.is_busy:
            self._runner.run.cancel()
            return
        self._start(self._request_of_inputs())

    def _apply_to_all(self) -> None:
        run = self._start(self._request(self._batch.contents))
        if run is not None:
            self._batch.set_run(run)

    def _start(self, request: Request | SeriesRequest) -> TransferRun | SeriesRun | None:
        """Install what is missing, ask for the license, and start; None if the user declines one of them."""
        try:
            install.ensure_requirements(slicer.util.confirmOkCancelDisplay)
        except RuntimeError as error:
            self._run_section.say(str(error))
            return None
        if not self._models.accept_license():
            self._run_section.say(_("Not started, because the license of the model was not accepted."))
            return None
        self._compare.stop()
        self._shown_results = self._complete_results = 0
        with slicer.util.tryWithErrorDisplay(_("The run could not start.")):
            return self._runner.start(request)

    def _on_run(self) -> None:
        """Follow the run; its first result is shown as soon as it is there, the others when they are clicked."""
        run = self._runner.run
        if self._parameters is None:
            return
        if run.results and self._shown_results == 0:
            self._shown_results = 1
            for name in ("compare", "quality", "enhancement"):
                getattr(self._ui, f"{name}CollapsibleButton").collapsed = False
            self._compare.show_soon(run.results[0])
        complete = sum(row.is_complete for row in run.rows)
        if complete > self._complete_results or (run.state.is_over and run.results):
            self._complete_results = complete
            self._compare.list_results()
            self._on_result()
        if run.state is RunState.FAILED:
            self._ui.logCollapsibleButton.collapsed = False
        self.update()
