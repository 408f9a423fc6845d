"""``participants.tsv`` of a BIDS folder: what is known about each person."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from .errors import InputError

ID = "participant_id"
_UNKNOWN = ("", "n/a")


def read_participants(path: str | Path) -> dict[str, dict[str, str]]:
    """The known values of each participant by column, by id such as ``sub-01``.

    Raises:
        InputError: it cannot be read, has no column participant_id, or has a participant twice.
    """
    rows = read_rows(path)
    if not rows or ID not in rows[0]:
        raise InputError(
            f"{path} has no column {ID}, or no rows; BIDS describes how participants.tsv is written."
        )
    participants: dict[str, dict[str, str]] = {}
    for row in rows:
        name = row[ID] or ""
        if name in participants:
            raise InputError(f"{path} lists {name} twice; keep one row.")
        known = {
            column: (value or "").strip() for column, value in row.items() if isinstance(column, str | None)
        }
        participants[name] = {
            column: value for column, value in known.items() if column and value.lower() not in _UNKNOWN
        }
    return participants


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a tab-separated table by column.

    Raises:
        InputError: it cannot be read.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"Cannot read {path}: it is no table; save it as tab-separated text.") from error


def participant_of(path: str | Path) -> str | None:
    """The participant that a path names, as BIDS does: ``sub-01`` of ``sub-01/anat/sub-01_T1w.nii.gz``."""
    found = re.findall(r"sub-[A-Za-z0-9]+", Path(path).as_posix())
    return found[-1] if found else None
