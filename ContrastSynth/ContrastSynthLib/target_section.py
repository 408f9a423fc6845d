"""The wanted sequence: a preset, or sliders for the parameters of its family."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from mrstyle.acquisition import FAMILIES, Acquisition, required
from mrstyle.errors import InputError
from mrstyle.presets import PRESETS, preset_acquisition

from .parameters import SynthesisParameters
from .wording import family_text

_FIELDS_T = (1.5, 3.0)
_SLIDERS = {
    "repetition_time_ms": "repetitionSlider",
    "echo_time_ms": "echoSlider",
    "inversion_time_ms": "inversionSlider",
    "flip_angle_deg": "flipSlider",
}
# What scanners do: least, greatest, step.
_LIMITS = {
    "spin_echo": {"repetition_time_ms": (200, 12000, 10), "echo_time_ms": (5, 250, 1)},
    "inversion_recovery": {
        "repetition_time_ms": (1000, 12000, 10),
        "echo_time_ms": (5, 250, 1),
        "inversion_time_ms": (50, 4000, 5),
    },
    "spoiled_gradient_echo": {
        "repetition_time_ms": (4, 300, 0.1),
        "echo_time_ms": (1, 40, 0.1),
        "flip_angle_deg": (1, 90, 1),
    },
    "mprage": {
        "repetition_time_ms": (1000, 4000, 10),
        "echo_time_ms": (1, 10, 0.1),
        "inversion_time_ms": (200, 2000, 5),
        "flip_angle_deg": (2, 20, 1),
    },
    "bssfp": {
        "repetition_time_ms": (2.5, 12, 0.1),
        "echo_time_ms": (1, 6, 0.1),
        "flip_angle_deg": (5, 90, 1),
    },
}


class TargetSection:
    """Binds the widgets of the target.

    Args:
        ui: widgets of the .ui file by name.
        on_changed: called when the user has changed the target.
    """

    def __init__(self, ui, on_changed: Callable[[], None]) -> None:
        self._ui, self._on_changed = ui, on_changed
        self._sliders = {name: getattr(ui, slider) for name, slider in _SLIDERS.items()}
        self._labels = {name: getattr(ui, f"{slider}Label") for name, slider in _SLIDERS.items()}
        ui.presetComboBox.addItem(_("Own settings"), "")
        for name, preset in PRESETS.items():
            ui.presetComboBox.addItem(f"{name}: {preset.title}", name)
        for strength in _FIELDS_T:
            ui.fieldComboBox.addItem(f"{strength:g} T", strength)
        for family in FAMILIES:
            ui.familyComboBox.addItem(family_text(family), family)
        ui.presetComboBox.connect("currentIndexChanged(int)", self._on_preset)
        ui.fieldComboBox.connect("currentIndexChanged(int)", self._on_preset)
        ui.familyComboBox.connect("currentIndexChanged(int)", self._on_family)
        for slider in self._sliders.values():
            slider.connect("valueChanged(double)", self._on_slider)
        self._set_family("spin_echo")

    @property
    def acquisition(self) -> Acquisition:
        """The target, complete."""
        family = self._ui.familyComboBox.currentData
        values = {name: round(self._sliders[name].value, 3) for name in required(family)}
        return Acquisition(family, field_strength_t=self._ui.fieldComboBox.currentData, **values)

    @property
    def preset(self) -> str:
        """Name of the chosen preset; empty if the sliders were moved."""
        return self._ui.presetComboBox.currentData

    def take(self, parameters: SynthesisParameters) -> None:
        """Show the target of the scene."""
        values = {name: getattr(parameters, name) for name in required(parameters.family)}
        self._show(parameters.preset, parameters.field_strength_t, parameters.family, values)

    def store(self, parameters: SynthesisParameters) -> None:
        """Keep the target in the scene."""
        target = self.acquisition
        parameters.preset = self.preset
        parameters.family = target.family
        parameters.field_strength_t = target.field_strength_t
        for name in required(target.family):
            setattr(parameters, name, getattr(target, name))

    def set_note(self, text: str) -> None:
        """Say something about the target."""
        self._ui.targetNoteLabel.text = text
        self._ui.targetNoteLabel.visible = bool(text)

    def _show(self, preset: str, field_strength_t: float, family: str, values: dict[str, float]) -> None:
        self._choose(self._ui.presetComboBox, preset)
        nearest = min(_FIELDS_T, key=lambda strength: abs(strength - field_strength_t))
        self._choose(self._ui.fieldComboBox, nearest)
        self._set_family(family)
        for name, value in values.items():
            self._set_slider(name, value)
        self._limit()

    def _set_family(self, family: str) -> None:
        """Show the sliders of a family with what scanners do."""
        self._choose(self._ui.familyComboBox, family)
        limits = _LIMITS[family]
        for name, slider in self._sliders.items():
            slider.visible = self._labels[name].visible = name in limits
            if name in limits:
                was_blocked = slider.blockSignals(True)
                least, greatest, step = limits[name]
                slider.decimals = 0 if step >= 1 else 1
                slider.minimum, slider.maximum = least, greatest
                slider.singleStep, slider.pageStep = step, 10 * step
                slider.blockSignals(was_blocked)

    def _set_slider(self, name: str, value: float) -> None:
        slider = self._sliders[name]
        was_blocked = slider.blockSignals(True)
        slider.value = value
        slider.blockSignals(was_blocked)

    def _limit(self) -> None:
        """Echo and inversion stay shorter than the repetition: sliders cannot contradict each other."""
        limits = _LIMITS[self._ui.familyComboBox.currentData]
        repetition_ms = self._sliders["repetition_time_ms"].value
        for name in ("echo_time_ms", "inversion_time_ms"):
            if name in limits:
                least, greatest, step = limits[name]
                slider = self._sliders[name]
                was_blocked = slider.blockSignals(True)
                slider.maximum = max(min(greatest, repetition_ms - max(step, 0.5)), least)
                slider.blockSignals(was_blocked)

    def _on_preset(self, _index: int) -> None:
        name = self.preset
        if name:
            try:
                target = preset_acquisition(name, self._ui.fieldComboBox.currentData)
            except InputError as error:
                self.set_note(str(error))
                return
            values = {each: getattr(target, each) for each in required(target.family)}
            self._show(name, target.field_strength_t, target.family, values)
        self._on_changed()

    def _on_family(self, _index: int) -> None:
        self._choose(self._ui.presetComboBox, "")
        family = self._ui.familyComboBox.currentData
        self._set_family(family)
        usual = next(
            preset.acquisitions[_FIELDS_T[-1]]
            for preset in reversed(list(PRESETS.values()))
            if preset.acquisitions[_FIELDS_T[-1]].family == family
        )
        # The values of another family make no sense in this one.
        for name in required(family):
            self._set_slider(name, getattr(usual, name))
        self._limit()
        self._on_changed()

    def _on_slider(self, _value: float) -> None:
        self._choose(self._ui.presetComboBox, "")
        self._limit()
        self._on_changed()

    @staticmethod
    def _choose(box, data) -> None:
        was_blocked = box.blockSignals(True)
        box.currentIndex = max(box.findData(data), 0)
        box.blockSignals(was_blocked)
