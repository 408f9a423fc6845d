"""ContrastSynth: another MR contrast of the same patient, live. The panel is in ContrastSynthLib."""
# ruff: noqa: N802, N803 - the names are Slicer's

from __future__ import annotations

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

_RESOURCES = Path(__file__).resolve().parent / "Resources"


class ContrastSynth(ScriptedLoadableModule):
    """Describes the module to Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("MR Contrast Synthesis")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = ["MRStyleCore"]
        parent.contributors = ["MRStyle contributors"]
        parent.helpText = _(
            "Shows how a volume would look with another TR, TE, TI or flip angle, while a slider moves. "
            "For research, not for diagnosis."
        )
        parent.helpText += self.getDefaultModuleDocumentationLink()
        parent.acknowledgementText = _("Made by the MRStyle contributors. How to cite: see About.")
        slicer.app.connect("startupCompleted()", _register_sample_data)


def _register_sample_data():
    from ContrastSynthLib.sample_data import register_sample_data

    register_sample_data(_RESOURCES)


class ContrastSynthWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The life cycle of the panel."""

    def __init__(self, parent=None):
        self._panel = None
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from ContrastSynthLib.widget import SynthesisPanel

        form = slicer.util.loadUI(self.resourcePath("UI/ContrastSynth.ui"))
        self.layout.addWidget(form)
        form.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(form)
        self.logic = ContrastSynthLogic()
        self._panel = SynthesisPanel(self.ui, self.logic.runner, self.logic.getParameterNode)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        self.addObserver(scene, scene.StartImportEvent, self._on_scene_leaves)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self._on_scene_comes)

    def enter(self):
        self._panel.connect_scene()

    def cleanup(self):
        self.removeObservers()
        if self._panel is not None:
            self._panel.close()
            self._panel = None

    def onReload(self):
        for name in list(sys.modules):
            if name.split(".")[0] in ("ContrastSynthLib", "MRStyleLib"):
                del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def _on_scene_closes(self, _scene, _event):
        self._panel.close_scene()

    def _on_scene_leaves(self, _scene, _event):
        self._panel.disconnect_scene()

    def _on_scene_comes(self, _scene, _event):
        self._panel.connect_scene()


class ContrastSynthLogic(ScriptedLoadableModuleLogic):
    """Synthesizes contrasts, also from scripts."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from ContrastSynthLib.logic import make_runner

        self.runner = make_runner(slicer.mrmlScene)

    def process(self, sources, modelId, preset=None, output=None, device="auto", **sequence):
        """Synthesize a contrast; blocks until it is done and shows nothing.

        Args:
            sources: volume nodes of one patient on one grid. What their files do not say about their sequences is
                estimated from the image.
            modelId: id or id@version of an installed model.
            preset: name of a target, such as "FLAIR"; None to give a sequence.
            output: volume node for the result; None adds one.
            device: auto, cpu, cuda, cuda:<number> or mps.
            sequence: family, repetition_time_ms, echo_time_ms, inversion_time_ms, flip_angle_deg, field_strength_t;
                with a preset, only the last one.

        Returns:
            The node of the synthetic volume. Its attribute MRStyle.History says how it was made.

        Raises:
            ValueError, RuntimeError: the request cannot be done, or the run failed; the message says why.
        """
        from ContrastSynthLib.logic import make_request

        request = make_request(sources, modelId, preset, output, device, sequence)
        return self.runner.process(request).styled


class ContrastSynthTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer: what needs no model is tested there, in the application's own process."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_sequence_of_sample_data()

    def test_sequence_of_sample_data(self):
        """The sequence of a volume is read from the sidecar beside its file."""
        from ContrastSynthLib.acquisitions import of_volume
        from ContrastSynthLib.sample_data import load_head

        known = of_volume(load_head(_RESOURCES)[0])
        self.assertEqual(known.missing(), ())
        self.assertEqual(set(known.origins.values()), {"sidecar"})
