"""Many contents, one style: the table of the volumes and how far each one is."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from MRStyleLib.state_table import StateTable

from .run import TransferRun


class BatchSection:
    """Binds the batch widgets of the panel."""

    def __init__(
        self, ui, on_changed: Callable[[], None], on_apply: Callable[[], None], on_result: Callable
    ) -> None:
        self._ui = ui
        self._on_changed = on_changed
        self._on_result = on_result
        self._run: TransferRun | None = None
        self._table = StateTable(ui.batchTable, self._on_row)
        ui.batchSelector.connect("checkedNodesChanged()", self._on_checked)
        ui.batchApplyButton.connect("clicked(bool)", lambda _checked: on_apply())

    @property
    def contents(self) -> tuple:
        """The checked volumes."""
        return tuple(self._ui.batchSelector.checkedNodes())

    def set_run(self, run: TransferRun) -> None:
        """From here on, the rows are those of this run, until other volumes are checked."""
        self._run = run
        self._table.fill([row.name for row in run.rows])

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
                self._table.set_state(number, self._run.row_text(row), row.fault)

    def forget(self) -> None:
        """Start over, when the scene was closed."""
        self._on_checked()

    def _on_checked(self) -> None:
        self._run = None
        self._table.fill([node.GetName() for node in self.contents])
        self._on_changed()

    def _on_row(self, number: int) -> None:
        if self._run is not None and self._run.rows[number].result in self._run.results:
            self._on_result(self._run.rows[number].result)
