"""Many contents, one style: the table of the volumes and how far each one is."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from MRStyleLib.scene_run import RunState

from .run import Row, TransferRun

_STATE_COLUMN = 1


class BatchSection:
    """Binds the batch widgets of the panel."""

    def __init__(
        self, ui, on_changed: Callable[[], None], on_apply: Callable[[], None], on_result: Callable
    ) -> None:
        self._ui = ui
        self._on_changed = on_changed
        self._on_result = on_result
        self._run: TransferRun | None = None
        table = ui.batchTable
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Volume"), _("State")])
        table.horizontalHeader().setStretchLastSection(True)
        ui.batchSelector.connect("checkedNodesChanged()", self._on_checked)
        ui.batchApplyButton.connect("clicked(bool)", lambda _checked: on_apply())
        table.connect("cellClicked(int,int)", self._on_cell)

    @property
    def contents(self) -> tuple:
        """The checked volumes."""
        return tuple(self._ui.batchSelector.checkedNodes())

    def set_run(self, run: TransferRun) -> None:
        """From here on, the rows are those of this run, until other volumes are checked."""
        self._run = run
        self._fill([row.name for row in run.rows])

    def show(self, is_busy: bool, refusal: str | None) -> None:
        """Show the states of the rows, and why a batch cannot start, if so."""
        button = self._ui.batchApplyButton
        button.enabled = not is_busy and refusal is None
        if is_busy:
            button.toolTip = _("A run is in progress; wait for it or cancel it first.")
        else:
            button.toolTip = refusal or _("Give all volumes of the table the look of the style")
        self._ui.batchSelector.enabled = not is_busy
        if self._run is not None:
            for number, row in enumerate(self._run.rows):
                self._set_cell(number, _STATE_COLUMN, _state_text(self._run, row), row.fault)

    def forget(self) -> None:
        """Start over, when the scene was closed."""
        self._on_checked()

    def _on_checked(self) -> None:
        self._run = None
        self._fill([node.GetName() for node in self.contents])
        self._on_changed()

    def _fill(self, names: list[str]) -> None:
        self._ui.batchTable.setRowCount(len(names))
        for number, name in enumerate(names):
            self._set_cell(number, 0, name)
            self._set_cell(number, _STATE_COLUMN, "")
        self._ui.batchTable.resizeColumnToContents(0)

    def _set_cell(self, row: int, column: int, text: str, tip: str = "") -> None:
        item = self._ui.batchTable.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem(text)
            self._ui.batchTable.setItem(row, column, item)
        item.setText(text)
        item.setToolTip(tip)

    def _on_cell(self, row: int, _column: int) -> None:
        if self._run is not None and self._run.rows[row].styled in self._run.results:
            self._on_result(self._run.rows[row].styled)


def _state_text(run: TransferRun, row: Row) -> str:
    if row.fault:
        return _("Failed: {fault}").format(fault=row.fault)
    if row.is_complete:
        return _("Done")
    if row.styled is not None:
        return _("Reading the quality maps")
    if run.state in (RunState.CANCELED, RunState.CANCELING):
        return _("Canceled")
    current = run.rows[run.current_row] if run.current_row is not None else None
    return _("Running") if row is current else _("Waiting")
