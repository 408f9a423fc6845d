"""The choice of what computes, remembered for this computer."""

from __future__ import annotations

from slicer.i18n import tr as _

from . import settings

_DEVICES = ("auto", "cpu", "cuda", "mps")


class DeviceChoice:
    """Binds the widget `deviceComboBox` of a panel to `settings.device`."""

    def __init__(self, ui) -> None:
        labels = (_("Automatic"), _("Processor (CPU)"), _("NVIDIA GPU (CUDA)"), _("Apple GPU (MPS)"))
        for device, label in zip(_DEVICES, labels, strict=True):
            ui.deviceComboBox.addItem(label, device)
        stored = settings.device()
        ui.deviceComboBox.currentIndex = _DEVICES.index(stored) if stored in _DEVICES else 0
        ui.deviceComboBox.connect(
            "currentIndexChanged(int)", lambda index: settings.set_device(_DEVICES[index])
        )
