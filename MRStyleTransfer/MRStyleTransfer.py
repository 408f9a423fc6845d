"""MRStyleTransfer: gives an MR volume the contrast and intensities of another one. The panel is in MRStyleTransferLib."""
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


class MRStyleTransfer(ScriptedLoadableModule):
    """Describes the module to Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("MR Style Transfer")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = ["MRStyleCore"]
        parent.contributors = ["MRStyle contributors"]
        parent.helpText = _(
            "Gives a content volume the contrast and intensities of a style volume of another patient or scanner; "
            "anatomy stays. For research, not for diagnosis."
        )
        parent.helpText += self.getDefaultModuleDocumentationLink()
        parent.acknowledgementText = _("Made by the MRStyle contributors. How to cite: see About.")
        slicer.app.connect("startupCompleted()", _register_sample_data)


def _register_sample_data():
    from MRStyleTransferLib.sample_data import register_sample_data

    register_sample_data(_RESOURCES)


class MRStyleTransferWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The life cycle of the panel."""

    def __init__(self, parent=None):
        self._panel = None
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from MRStyleTransferLib.widget import TransferPanel

        form = slicer.util.loadUI(self.resourcePath("UI/MRStyleTransfer.ui"))
        self.layout.addWidget(form)
        form.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(form)
        self.logic = MRStyleTransferLogic()
        self._panel = TransferPanel(self.ui, self.logic.runner, self.logic.getParameterNode)
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
            if name.split(".")[0] in ("MRStyleTransferLib", "MRStyleLib"):
                del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def _on_scene_closes(self, _scene, _event):
        self._panel.close_scene()

    def _on_scene_leaves(self, _scene, _event):
        self._panel.disconnect_scene()

    def _on_scene_comes(self, _scene, _event):
        # The module may be hidden then: its choices are cheap to take and the run may still be shown.
        self._panel.connect_scene()


class MRStyleTransferLogic(ScriptedLoadableModuleLogic):
    """Runs transfers, also from scripts."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from MRStyleTransferLib.scripting import make_runner

        self.runner = make_runner(slicer.mrmlScene)

    def process(self, content, style, modelId, output=None, samples=1, device="auto"):
        """Give ``content`` the look of ``style``; blocks, shows nothing, and returns the node of the styled volume.

        ValueError (it cannot be done) or RuntimeError (it failed) say why. Its attribute MRStyle.History says how it was made.

        Args:
            content, style: volume nodes; a content that shows a frame of a sequence is done with all frames.
            modelId: id or id@version of an installed model.
            output: volume node for the result; None adds one on the grid and in the study of the content.
            samples: runs that are averaged; from 2 on, a map of uncertainty comes with the result.
            device: auto, cpu, cuda, cuda:<number> or mps.
        """
        from MRStyleTransferLib.scripting import process

        return process(self.runner, content, style, modelId, output, samples, device)

    def processSeries(self, content, modelId, enhancement="baseline", like=None, likeFrame=0, device="auto"):
        """Take the enhancement of a dynamic series away or add it; as `process`, but returns a node of a new sequence.

        ``content`` shows a frame of a sequence or is a multi-volume; ``enhancement`` is "baseline", "enhanced" or "like" a
        frame (from 1; 0: the most enhanced one) of the series that ``like`` shows."""
        from MRStyleTransferLib.scripting import process_series

        return process_series(self.runner, content, modelId, enhancement, like, likeFrame, device)


class MRStyleTransferTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer: the phantom pair and a model without weights, in a real worker process."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_phantom_pair()

    def test_phantom_pair(self):
        """The result is on the grid of the content, and looks more like the style than the content does."""
        from MRStyleTransferLib.sample_data import load_phantom_pair

        content, style = load_phantom_pair(_RESOURCES)
        styled = MRStyleTransferLogic().process(content, style, "histogram-matching", device="cpu")
        before, after, wanted = (slicer.util.arrayFromVolume(node) for node in (content, styled, style))
        self.assertEqual(before.shape, after.shape)
        self.assertLess(abs(after.mean() - wanted.mean()), abs(before.mean() - wanted.mean()))
