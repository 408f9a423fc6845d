"""The panel: binds its sections to the parameters in the scene and to the run of the logic."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from MRStyleLib import install, settings
from MRStyleLib.compare_section import CompareSection
from MRStyleLib.device_choice import DeviceChoice
from MRStyleLib.model_section import ModelSection
from MRStyleLib.parameter_repair import repair
from MRStyleLib.run_section import RunSection
from MRStyleLib.runner import Runner
from MRStyleLib.scene_run import RunState
from MRStyleLib.train_section import TrainSection

from . import links
from .checks_section import ChecksSection
from .inputs_section import InputsSection
from .parameters import DEFAULTS, HarmonizeParameters, is_usable
from .request import CheckRequest, Request, refusal_of_model
from .run import HarmonizeRun
from .target_section import TargetSection

_SCRIPT = """import slicer
from MRHarmonize import MRHarmonizeLogic
harmonized = MRHarmonizeLogic().process(
    [slicer.util.getNode("T1")], "{model}", site="{site}")"""


class HarmonizePanel:
    """The sections of the panel and what happens between them.

    Args:
        ui: widgets of the .ui file by name.
        runner: owner of the run; it outlives changes of the module, but not this panel.
        parameter_node: gives the node of the present scene that keeps the choices.
    """

    def __init__(self, ui, runner: Runner, parameter_node) -> None:
        self._ui, self._runner, self._parameter_node = ui, runner, parameter_node
        self._parameters: HarmonizeParameters | None = None
        self._gui_tag = self._observer = None
        self._inputs_checked: tuple | None = None
        self._refusal: str | None = None
        self._shown_results = self._complete_rows = 0
        self._devices = DeviceChoice(ui)
        self._run_section = RunSection(ui, _("Give the volumes of the table the look of the target"))
        self._target = TargetSection(ui, self.update)
        self._models = ModelSection(ui, self._on_model, refusal_of_model)
        self._checks = ChecksSection(ui)
        self._compare = CompareSection(
            ui,
            slicer.mrmlScene,
            links.HARMONIZED,
            links.original_of,
            self._on_result,
            self._checks.hide_surfaces,
            with_overlay=False,
        )
        self._inputs = InputsSection(ui, self.update, self._compare.choose)
        self._train = TrainSection(ui.trainCollapsibleButton, slicer.mrmlScene, self._on_trained)
        ui.applyButton.connect("clicked(bool)", self._on_apply)
        ui.checkResultButton.connect("clicked(bool)", self._on_check_result)
        ui.checkAllButton.connect("clicked(bool)", self._on_check_all)
        runner.changed = self._on_run
        self.connect_scene()

    def connect_scene(self) -> None:
        """Take the choices from the scene, after repairing what its file may hold."""
        self._inputs.list_folders()
        if self._parameters is not None:
            return
        self._parameters = HarmonizeParameters(self._parameter_node())
        for sentence in repair(self._parameters, DEFAULTS, is_usable):
            self._run_section.say(sentence)
        self._gui_tag = self._parameters.connectGui(self._ui)
        self._observer = self._parameters.AddObserver("ModifiedEvent", self._on_parameters)
        self._target.set_parameters(self._parameters)
        self._checks.set_parameters(self._parameters)
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
        self._target.set_parameters(None)
        self._checks.set_parameters(None)
        self._checks.forget()
        self._train.forget()

    def close_scene(self) -> None:
        """Give the user's layout back while it is still known: closing a scene forgets it."""
        self._compare.restore_layout()
        self._inputs.forget()
        self.disconnect_scene()

    def close(self) -> None:
        """End the run and the timers."""
        self._compare.stop()
        self._train.close()
        self.disconnect_scene()
        self._runner.close()

    def update(self) -> None:
        """Show what can be done now, and why not."""
        if self._parameters is None:
            return
        run, is_busy = self._runner.run, self._runner.is_busy
        self._run_section.show(run, None if is_busy else self._refusal_of_inputs())
        self._inputs.show(is_busy)
        self._show_checks_refusal(is_busy)
        self._ui.scriptingLabel.text = _SCRIPT.format(model=self._models.key, site=self._parameters.site)

    def _show_checks_refusal(self, is_busy: bool) -> None:
        result = self._compare.result
        busy = _("A run is in progress; wait for it or cancel it first.")
        tips = {
            "checkResultButton": _("Check the result that is chosen above"),
            "checkAllButton": _("Check all harmonized volumes of the scene"),
        }
        requests = {
            "checkResultButton": self._check_request(() if result is None else (result,)),
            "checkAllButton": self._check_request(links.results_of(slicer.mrmlScene)),
        }
        for name, tip in tips.items():
            refusal = busy if is_busy else requests[name].refusal_at_once()
            button = getattr(self._ui, name)
            button.enabled = refusal is None
            button.toolTip = refusal or tip

    def _request(self) -> Request:
        parameters = self._parameters
        return Request(
            inputs=self._inputs.inputs,
            target=self._target.target,
            model=self._models.entry,
            preparation={
                "n4": parameters.n4,
                "conform": parameters.conform,
                "brain": parameters.brain.value,
            },
            fuse_planes=parameters.fuse_planes,
            device=settings.device(),
        )

    def _check_request(self, results) -> CheckRequest:
        parameters = self._parameters
        return CheckRequest(
            results=tuple(results),
            sites=parameters.check_sites,
            thickness=parameters.check_thickness,
            method=parameters.thickness_method.value,
            device=settings.device(),
        )

    def _refusal_of_inputs(self) -> str | None:
        """The same as `Request.refusal`, looked up again only when an input has changed: it reads all voxels."""
        request = self._request()
        target = request.target
        nodes = (*(each.node for each in request.inputs), target.reference)
        checked = (
            tuple((node.GetID(), node.GetMTime()) if node is not None else None for node in nodes),
            tuple(each.path for each in request.inputs),
            (self._models.key, target.kind, target.site),
        )
        if self._inputs_checked != checked:
            self._inputs_checked = checked
            self._refusal = request.refusal(slicer.mrmlScene)
        return self._refusal

    def _on_parameters(self, *_event) -> None:
        if self._parameters.model != self._models.key and self._parameters.model:
            self._models.choose(self._parameters.model)
        self._target.update()
        self.update()

    def _on_model(self) -> None:
        if self._parameters is not None:
            if self._models.key:
                self._parameters.model = self._models.key
            self._target.set_model(self._models.entry)
            self.update()

    def _on_trained(self) -> None:
        self._models.refresh(self._models.key)

    def _on_result(self) -> None:
        self._checks.set_result(self._compare.result)
        self.update()

    def _on_apply(self, _checked: bool) -> None:
        if self._runner.is_busy:
            self._runner.run.cancel()
            return
        if not self._is_installed():
            return
        if not self._models.accept_license():
            self._run_section.say(_("Not started, because the license of the model was not accepted."))
            return
        run = self._start(self._request())
        if run is not None:
            self._inputs.set_run(run)

    def _on_check_result(self, _checked: bool) -> None:
        self._check((self._compare.result,))

    def _on_check_all(self, _checked: bool) -> None:
        self._check(links.results_of(slicer.mrmlScene))

    def _check(self, results) -> None:
        if self._is_installed():
            self._start(self._check_request(results))

    def _is_installed(self) -> bool:
        """Install what is missing; whether all is there."""
        try:
            install.ensure_requirements(slicer.util.confirmOkCancelDisplay)
        except RuntimeError as error:
            self._run_section.say(str(error))
            return False
        return True

    def _start(self, request):
        """The run; None if it cannot start."""
        self._compare.stop()
        self._shown_results = self._complete_rows = 0
        with slicer.util.tryWithErrorDisplay(_("The run could not start.")):
            return self._runner.start(request)

    def _on_run(self) -> None:
        """Follow the run; its first result is shown as soon as it is there, the others when they are clicked."""
        run = self._runner.run
        if self._parameters is None:
            return
        is_harmonization = isinstance(run, HarmonizeRun)
        if is_harmonization and run.results and self._shown_results == 0:
            self._shown_results = 1
            for name in ("compareCollapsibleButton", "checksCollapsibleButton"):
                getattr(self._ui, name).collapsed = False
            self._compare.show_soon(run.results[0])
        complete = sum(row.is_complete for row in run.rows)
        if complete > self._complete_rows or run.state.is_over:
            self._complete_rows = complete
            self._take(run, is_harmonization)
        if run.state is RunState.FAILED:
            self._ui.logCollapsibleButton.collapsed = False
        self.update()

    def _take(self, run, is_harmonization: bool) -> None:
        self._compare.list_results()
        checked = [] if is_harmonization else [row.result for row in run.rows if row.is_complete]
        if checked and self._compare.result not in checked:
            self._compare.choose(checked[0])
        self._on_result()
        if checked and run.state.is_over:
            self._checks.show_thickness_soon()
