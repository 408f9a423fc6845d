"""The section "Train a model" of a panel: starts trainings, which go on without it, and shows those that there are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from . import install, settings, train_scans
from .device_choice import list_devices
from .environment import package_folder, trainer_folder
from .pieces import Pieces
from .train_recipes import NO_DATA, SITES, Recipe, RecipeQuery
from .train_run import Training, TrainingState
from .train_start import refusal_of_folder, start_training
from .train_table import ScanTable
from .train_view import TrainingView

_FORM = Path("Resources", "UI", "TrainSection.ui")
_TICK_MS = 1000
_FOLDER, _VOLUMES = "folder", "volumes"


class TrainSection:
    """Fills a collapsible button of a panel when it is first expanded.

    Args:
        container: a ctkCollapsibleButton with an empty layout.
        scene: whose volumes can be learned from.
        on_trained: called when a model has come into the list of models.
    """

    def __init__(self, container, scene, on_trained: Callable[[], None]) -> None:
        self._container, self._scene, self._on_trained = container, scene, on_trained
        self._ui = self._form = None
        self._query: RecipeQuery | None = None
        self._recipes: tuple[Recipe, ...] = ()
        self._pieces = Pieces()
        self._is_preparing = False
        self._trainings: list[Training] = []
        self._follow_list()
        self._announced = self._packages()
        self._timer = qt.QTimer()
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        container.connect("contentsCollapsed(bool)", self._on_collapsed)
        self._on_collapsed(container.collapsed)

    def refresh(self) -> None:
        """Look how the trainings stand, and show it."""
        self._follow_list()
        for training in self._trainings:
            training.refresh()
        if new := self._packages() - self._announced:
            self._announced |= new
            self._on_trained()
        if self._ui is not None and not self._container.collapsed:
            self._show()

    def forget(self) -> None:
        """Let go of a scene that is being closed."""
        if self._ui is not None:
            self._pieces.clear()
            self._is_preparing = False
            self._table.forget()
            self._view.forget()

    def close(self) -> None:
        """The panel is left for good; trainings go on."""
        self._timer.stop()
        self._pieces.clear()
        if self._query is not None:
            self._query.abandon()

    def _on_collapsed(self, is_collapsed: bool) -> None:
        if is_collapsed:
            return
        if self._ui is None:
            self._load()
            self._ask_for_recipes()
        self.refresh()

    def _load(self) -> None:
        self._form = slicer.util.loadUI(str(package_folder() / _FORM))
        self._form.setMRMLScene(self._scene)
        self._container.layout().addWidget(self._form)
        ui = self._ui = slicer.util.childWidgetVariables(self._form)
        self._view = TrainingView(ui, self._scene)
        self._table = ScanTable(ui.scansTable, self._scene, self._update_start)
        ui.startNoteLabel.visible = False
        list_devices(ui.trainDeviceComboBox)
        ui.scansFolderLineEdit.filters = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Readable
        ui.dataComboBox.addItem(_("A folder"), _FOLDER)
        ui.dataComboBox.addItem(_("The loaded volumes"), _VOLUMES)
        for button, slot in (
            (ui.installTrainerButton, self._install),
            (ui.startTrainingButton, self._start),
            (ui.stopTrainingButton, self._stop),
            (ui.resumeTrainingButton, lambda: self._go_on("resume")),
            (ui.makeModelButton, lambda: self._go_on("export")),
            (ui.openTrainingButton, self._open_folder),
            (ui.removeTrainingButton, self._remove),
        ):
            button.connect("clicked(bool)", lambda _checked, slot=slot: slot())
        ui.recipeComboBox.connect("currentIndexChanged(int)", lambda _index: self._on_recipe())
        ui.dataComboBox.connect("currentIndexChanged(int)", lambda _index: self._update_start())
        ui.scansFolderLineEdit.connect("currentPathChanged(QString)", lambda _path: self._update_start())
        ui.titleLineEdit.connect("textChanged(QString)", lambda _text: self._update_start())
        ui.trainingComboBox.connect("currentIndexChanged(int)", lambda _index: self._show())

    def _ask_for_recipes(self) -> None:
        """Start the query, unless something must be installed first."""
        ui = self._ui
        missing = install.missing_requirements(install.TRAINER)
        ui.installTrainerButton.visible = bool(missing)
        ui.newTrainingBox.enabled = False
        if not (trainer_folder() / "mrstyle_trainer").is_dir():
            ui.trainerNoteLabel.text = _("The trainer is not there; install the extension again.")
        elif missing:
            text = _("The trainer needs Python packages that are not installed: {names}.")
            ui.trainerNoteLabel.text = text.format(names=", ".join(missing))
        else:
            ui.trainerNoteLabel.text = _("Asking the trainer what it can train...")
            self._query = RecipeQuery(self._take_recipes)
            try:
                self._query.start()
            except RuntimeError as error:
                ui.trainerNoteLabel.text = str(error)

    def _take_recipes(self, recipes: tuple[Recipe, ...], fault: str) -> None:
        self._query, self._recipes = None, recipes
        ui = self._ui
        ui.trainerNoteLabel.text = fault
        ui.trainerNoteLabel.visible = bool(fault)
        ui.newTrainingBox.enabled = bool(recipes)
        ui.recipeComboBox.clear()
        for recipe in recipes:
            ui.recipeComboBox.addItem(recipe.title, recipe.name)

    def _install(self) -> None:
        try:
            install.ensure_requirements(slicer.util.confirmOkCancelDisplay, install.TRAINER)
        except RuntimeError as error:
            self._ui.trainerNoteLabel.text = str(error)
            return
        self._ask_for_recipes()

    @property
    def _recipe(self) -> Recipe | None:
        index = self._ui.recipeComboBox.currentIndex
        return self._recipes[index] if 0 <= index < len(self._recipes) else None

    @property
    def _is_from_volumes(self) -> bool:
        recipe = self._recipe
        return recipe is not None and recipe.can_use_volumes and self._ui.dataComboBox.currentData == _VOLUMES

    def _on_recipe(self) -> None:
        recipe = self._recipe
        if recipe is not None:
            self._ui.recipeNoteLabel.text = recipe.description
            self._ui.minutesSpinBox.value = recipe.minutes
            self._ui.titleLineEdit.text = recipe.title
        self._update_start()

    def _update_start(self) -> None:
        """Show the widgets that the choice needs, and why the training cannot start, if so."""
        ui, recipe = self._ui, self._recipe
        needs_data = recipe is not None and recipe.data != NO_DATA
        from_volumes = self._is_from_volumes
        for widget in (ui.dataComboBoxLabel, ui.dataComboBox):
            widget.visible = recipe is not None and recipe.can_use_volumes
        for widget in (ui.scansFolderLineEditLabel, ui.scansFolderLineEdit):
            widget.visible = needs_data and not from_volumes
        ui.scansTable.visible = needs_data and from_volumes
        refusal = self._refusal()
        ui.startTrainingButton.enabled = refusal is None
        ui.startTrainingButton.toolTip = refusal or _(
            "Start the training in a process of its own; it goes on when this panel or Slicer is closed"
        )

    def _refusal(self) -> str | None:
        ui, recipe = self._ui, self._recipe
        if self._is_preparing:
            return _("The volumes are being written.")
        if recipe is None:
            return _("There is nothing to train yet.")
        if not ui.titleLineEdit.text.strip():
            return _("Give the model a name.")
        if self._is_from_volumes:
            return train_scans.refusal(self._table.scans, with_sites=recipe.data == SITES)
        if recipe.data != NO_DATA and not ui.scansFolderLineEdit.currentPath:
            return _("Choose the folder of the scans.")
        return refusal_of_folder(recipe, Path(ui.scansFolderLineEdit.currentPath))

    def _start(self) -> None:
        ui, recipe = self._ui, self._recipe
        data: Path | list[train_scans.Scan] | None = None
        if recipe.data != NO_DATA:
            folder = Path(ui.scansFolderLineEdit.currentPath)
            data = self._table.scans if self._is_from_volumes else folder.resolve()
        work = start_training(
            ui.titleLineEdit.text.strip(),
            recipe,
            data,
            ui.minutesSpinBox.value,
            ui.trainDeviceComboBox.currentData,
        )
        self._is_preparing = True
        self._update_start()
        self._pieces.add(self._prepare(work))

    def _prepare(self, work: Generator[float, None, Training]) -> Iterator[None]:
        """Follow the preparation; a fault becomes the sentence under the button."""
        note = self._ui.startNoteLabel
        note.visible = True
        try:
            with closing(work):
                while True:
                    done = next(work)
                    note.text = _("Writing the volumes: {percent} %").format(percent=round(100 * done))
                    yield
        except StopIteration as end:
            note.visible = False
            self._trainings.insert(0, end.value)
            self._ui.trainingComboBox.clear()
        except (ValueError, RuntimeError, OSError) as error:
            note.text = str(error)
        self._is_preparing = False
        self._update_start()
        self.refresh()

    def _follow_list(self) -> None:
        """Take the trainings that are remembered; an object that is known stays, for it holds its process."""
        known = {training.folder: training for training in self._trainings}
        folders = [folder for folder in settings.trainings() if folder.is_dir()]
        self._trainings = [known.get(folder) or Training(folder) for folder in folders]

    def _packages(self) -> set[Path]:
        return {training.package for training in self._trainings if training.package is not None}

    def _show(self) -> None:
        self._table.refresh()
        self._list_trainings()
        training = self._shown
        self._view.show(training)
        if training is not None:
            self._show_buttons(training)

    @property
    def _shown(self) -> Training | None:
        index = self._ui.trainingComboBox.currentIndex
        return self._trainings[index] if 0 <= index < len(self._trainings) else None

    def _list_trainings(self) -> None:
        box = self._ui.trainingComboBox
        folders = [str(training.folder) for training in self._trainings]
        if [box.itemData(index) for index in range(box.count)] == folders:
            return
        chosen = box.currentData
        was_blocked = box.blockSignals(True)
        box.clear()
        for training in self._trainings:
            box.addItem(training.name, str(training.folder))
        box.currentIndex = max(0, box.findData(chosen)) if folders else -1
        box.blockSignals(was_blocked)

    def _show_buttons(self, training: Training) -> None:
        ui, state = self._ui, training.state
        is_stopping = state is TrainingState.STOPPING
        ui.stopTrainingButton.text = _("End now") if is_stopping else _("Stop")
        ui.stopTrainingButton.enabled = state.is_active
        ui.stopTrainingButton.toolTip = (
            _("End the process without saving")
            if is_stopping
            else _("Save what was learned and stop; the training can be resumed")
        )
        ui.resumeTrainingButton.enabled = ui.makeModelButton.enabled = training.can_go_on
        why_not = _("Possible for a training that was stopped or has failed after its first steps")
        resume = _("Go on from where it stopped, for what is left of the time budget")
        ui.resumeTrainingButton.toolTip = resume if training.can_go_on else why_not
        make = _("Make a model of what was learned so far, and put it into the list of models")
        ui.makeModelButton.toolTip = make if training.can_go_on else why_not
        ui.removeTrainingButton.enabled = not state.is_active

    def _stop(self) -> None:
        training = self._shown
        with slicer.util.tryWithErrorDisplay(_("The training was not stopped.")):
            if training.state is TrainingState.RUNNING:
                training.stop()
            elif training.state is TrainingState.STARTING or slicer.util.confirmOkCancelDisplay(
                _("What was learned since the last checkpoint is lost. End the training now?")
            ):
                training.kill()
        self.refresh()

    def _go_on(self, action: str) -> None:
        with slicer.util.tryWithErrorDisplay(_("The training did not go on.")):
            self._shown.start(action)
        self.refresh()

    def _open_folder(self) -> None:
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._shown.folder)))

    def _remove(self) -> None:
        training = self._shown
        text = _("Delete the training {name} with its checkpoints and exported volumes?")
        if slicer.util.confirmOkCancelDisplay(text.format(name=training.name)):
            with slicer.util.tryWithErrorDisplay(_("The training was not removed.")):
                training.remove()
        self.refresh()
