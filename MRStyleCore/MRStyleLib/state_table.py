"""A table of volumes and how far each one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

_NAME, _STATE = 0, 1


class StateTable:
    """Binds a QTableWidget.

    Args:
        table: the widget.
        on_clicked: called with the number of a row that the user clicks.
    """

    def __init__(self, table, on_clicked: Callable[[int], None]) -> None:
        self._table = table
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Volume"), _("State")])
        table.horizontalHeader().setStretchLastSection(True)
        table.connect("cellClicked(int,int)", lambda row, _column: on_clicked(row))

    def fill(self, names: Sequence[str]) -> None:
        """List these volumes, without a state."""
        self._table.setRowCount(len(names))
        for number, name in enumerate(names):
            self._set_cell(number, _NAME, name, name)
            self._set_cell(number, _STATE, "", "")
        self._table.resizeColumnToContents(_NAME)

    def set_state(self, row: int, text: str, tip: str = "") -> None:
        """Say how far a volume is."""
        self._set_cell(row, _STATE, text, tip)

    def _set_cell(self, row: int, column: int, text: str, tip: str) -> None:
        item = self._table.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem(text)
            self._table.setItem(row, column, item)
        item.setText(text)
        item.setToolTip(tip)
