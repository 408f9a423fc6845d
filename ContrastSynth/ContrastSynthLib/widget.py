"""The panel: binds its sections to the parameters in the scene, to the run of the logic and to the live preview."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from MRStyleLib import install, settings
from MRStyleLib.device_choice import DeviceChoice
from MRStyleLib.model_section import ModelSection
from MRStyleLib.parameter_repair import repair
from MRStyleLib.run_section import RunSection
from MRStyleLib.runner import Runner
from MRStyleLib.scene_run import RunState
from MRStyleLib.train_section import TrainSection

from . import keep
from .compare_section import CompareSection
from .live import LivePreview
from .maps_section import MapsSection
from .parameters import DEFAULTS, SynthesisParameters, is_usable
from .request import Request, is_live, refusal_of_model
from .source_section import SourceSection
from .space_section import SpaceSection
from .target_section import TargetSection

_SCRIPT = """import slicer
from ContrastSynth import ContrastSynthLogic
image = ContrastSynthLogic().process(
    [slicer.util.getNode("T1")], "{model}", preset="T2w")"""


class SynthesisPanel:
    """The sections of the panel and what happens between them.

    Args:
        ui: widgets of the .ui file by name.
        runner: owner of the run; it outlives changes of the module, but not this panel.
        parameter_node: gives the node of the present scene that keeps the choices.
    """

    def __init__(self, ui, runner: Runner, parameter_node) -> None:
        self._ui, self._runner, self._parameter_node = ui, runner, parameter_node
        self._parameters: SynthesisParameters | None = None
        self._gui_tag = self._observer = None
        self._prepared: tuple = ()
        self._refusals: dict[str, tuple] = {}
        self._taken_run = None
        self._applies_when_prepared = False
        self._run_section = RunSection(ui, _("Write the whole volume in the contrast of the target"))
        self._live = LivePreview(self._on_rest)
        self._models = ModelSection(ui, self._on_model, refusal_of_model)
        self._devices = DeviceChoice(ui)
        self._sources = SourceSection(ui, self._on_sequence, self._estimate)
        self._target = TargetSection(ui, self._on_target)
        self._compare = CompareSection(ui, self._on_views)
        self._maps = MapsSection(ui, self._live, lambda: self._compare.image)
        self._space = SpaceSection(ui)
        self._train = TrainSection(ui.trainCollapsibleButton, slicer.mrmlScene, self._on_trained)
        ui.applyButton.connect("clicked(bool)", self._on_apply)
        runner.changed = self._on_run
        self.connect_scene()

    def connect_scene(self) -> None:
        """Take the choices from the scene, after repairing what its file may hold."""
        if self._parameters is not None:
            return
        self._parameters = SynthesisParameters(self._parameter_node())
        for sentence in repair(self._parameters, DEFAULTS, is_usable):
            self._run_section.say(sentence)
        self._gui_tag = self._parameters.connectGui(self._ui)
        self._observer = self._parameters.AddObserver("ModifiedEvent", self._on_parameters)
        self._target.take(self._parameters)
        self._maps.set_parameters(self._parameters)
        self._models.refresh(self._parameters.model)
        self._on_model()
        self._on_parameters()

    def disconnect_scene(self) -> None:
        """Let go of the scene's choices: it is being closed, replaced, or the panel is left for good."""
        if self._parameters is None:
            return
        self._live.stop()
        self._prepared, self._refusals = (), {}
        self._parameters.RemoveObserver(self._observer)
        self._parameters.disconnectGui(self._gui_tag)
        self._parameters = None
        self._maps.set_parameters(None)
        self._sources.forget()
        self._compare.forget()
        self._space.forget()
        self._train.forget()

    def close_scene(self) -> None:
        """Give the user's layout back while it is still known: closing a scene forgets it."""
        self._compare.restore_layout()
        self.disconnect_scene()

    def close(self) -> None:
        """End the run and the preview."""
        self._train.close()
        self.disconnect_scene()
        self._runner.close()

    def update(self) -> None:
        """Show what can be done now, and why not."""
        if self._parameters is None:
            return
        is_busy = self._runner.is_busy
        self._run_section.show(
            self._runner.run, None if is_busy else self._refusal(self._request(self._target.acquisition))
        )
        busy = _("A run is in progress; wait for it or cancel it first.")
        nothing = None if self._sources.has_unknown else _("All that the model needs is known.")
        refusal = busy if is_busy else nothing or self._refusal(self._request(None, estimate=True))
        self._sources.show_refusal_of_estimate(refusal)

    def _source_nodes(self) -> tuple:
        parameters = self._parameters
        others = (parameters.source2, parameters.source3)
        return (parameters.source, *(node for node in others if node is not None))

    def _request(self, target, *, estimate: bool = False) -> Request:
        """``target`` None: prepare the live preview, or estimate."""
        parameters, nodes = self._parameters, self._source_nodes()
        known = tuple(self._sources.known_of(node) for node in nodes) if nodes[0] is not None else ()
        return Request(
            sources=nodes if nodes[0] is not None else (),
            known=known,
            model=self._models.entry,
            target=target,
            estimate=estimate,
            output=parameters.output if target is not None else None,
            reference=parameters.reference if target is not None else None,
            samples=parameters.samples,
            device=settings.device(),
        )

    def _refusal(self, request: Request) -> str | None:
        """The same as `Request.refusal`, looked up again only when an input has changed: it reads all voxels."""
        nodes = (*request.sources, request.output, request.reference)
        key = (
            tuple((node.GetID(), node.GetMTime()) if node is not None else None for node in nodes),
            tuple(repr(known) for known in request.known),
            self._models.key,
        )
        kind = f"{request.estimate} {request.target is None}"
        if self._refusals.get(kind, (None, None))[0] != key:
            self._refusals[kind] = (key, request.refusal())
        return self._refusals[kind][1]

    def _key(self) -> tuple:
        """What an encoding depends on."""
        nodes = self._source_nodes()
        if nodes[0] is None:
            return ()
        images = tuple(
            (node.GetID(), node.GetImageData().GetMTime()) for node in nodes if node.GetImageData()
        )
        return (self._models.key, images, tuple(repr(self._sources.known_of(node).values) for node in nodes))

    @property
    def _is_prepared(self) -> bool:
        return bool(self._prepared) and self._prepared == self._key() and self._live.encoding is not None

    def _on_parameters(self, *_event) -> None:
        if self._parameters.model != self._models.key and self._parameters.model:
            self._models.choose(self._parameters.model)
        nodes = self._source_nodes()
        self._sources.set_sources([node for node in nodes if node is not None])
        self._on_sequence()
        self._maps.update()

    def _on_sequence(self) -> None:
        """Sources or what is known about them has changed; a preview of other sources ends."""
        if self._live.encoding is not None and not self._is_prepared:
            self._live.stop()
        self._show_target()
        self.update()

    def _on_model(self) -> None:
        if self._parameters is not None:
            if self._models.key:
                self._parameters.model = self._models.key
            self._ui.scriptingLabel.text = _SCRIPT.format(model=self._models.key)
            self._on_sequence()

    def _on_trained(self) -> None:
        self._models.refresh(self._models.key)

    def _on_target(self) -> None:
        """The user has changed the target."""
        if self._parameters is None:
            return
        target = self._target.acquisition
        if self._is_prepared:
            self._compare.show(self._live.node)
            self._live.show(target)
            return
        self._target.store(self._parameters)
        self._show_target()
        self._prepare()

    def _on_rest(self) -> None:
        """The whole preview shows the target."""
        if self._parameters is None:
            return
        self._target.store(self._parameters)
        keep.describe(self._live.node, self._live.encoding, self._live.target)
        self._show_target()
        self._maps.update()

    def _on_views(self) -> None:
        if self._live.target is not None and self._live.encoding is not None:
            self._live.show(self._live.target)
        self._maps.update()

    def _show_target(self) -> None:
        """Where the target is in the contrast space, and what is to be said about it."""
        if self._parameters is None:
            return
        sources = [self._sources.known_of(node) for node in self._source_nodes() if node is not None]
        warning = self._space.show(self._models.entry, sources, self._target.acquisition)
        notes = [warning]
        if self._models.entry is not None and not is_live(self._models.entry):
            notes.append(_("This model has no live preview: press Apply for each image."))
        self._target.set_note(" ".join(filter(None, notes)))

    def _prepare(self) -> None:
        """Start the preview by itself, where that needs no question; else say what to do."""
        if self._runner.is_busy or not is_live(self._models.entry):
            return
        request = self._request(None)
        if refusal := self._refusal(request):
            self._run_section.say(refusal)
        elif install.missing_requirements() or not self._models.is_license_accepted:
            self._run_section.say(_("Press Apply once, to allow what the live preview needs."))
        else:
            self._start(request)

    def _estimate(self) -> None:
        self._start_when_allowed(self._request(None, estimate=True))

    def _on_apply(self, _checked: bool) -> None:
        if self._runner.is_busy:
            self._runner.run.cancel()
            return
        request = self._request(self._target.acquisition)
        if self._is_prepared and request.reference is None:
            self._keep_preview()
        elif is_live(request.model) and request.reference is None:
            self._applies_when_prepared = self._start_when_allowed(self._request(None))
        else:
            self._start_when_allowed(request)

    def _keep_preview(self) -> None:
        """Apply, where the preview is there: the same image, as a volume that the sliders do not change."""
        with slicer.util.tryWithErrorDisplay(_("The volume was not written."), waitCursor=True):
            self._live.show(self._target.acquisition)
            self._live.finish()
            image = keep.as_volume(slicer.mrmlScene, self._live, self._parameters.output)
            self._compare.show(image)
            self._maps.update()
            self._run_section.say(_("Written: {name}.").format(name=image.GetName()))

    def _start_when_allowed(self, request: Request) -> bool:
        """Install what is missing, ask for the license, and start; whether it started."""
        try:
            install.ensure_requirements(slicer.util.confirmOkCancelDisplay)
        except RuntimeError as error:
            self._run_section.say(str(error))
            return False
        if not self._models.accept_license():
            self._run_section.say(_("Not started, because the license of the model was not accepted."))
            return False
        return self._start(request)

    def _start(self, request: Request) -> bool:
        self._applies_when_prepared = False
        key = self._key()
        if not request.estimate and key != self._prepared:
            # What is shown until the new encoding is there must not be taken for it.
            self._live.stop()
        with slicer.util.tryWithErrorDisplay(_("The run could not start.")):
            self._runner.start(request)
            self._prepared = () if request.estimate else key
            return True
        return False

    def _on_run(self) -> None:
        """Follow the run; at its end, take what it has made."""
        run = self._runner.run
        if self._parameters is None:
            return
        self.update()
        if run.state.is_over and run is not self._taken_run:
            self._taken_run = run
            self._take(run)
            self.update()

    def _take(self, run) -> None:
        if run.state is RunState.FAILED:
            self._ui.logCollapsibleButton.collapsed = False
        if run.state is not RunState.FINISHED:
            return
        if run.request.estimate:
            sentences = self._sources.take_estimates(run.request.sources, run.sources)
            self._run_section.say(" ".join([*sentences, *run.notes]) or run.message)
            self._on_sequence()
            return
        if run.encoding is not None and self._prepared == self._key():
            node = keep.preview_volume(slicer.mrmlScene, run.encoding, run.request.sources[0])
            self._live.start(slicer.mrmlScene, run.encoding, node)
            self._ui.compareCollapsibleButton.collapsed = self._ui.mapsCollapsibleButton.collapsed = False
            if run.styled is None:
                self._compare.show(node)
            self._live.show(self._target.acquisition)
        if run.styled is not None:
            self._compare.show(run.styled)
            self._ui.compareCollapsibleButton.collapsed = False
            self._maps.update()
        elif self._applies_when_prepared and self._is_prepared:
            self._keep_preview()
        if run.notes:
            self._run_section.say(" ".join([run.message, *run.notes]))
        self._applies_when_prepared = False
