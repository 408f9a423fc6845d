"""MRHarmonize: makes MR volumes of many sites look as if one had taken them. The panel is in MRHarmonizeLib."""
# ruff: noqa: N802, N803 - the names are Slicer's

from __future__ import annotations

import sys

import numpy as np
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


class MRHarmonize(ScriptedLoadableModule):
    """Describes the module to Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("MR Harmonization")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = ["MRStyleCore"]
        parent.contributors = ["MRStyle contributors"]
        parent.helpText = _(
            "Makes scans of many sites look as if one had taken them. For research, not for diagnosis."
        )
        parent.helpText += self.getDefaultModuleDocumentationLink()
        parent.acknowledgementText = _("Made by the MRStyle contributors. How to cite: see About.")
        from MRHarmonizeLib.sample_data import register_sample_data

        slicer.app.connect("startupCompleted()", register_sample_data)


class MRHarmonizeWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The life cycle of the panel."""

    def __init__(self, parent=None):
        self._panel = None
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from MRHarmonizeLib.widget import HarmonizePanel

        form = slicer.util.loadUI(self.resourcePath("UI/MRHarmonize.ui"))
        self.layout.addWidget(form)
        form.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(form)
        self.logic = MRHarmonizeLogic()
        self._panel = HarmonizePanel(self.ui, self.logic.runner, self.logic.getParameterNode)
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
            if name.split(".")[0] in ("MRHarmonizeLib", "MRStyleLib"):
                del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def _on_scene_closes(self, _scene, _event):
        self._panel.close_scene()

    def _on_scene_leaves(self, _scene, _event):
        self._panel.disconnect_scene()

    def _on_scene_comes(self, _scene, _event):  # the module may be hidden then: the run may still be shown
        self._panel.connect_scene()


class MRHarmonizeLogic(ScriptedLoadableModuleLogic):
    """Runs harmonizations and their checks, also from scripts."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from MRHarmonizeLib.run_kinds import make_run

        from MRStyleLib.runner import Runner

        self.runner = Runner(slicer.mrmlScene, make_run)

    def process(self, volumes, modelId, site="", reference=None, seed=None, preparation=None, device="auto"):
        """Give volumes the look of a site; blocks until it is done and shows nothing.

        Args:
            volumes: volume nodes.
            modelId: id or id@version of an installed model.
            site: a site that the model knows.
            reference: a volume node of the site, instead of its name.
            seed: of a style drawn at random, instead; of ``site`` where that is named.
            preparation: "n4" and "conform" (bool) and "brain" ("keep" or "extract"); None: none.
            device: auto, cpu, cuda, cuda:<number> or mps.

        Returns:
            The harmonized volumes. The attribute MRStyle.History says how each was made.

        Raises:
            ValueError, RuntimeError: the request cannot be done, or a volume failed; the message says why.
        """
        from MRHarmonizeLib.request import scripted_request

        request = scripted_request(volumes, modelId, site, reference, seed, preparation or {}, device)
        return self.runner.process(request).results

    def check(self, harmonized, sites=True, thickness=True, method="direct", device="auto"):
        """Check harmonized volumes against their originals; blocks for minutes.

        Returns:
            What was found about each (`MRHarmonizeLib.findings.Findings`); it is kept with the volume, too.

        Raises:
            ValueError, RuntimeError: see `process`.
        """
        from MRHarmonizeLib.links import findings_of
        from MRHarmonizeLib.request import CheckRequest

        self.runner.process(CheckRequest(tuple(harmonized), sites, thickness, method, device))
        return [findings_of(result) for result in harmonized]


class MRHarmonizeTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer: a ball gets the intensities of another one by a real worker process, on its own grid."""

    def runTest(self):
        slicer.mrmlScene.Clear()
        ball = np.clip(20 - np.linalg.norm(np.indices((40, 40, 40)) - 20, axis=0), 0, None)
        dark, bright = (slicer.util.addVolumeFromArray(scale * ball) for scale in (1.0, 40.0))
        (result,) = MRHarmonizeLogic().process([dark], "histogram-matching", reference=bright, device="cpu")
        self.assertEqual(slicer.util.arrayFromVolume(result).shape, ball.shape)
        self.assertLess(abs(slicer.util.arrayFromVolume(result).mean() / ball.mean() - 40.0), 8.0)
