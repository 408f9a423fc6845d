"""The choice of what computes."""

from __future__ import annotations

from slicer.i18n import tr as _

from . import settings

_DEVICES = ("auto", "cpu", "cuda", "mps")


def list_devices(combo_box) -> None:
    """Fill a box; the data of its items are the names that `mrstyle` knows."""
    labels = (_("Automatic"), _("Processor (CPU)"), _("NVIDIA GPU (CUDA)"), _("Apple GPU (MPS)"))
    for device, label in zip(_DEVICES, labels, strict=True):
        combo_box.addItem(label, device)


class DeviceChoice:
    """Binds the widget `deviceComboBox` of a panel to `settings.device`, which is remembered for this computer."""

    def __init__(self, ui) -> None:
        list_devices(ui.deviceComboBox)
        stored = settings.device()
        ui.deviceComboBox.currentIndex = _DEVICES.index(stored) if stored in _DEVICES else 0
        ui.deviceComboBox.connect(
            "currentIndexChanged(int)", lambda index: settings.set_device(_DEVICES[index])
        )
