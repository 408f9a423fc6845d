"""How a training stands: its state, time left, curves and sample pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import qt
from slicer.i18n import tr as _

from .run_section import time_text
from .train_files import Curve, Curves, samples
from .train_plots import show_curves
from .train_run import Training, TrainingState

_PROGRESS_STEPS = 1000
_ALL, _SCORE = "", "held out"


class TrainingView:
    """Binds the widgets that show one training.

    Args:
        ui: widgets of TrainSection.ui by name.
        scene: for the nodes of the plot.
    """

    def __init__(self, ui, scene) -> None:
        self._ui, self._scene = ui, scene
        self._training: Training | None = None
        self._curves: Curves | None = None
        self._pictures: list[tuple[int, Path]] = []
        self._shown_picture: tuple | None = None
        ui.curveComboBox.connect("currentIndexChanged(int)", lambda _index: self._plot())
        ui.sampleSlider.connect("valueChanged(int)", lambda _value: self._show_picture())

    def show(self, training: Training | None) -> None:
        """Show a training as it stood when it was last refreshed; None: there is none."""
        is_new = training is not self._training
        self._training = training
        self._ui.trainingBox.visible = training is not None
        if training is None:
            return
        if is_new:
            self._curves = Curves(training.run)
            self._pictures = []
        self._show_state(training)
        if self._curves.read_on() or is_new:
            self._list_curves()
            self._plot()
        self._list_pictures(training)

    def forget(self) -> None:
        """The scene is closed, and the plot's nodes with it."""
        self._ui.curveView.setMRMLPlotViewNode(None)
        self._training = None

    def _show_state(self, training: Training) -> None:
        ui, status, state = self._ui, training.status, training.state
        ui.trainingStateLabel.text = state_text(training)
        bar = ui.trainingProgressBar
        bar.visible = state.is_active
        is_known = state in (TrainingState.RUNNING, TrainingState.STOPPING) and status.steps > 0
        bar.maximum = _PROGRESS_STEPS if is_known else 0
        if is_known:
            bar.value = round(status.fraction * _PROGRESS_STEPS)
            left = _("%p% ({time} left)").format(time=time_text(status.seconds_left))
            bar.format = left if status.seconds_left is not None else "%p%"

    def _list_curves(self) -> None:
        """The choices, where the first curve of a training has come or it is another training."""
        box, curves = self._ui.curveComboBox, self._curves
        choices = [(_("All losses"), _ALL), *((name, name) for name in curves.losses)]
        choices += [(_("Score on held-out data"), _SCORE)] if curves.validation[0] else []
        if [box.itemData(index) for index in range(box.count)] == [data for _text, data in choices]:
            return
        chosen = box.currentData
        was_blocked = box.blockSignals(True)
        box.clear()
        for text, data in choices:
            box.addItem(text, data)
        box.currentIndex = max(0, box.findData(chosen))
        box.blockSignals(was_blocked)

    def _plot(self) -> None:
        if self._curves is None:
            return
        curves, chosen = self._curves, self._ui.curveComboBox.currentData
        shown: Mapping[str, Curve] = curves.losses
        if chosen == _SCORE:
            shown = {_("Held-out data"): curves.validation}
        elif chosen:
            shown = {chosen: curves.losses[chosen]}
        axis = _("Score (PSNR in dB for most recipes)") if chosen == _SCORE else _("Loss")
        self._ui.curveView.setMRMLPlotViewNode(show_curves(self._scene, shown, axis))

    def _list_pictures(self, training: Training) -> None:
        """Follow the newest picture, unless the user looks at an earlier one."""
        slider, known = self._ui.sampleSlider, len(self._pictures)
        self._pictures = samples(training.run)
        follows = slider.value >= known - 1
        was_blocked = slider.blockSignals(True)
        slider.maximum = max(0, len(self._pictures) - 1)
        if follows:
            slider.value = slider.maximum
        slider.blockSignals(was_blocked)
        slider.visible = len(self._pictures) > 1
        self._show_picture()

    def _show_picture(self) -> None:
        ui = self._ui
        is_there = bool(self._pictures)
        ui.sampleLabel.visible = ui.sampleNoteLabel.visible = is_there
        if not is_there:
            return
        step, path = self._pictures[min(ui.sampleSlider.value, len(self._pictures) - 1)]
        shown = (path, ui.sampleLabel.width)
        if shown == self._shown_picture:
            return
        pixmap = qt.QPixmap(str(path))
        if pixmap.isNull():
            return
        self._shown_picture = shown
        ui.sampleLabel.setPixmap(
            pixmap.scaledToWidth(max(100, ui.sampleLabel.width), qt.Qt.SmoothTransformation)
        )
        ui.sampleNoteLabel.text = _("Step {step}: content, output, target").format(step=step)


def state_text(training: Training) -> str:
    """How a training stands, in a sentence or two."""
    status, state = training.status, training.state
    at = _("Step {step} of {steps}.").format(step=status.step, steps=status.steps) if status.steps else ""
    best = _("Best on held-out data: {score}.").format(score=status.best) if status.best else ""
    texts: dict[TrainingState, Callable[[], str]] = {
        TrainingState.STARTING: lambda: _("The trainer starts and reads its data."),
        TrainingState.RUNNING: lambda: f"{at} {best or status.message}",
        TrainingState.STOPPING: lambda: _("It saves and stops at the next step. {at}").format(at=at),
        TrainingState.EXPORTING: lambda: _("The model is measured on held-out data and written."),
        TrainingState.FINISHED: lambda: _("Done: the model {model} is in the list of models. {best}").format(
            model=training.package.name, best=best
        ),
        TrainingState.STOPPED: lambda: _("Stopped. {at} {best} {message}").format(
            at=at, best=best, message=training.message()
        ),
        TrainingState.FAILED: lambda: _("Failed: {message}").format(message=training.message()),
    }
    return texts[state]().strip()
