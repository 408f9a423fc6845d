"""The sequence of each source: its parameters with where they came from, editable, with corrections by a click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from mrstyle.acquisition import FAMILIES

from .acquisitions import ENTERED, ESTIMATED, NUMBERS, Known, keep, of_volume, read_again
from .corrections import Correction, corrections_of, fault_of, missing_text
from .wording import family_text, origin_text

_FIELDS = {
    "repetition_time_ms": "Repetition",
    "echo_time_ms": "Echo",
    "inversion_time_ms": "Inversion",
    "flip_angle_deg": "Flip",
    "field_strength_t": "FieldStrength",
}


class SourceSection:
    """Binds the widgets about the sources' sequences.

    Args:
        ui: widgets of the .ui file by name.
        on_changed: called when a value has changed.
        on_estimate: called when unknown values are to be estimated.
    """

    def __init__(self, ui, on_changed: Callable[[], None], on_estimate: Callable[[], None]) -> None:
        self._ui, self._on_changed = ui, on_changed
        self._nodes: list[Any] = []
        self._known: dict[str, Known] = {}
        self._corrections: list[Correction] = []
        self._edits = {name: getattr(ui, f"source{part}LineEdit") for name, part in _FIELDS.items()}
        self._origins = {name: getattr(ui, f"source{part}OriginLabel") for name, part in _FIELDS.items()}
        self._origins["family"] = ui.sourceFamilyOriginLabel
        ui.sourceFamilyComboBox.addItem(_("Unknown"), "")
        for family in FAMILIES:
            ui.sourceFamilyComboBox.addItem(family_text(family), family)
        ui.parametersOfComboBox.connect("currentIndexChanged(int)", self._on_source)
        ui.sourceFamilyComboBox.connect("currentIndexChanged(int)", self._on_family)
        for name, edit in self._edits.items():
            edit.connect("editingFinished()", lambda name=name: self._on_edited(name))
        for number, button in enumerate((ui.firstCorrectionButton, ui.secondCorrectionButton)):
            button.connect("clicked(bool)", lambda _checked, number=number: self._correct(number))
        ui.estimateButton.connect("clicked(bool)", lambda _checked: on_estimate())
        ui.readAgainButton.connect("clicked(bool)", self._read_again)
        self._show()

    def set_sources(self, nodes: list[Any]) -> None:
        """The sources are these now, the first is the one that is changed."""
        if [node.GetID() for node in nodes] == [node.GetID() for node in self._nodes]:
            return
        self._nodes = list(nodes)
        for node in nodes:
            if node.GetID() not in self._known:
                # A file is read once; what is typed is kept with the volume.
                self._known[node.GetID()] = of_volume(node)
        chooser = self._ui.parametersOfComboBox
        was_blocked = chooser.blockSignals(True)
        chooser.clear()
        for node in nodes:
            chooser.addItem(node.GetName(), node.GetID())
        chooser.blockSignals(was_blocked)
        self._show()

    def forget(self) -> None:
        """The scene was closed: its volumes' names may come again for others."""
        self._known.clear()
        self.set_sources([])

    def known_of(self, node) -> Known:
        """What is known about a source."""
        return self._known.get(node.GetID(), Known())

    def take_estimates(self, nodes, found: list[dict[str, Any]]) -> list[str]:
        """Fill what was unknown about sources with what a worker estimated; returns a sentence for each of them."""
        sentences = []
        for node, each in zip(nodes, found, strict=False):
            known = self.known_of(node)
            values = {
                name: value
                for name, value in (each.get("acquisition") or {}).items()
                if value is not None and name not in known.values and name in ("family", *NUMBERS)
            }
            if values and slicer.mrmlScene.IsNodePresent(node):
                self._set(node, known.with_values(values, ESTIMATED))
                text = _(
                    "The sequence of {name} was estimated from the image; correct it where you know better."
                )
                sentences.append(text.format(name=node.GetName()))
        self._show()
        return sentences

    def show_refusal_of_estimate(self, refusal: str | None) -> None:
        """Why nothing can be estimated now; None if it can."""
        button = self._ui.estimateButton
        button.enabled = refusal is None
        button.toolTip = refusal or _("Let the model guess what is unknown from how the image looks")

    @property
    def has_unknown(self) -> bool:
        """Whether an estimate has something to fill."""
        return any(self.known_of(node).missing() for node in self._nodes)

    @property
    def _node(self):
        index = self._ui.parametersOfComboBox.currentIndex
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def _set(self, node, known: Known) -> None:
        self._known[node.GetID()] = known
        keep(node, known)

    def _show(self) -> None:
        ui, node = self._ui, self._node
        known = self.known_of(node) if node is not None else Known()
        for widget in (ui.sourceFamilyComboBox, ui.readAgainButton, *self._edits.values()):
            widget.enabled = node is not None
        for widget in (ui.parametersOfComboBox, ui.parametersOfComboBoxLabel):
            widget.visible = len(self._nodes) > 1
        box = ui.sourceFamilyComboBox
        was_blocked = box.blockSignals(True)
        box.currentIndex = max(box.findData(known.values.get("family", "")), 0)
        box.blockSignals(was_blocked)
        for name, edit in self._edits.items():
            value = known.values.get(name)
            edit.text = "" if value is None else f"{value:g}"
        for name, label in self._origins.items():
            label.text = origin_text(known.origins[name]) if name in known.origins else ""
        self._show_fault(known)

    def _show_fault(self, known: Known) -> None:
        ui = self._ui
        fault, unknown = fault_of(known), missing_text(known)
        note = ""
        if self._node is not None and not fault and unknown:
            note = _("Unknown: {names}. Enter what you know, or estimate it from the image.").format(
                names=unknown
            )
        ui.sourceNoteLabel.text = " ".join(filter(None, (fault, note, known.note if unknown else "")))
        ui.sourceNoteLabel.visible = bool(ui.sourceNoteLabel.text)
        self._corrections = corrections_of(known)
        for number, button in enumerate((ui.firstCorrectionButton, ui.secondCorrectionButton)):
            is_offered = number < len(self._corrections)
            button.visible = is_offered
            if is_offered:
                button.text = self._corrections[number].text

    def _on_source(self, _index: int) -> None:
        self._show()

    def _on_family(self, _index: int) -> None:
        family = self._ui.sourceFamilyComboBox.currentData or None
        self._change({"family": family})

    def _on_edited(self, name: str) -> None:
        edit, node = self._edits[name], self._node
        if node is None:
            return
        text = edit.text.strip().replace(",", ".")
        value = self.known_of(node).values.get(name)
        if text == ("" if value is None else f"{value:g}"):
            return
        try:
            typed = float(text) if text else None
        except ValueError:
            self._ui.sourceNoteLabel.text = _("{text} is not a number; enter digits only.").format(
                text=edit.text
            )
            self._ui.sourceNoteLabel.visible = True
            return
        self._change({name: typed})

    def _correct(self, number: int) -> None:
        if number < len(self._corrections):
            self._change(self._corrections[number].changes)

    def _read_again(self, _checked: bool) -> None:
        node = self._node
        self._set(node, read_again(node))
        self._show()
        self._on_changed()

    def _change(self, changes: dict[str, Any]) -> None:
        node = self._node
        if node is None:
            return
        self._set(node, self.known_of(node).with_values(changes, ENTERED))
        self._show()
        self._on_changed()
