"""Original and result side by side: fade, rock, flicker, and the way back to the user's layout."""

from __future__ import annotations

import time
from collections.abc import Callable

import qt
import slicer

from . import comparison, layouts
from .results import ROLE_ATTRIBUTE

_SETTLE_MS = 100


class CompareSection:
    """Binds the comparison widgets of a panel; works on the result that its selector shows.

    Args:
        ui: widgets of the .ui file by name.
        scene: the application's scene.
        role: value of `ROLE_ATTRIBUTE` of the panel's results.
        original_of: gives what a result was made from, or None.
        on_result: called when another result is chosen.
        on_shown: called when the views have come.
        with_overlay: whether there is a third view, for maps.
    """

    def __init__(
        self,
        ui,
        scene,
        role: str,
        original_of: Callable,
        on_result: Callable[[], None],
        on_shown: Callable[[], None],
        *,
        with_overlay: bool = True,
    ) -> None:
        self._ui, self._scene, self._role, self._original_of = ui, scene, role, original_of
        self._on_result, self._on_shown, self._with_overlay = on_result, on_shown, with_overlay
        self._alternation: comparison.Alternation | None = None
        self._started_s = 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(comparison.INTERVAL_MS)
        self._timer.timeout.connect(self._alternate)
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.show_side_by_side)
        ui.resultSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._on_node)
        ui.sideBySideButton.connect("clicked(bool)", self.show_side_by_side)
        ui.restoreLayoutButton.connect("clicked(bool)", self.restore_layout)
        ui.fadeSlider.connect("valueChanged(double)", self._fade)
        ui.rockButton.connect("toggled(bool)", self._on_rock)
        ui.flickerButton.connect("toggled(bool)", self._on_flicker)
        self.list_results()
        self.update()

    def list_results(self) -> None:
        """List the results of the scene anew; a selector does not look again at nodes that become one."""
        selector, node = self._ui.resultSelector, self._ui.resultSelector.currentNode()
        was_blocked = selector.blockSignals(True)
        selector.removeAttribute("vtkMRMLScalarVolumeNode", ROLE_ATTRIBUTE)
        selector.addAttribute("vtkMRMLScalarVolumeNode", ROLE_ATTRIBUTE, self._role)
        selector.setCurrentNode(node)
        selector.blockSignals(was_blocked)

    def choose(self, result) -> None:
        """Make a result of the scene the one that is looked at."""
        self.list_results()
        self._ui.resultSelector.setCurrentNode(result)

    @property
    def result(self):
        """The chosen result, or None."""
        node = self._ui.resultSelector.currentNode()
        return node if node is not None and node.GetAttribute(ROLE_ATTRIBUTE) == self._role else None

    def show_soon(self, result) -> None:
        """Choose a result now and show it side by side in the next event: new views take their time, too."""
        self.choose(result)
        self._soon.start(0)

    def show_side_by_side(self, *_clicked) -> None:
        """Show original, result and, if there are maps, the view for them."""
        result = self.result
        original = self._original_of(result) if result is not None else None
        if original is None or slicer.app.layoutManager() is None:
            return
        has_moved = layouts.show_comparison(
            self._scene,
            original,
            result,
            with_overlay=self._with_overlay,
            application_logic=slicer.app.applicationLogic(),
        )
        if has_moved:
            # New views get their final size from Qt only after this event.
            qt.QTimer.singleShot(_SETTLE_MS, self._fit)
        self._ui.fadeSlider.value = 1.0
        self._on_shown()

    def restore_layout(self, *_clicked) -> None:
        """Bring back the user's layout, without overlays."""
        self.stop()
        layouts.restore(self._scene)

    def stop(self) -> None:
        """End rock and flicker; the views show what the fade slider says."""
        self._timer.stop()
        self._soon.stop()
        self._alternation = None
        for button in (self._ui.rockButton, self._ui.flickerButton):
            was_blocked = button.blockSignals(True)
            button.checked = False
            button.blockSignals(was_blocked)
        self._fade(self._ui.fadeSlider.value)

    def update(self) -> None:
        """Enable what the chosen result allows."""
        has_pair = self.result is not None and self._original_of(self.result) is not None
        for name in ("sideBySideButton", "fadeSlider", "rockButton", "flickerButton"):
            getattr(self._ui, name).enabled = has_pair
        if not has_pair and self._alternation is not None:
            self.stop()

    def _on_node(self, _node) -> None:
        self.update()
        self._on_result()

    def _fit(self) -> None:
        if layouts.is_shown(self._scene):
            layouts.fit_comparison(slicer.app.applicationLogic())

    def _fade(self, share: float) -> None:
        if layouts.is_shown(self._scene):
            layouts.set_fade(self._scene, share)

    def _on_rock(self, checked: bool) -> None:
        self._set_alternation(comparison.Alternation.ROCK if checked else None)

    def _on_flicker(self, checked: bool) -> None:
        self._set_alternation(comparison.Alternation.FLICKER if checked else None)

    def _set_alternation(self, alternation: comparison.Alternation | None) -> None:
        self.stop()
        if alternation is None:
            return
        if not layouts.is_shown(self._scene):
            self.show_side_by_side()
        buttons = {
            comparison.Alternation.ROCK: self._ui.rockButton,
            comparison.Alternation.FLICKER: self._ui.flickerButton,
        }
        was_blocked = buttons[alternation].blockSignals(True)
        buttons[alternation].checked = True
        buttons[alternation].blockSignals(was_blocked)
        self._alternation, self._started_s = alternation, time.monotonic()
        self._timer.start()

    def _alternate(self) -> None:
        if self._alternation is None or not layouts.is_shown(self._scene):
            self.stop()
            return
        seconds = time.monotonic() - self._started_s
        layouts.set_fade(self._scene, comparison.foreground_opacity(self._alternation, seconds))
