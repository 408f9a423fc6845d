"""The table of the loaded volumes: which ones to learn from, and who and where each one is from."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from . import train_scans
from .train_scans import Scan


class ScanTable:
    """Binds the table of volumes; what the user has typed stays while volumes come and go.

    Args:
        table: the widget.
        scene: whose volumes are listed.
        on_changed: called after the user has changed something.
    """

    def __init__(self, table, scene, on_changed: Callable[[], None]) -> None:
        self._table, self._scene = table, scene
        self._on_changed = on_changed
        self._nodes: list = []
        table.setColumnCount(5)
        table.setHorizontalHeaderLabels([_("Volume"), _("Subject"), _("Site"), _("Age"), _("Sex")])
        header = table.horizontalHeader()
        for column in range(5):
            mode = qt.QHeaderView.Stretch if column == 0 else qt.QHeaderView.ResizeToContents
            header.setSectionResizeMode(column, mode)
        table.verticalHeader().hide()
        table.connect("itemChanged(QTableWidgetItem*)", lambda _item: self._on_changed())

    def refresh(self) -> None:
        """List the volumes that there are now."""
        nodes = train_scans.volumes(self._scene)
        if [node.GetID() for node in nodes] == [node.GetID() for node in self._nodes]:
            return
        known = {scan.node.GetID(): (scan, checked) for scan, checked in self._rows()}
        self._nodes = nodes
        was_blocked = self._table.blockSignals(True)
        self._table.setRowCount(len(nodes))
        for row, scan in enumerate(train_scans.guessed(nodes, self._scene)):
            scan, checked = known.get(scan.node.GetID(), (scan, True))
            name = qt.QTableWidgetItem(scan.node.GetName())
            name.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            name.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
            self._table.setItem(row, 0, name)
            for column, text in enumerate((scan.subject, scan.site, scan.age, scan.sex), start=1):
                self._table.setItem(row, column, qt.QTableWidgetItem(text))
        self._table.blockSignals(was_blocked)
        self._on_changed()

    def forget(self) -> None:
        """The scene is closed."""
        self._nodes = []
        self._table.setRowCount(0)

    @property
    def scans(self) -> list[Scan]:
        """The checked volumes, with what stands in their rows."""
        return [scan for scan, checked in self._rows() if checked]

    def _rows(self) -> list[tuple[Scan, bool]]:
        rows = []
        for row, node in enumerate(self._nodes):
            texts = [self._table.item(row, column).text().strip() for column in range(1, 5)]
            rows.append((Scan(node, *texts), self._table.item(row, 0).checkState() == qt.Qt.Checked))
        return rows
