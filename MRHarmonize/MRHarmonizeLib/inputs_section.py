"""The table of volumes: chosen one by one, by folder of the subject hierarchy, or as files of a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MRStyleLib.pieces import Pieces
from MRStyleLib.row_run import RowRun
from MRStyleLib.state_table import StateTable
from MRStyleLib.volume_inputs import folders, volume_files

from .request import Input

_CHECKED, _UNCHECKED = 2, 0  # Qt::CheckState


class InputsSection:
    """Binds the widgets of the inputs.

    Args:
        ui: widgets of the .ui file by name.
        on_changed: called when the table has other volumes.
        on_result: called with the result of a row that the user clicks.
    """

    def __init__(self, ui, on_changed: Callable[[], None], on_result: Callable) -> None:
        self._ui, self._on_changed, self._on_result = ui, on_changed, on_result
        self._files: list[Path] = []
        self._run: RowRun | None = None
        self._pieces = Pieces()
        self._table = StateTable(ui.inputTable, self._on_row)
        ui.volumesSelector.connect("checkedNodesChanged()", self._on_checked)
        ui.addFolderButton.connect("clicked(bool)", self._add_folder)
        ui.addDirectoryButton.connect("clicked(bool)", self._choose_directory)
        ui.removeInputsButton.connect("clicked(bool)", self._remove)
        self.list_folders()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What the table lists: first volumes of the scene, then files."""
        nodes = [Input(node=node) for node in self._ui.volumesSelector.checkedNodes()]
        return (*nodes, *(Input(path=path) for path in self._files))

    def set_run(self, run: RowRun) -> None:
        """From here on, the rows are those of this run, until the table has other volumes."""
        self._run = run
        self._table.fill([row.name for row in run.rows])

    def show(self, is_busy: bool) -> None:
        """Show how far each volume is."""
        for name in ("volumesSelector", "addDirectoryButton", "removeInputsButton"):
            getattr(self._ui, name).enabled = not is_busy
        for name in ("folderComboBox", "addFolderButton"):
            getattr(self._ui, name).enabled = not is_busy and self._ui.folderComboBox.count > 0
        if self._run is not None:
            for number, row in enumerate(self._run.rows):
                self._table.set_state(number, self._run.row_text(row), row.fault or row.note)

    def list_folders(self) -> None:
        """List the folders, patients and studies of the scene that hold volumes."""
        box = self._ui.folderComboBox
        chosen = box.currentText
        box.clear()
        for item, name, nodes in folders(slicer.mrmlScene):
            text = _("{name} ({count} volumes)")
            box.addItem(text.format(name=name, count=len(nodes)), item)
        box.currentIndex = max(box.findText(chosen), 0 if box.count else -1)
        box.enabled = self._ui.addFolderButton.enabled = box.count > 0

    def add_directory(self, directory: Path) -> None:
        """Add the files of a directory, as soon as they are found; says why if there are none."""
        self._pieces.add(self._find_files(directory))

    def forget(self) -> None:
        """Start over: the scene is being closed."""
        self._pieces.clear()
        self._take_off(self.inputs)

    def _add_folder(self, _checked: bool) -> None:
        item = self._ui.folderComboBox.currentData
        found = {each: nodes for each, _name, nodes in folders(slicer.mrmlScene)}
        selector = self._ui.volumesSelector
        was_blocked = selector.blockSignals(True)
        for node in found.get(item, ()):
            selector.setCheckState(node, _CHECKED)
        selector.blockSignals(was_blocked)
        self._fill()

    def _choose_directory(self, _checked: bool) -> None:
        directory = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Directory whose volumes are harmonized")
        )
        if directory:
            self.add_directory(Path(directory))

    def _find_files(self, directory: Path) -> Iterator[None]:
        try:
            found = yield from volume_files(directory)
        except (ValueError, OSError) as error:
            slicer.util.errorDisplay(str(error))
            return
        self._files += [path for path in found if path not in self._files]
        self._fill()

    def _remove(self, _checked: bool) -> None:
        """Take the selected rows off the table; all of them if none is selected."""
        inputs = self.inputs
        rows = {index.row() for index in self._ui.inputTable.selectionModel().selectedRows()}
        leaving = [inputs[row] for row in rows if row < len(inputs)] or list(inputs)
        self._take_off(leaving)

    def _take_off(self, leaving: Iterable[Input]) -> None:
        selector = self._ui.volumesSelector
        was_blocked = selector.blockSignals(True)
        for each in leaving:
            if each.node is not None:
                selector.setCheckState(each.node, _UNCHECKED)
            else:
                self._files.remove(each.path)
        selector.blockSignals(was_blocked)
        self._fill()

    def _on_checked(self) -> None:
        self._fill()

    def _fill(self) -> None:
        self._run = None
        self._table.fill([each.name for each in self.inputs])
        self._on_changed()

    def _on_row(self, number: int) -> None:
        if self._run is not None and self._run.rows[number].result in self._run.results:
            self._on_result(self._run.rows[number].result)
