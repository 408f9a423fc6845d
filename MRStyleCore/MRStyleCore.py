"""Hidden module: its folder, which Slicer puts on Python's path, holds what MRStyle's panels share (MRStyleLib, mrstyle)."""

from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget


class MRStyleCore(ScriptedLoadableModule):
    """Describes the module; the panels name it in their `dependencies`, so it is registered before they are set up."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("MRStyle Core")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.contributors = ["MRStyle contributors"]
        parent.helpText = _("Shared by the MRStyle panels; there is nothing to use here.")
        parent.acknowledgementText = _("For research, not for diagnosis.")
        parent.hidden = True


class MRStyleCoreWidget(ScriptedLoadableModuleWidget):
    """Slicer reports an error for a module without a panel, even a hidden one."""
