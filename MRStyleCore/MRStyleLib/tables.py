"""The worker's metrics.json as a table of the scene."""

from __future__ import annotations

import json
from pathlib import Path

import slicer
from slicer.i18n import tr as _

_FIELDS = ("metric", "value", "unit", "against", "data_range", "mask", "note")


def import_metrics(scene, path: Path, name: str, table_node=None):
    """Show the rows of a metrics file as a table; see `metrics_table`.

    Args:
        scene: the scene to add to.
        path: metrics.json.
        name: of a new table.
        table_node: a table to fill again instead.

    Raises:
        ValueError: the file is missing or damaged; the scene is as before.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
        return metrics_table(scene, rows, name, table_node)
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("The metrics {path} are missing or damaged; run again, and check the free disk space.")
        raise ValueError(text.format(path=path)) from error


def metrics_table(scene, rows: list[dict], name: str, table_node=None):
    """Show what a worker measured as a table: one metric a row, with how it was scaled and averaged.

    Values are text with the digits that matter; one that could not be measured is empty, and its note says why.

    Args:
        scene: the scene to add to.
        rows: as in metrics.json.
        name: of a new table.
        table_node: a table to fill again instead.

    Raises:
        ValueError: a row lacks something; the scene is as before.
    """
    _check_rows(rows)
    table = table_node or scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(name))
    with slicer.util.NodeModify(table):
        table.SetLocked(False)
        table.RemoveAllColumns()
        for title in (
            _("Metric"),
            _("Value"),
            _("Unit"),
            _("Against"),
            _("Data range"),
            _("Mask"),
            _("Note"),
        ):
            table.AddColumn().SetName(title)
        for row in rows:
            number = table.AddEmptyRow()
            for column, field in enumerate(_FIELDS):
                text = _value_text(row) if field == "value" else row[field]
                table.SetCellText(number, column, text)
        table.SetUseColumnTitleAsColumnHeader(True)
        # Measured values are not to be typed over.
        table.SetLocked(True)
    return table


def _value_text(row: dict) -> str:
    if row["value"] is None:
        return ""
    return f"{row['value']:.2f}" if row["unit"] == "dB" else f"{row['value']:.4f}"


def _check_rows(rows: list[dict]) -> None:
    try:
        for row in rows:
            if not all(isinstance(row[field], str) for field in _FIELDS if field != "value"):
                raise TypeError
            _value_text(row)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(_("The metrics of the result are damaged; run again.")) from error
