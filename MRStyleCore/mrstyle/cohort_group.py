"""The group level of a cohort: one table and one report about all scans, from the records of each."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cohort_bids import Scan, find_scans, read_json, write_json
from .cohort_scan import Record
from .errors import InputError
from .files import atomic_path, sidecar_path
from .participants import read_participants

TABLE, REPORT = "harmonization.tsv", "harmonization.html"
UNKNOWN_SITE = "unknown"
_MISSING = "not done"
_COLUMNS = {
    "participant_id": "Participant.",
    "session_id": "Session.",
    "source": "Image in the data set of scans.",
    "site": "Site of the participant, or the scanner where no site is known.",
    "status": "harmonized, failed, duplicate (the same image as another one), or not done.",
    "output": "Harmonized image in this data set.",
    "flicker_ratio": "How much more neighboring slices jump than in the scan, in the direction where that is worst.",
    "looks_like_before": "Most likely site of the scan, of those that the site classifier knows.",
    "looks_like_after": "Most likely site of the harmonized image.",
    "model": "Model that harmonized it.",
    "target": "What it shall look like.",
    "seconds": "Time that it took.",
    "message": "Why it was not harmonized.",
}


@dataclass(frozen=True)
class Row:
    """A scan, its site, and what became of it (None: nothing was done yet)."""

    scan: Scan
    site: str
    record: Record | None

    @property
    def status(self) -> str:
        """See the description of the column."""
        return _MISSING if self.record is None else self.record.status

    @property
    def is_harmonized(self) -> bool:
        """Whether there is a harmonized image."""
        return self.status == "harmonized"

    def looks_like(self, when: str) -> str:
        """Most likely site "before" or "after"; "" where no classifier was asked."""
        shares = self.record.sites.get(when, {}) if self.record is not None else {}
        return max(shares, key=lambda site: shares[site], default="")


@dataclass(frozen=True)
class Cohort:
    """All scans of a data set."""

    name: str
    rows: tuple[Row, ...]

    def counts(self) -> Counter[str]:
        """How many scans there are of each status."""
        return Counter(row.status for row in self.rows)

    def harmonized(self, site: str | None = None) -> list[Record]:
        """Records of the harmonized scans, of one site where it is named."""
        return [
            row.record
            for row in self.rows
            if row.record is not None and row.is_harmonized and site in (None, row.site)
        ]

    def sites(self) -> list[str]:
        """All sites, in alphabetical order."""
        return sorted({row.site for row in self.rows})


def read_cohort(
    bids: Path, out: Path, suffix: str, labels: Sequence[str] = (), site_column: str = "site"
) -> Cohort:
    """What is recorded about the scans of a BIDS folder.

    Args:
        bids: the folder of scans.
        out: the data set of derivatives.
        suffix: the BIDS suffix of the contrast.
        labels: participants; none: all.
        site_column: of participants.tsv, where there is one; a site that it does not tell is named by its scanner, as the
            sidecar of the scan describes it.

    Raises:
        InputError: folders or the table of participants are not usable, or nothing was done yet.
    """
    scans = find_scans(bids, suffix, labels)
    table = bids / "participants.tsv"
    people = read_participants(table) if table.is_file() else {}
    rows = tuple(
        Row(scan, people.get(scan.participant, {}).get(site_column) or _scanner(scan), Record.read(scan, out))
        for scan in scans
    )
    if all(row.record is None for row in rows):
        raise InputError(
            f"{out} has no records of the {suffix} images of {bids}; run the level participant first."
        )
    return Cohort(bids.resolve().name, rows)


def write_table(cohort: Cohort, out: Path) -> Path:
    """Write the table, a row a scan, and the description of its columns; returns its path.

    Raises:
        InputError: it cannot be written.
    """
    path = out / TABLE
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for row in cohort.rows:
            writer.writerow({name: value or "n/a" for name, value in _cells(row).items()})
    write_json(sidecar_path(path), {name: {"Description": text} for name, text in _COLUMNS.items()})
    return path


def write_report(cohort: Cohort, out: Path) -> Path:
    """Write the report, one HTML page; returns its path.

    Raises:
        InputError: jinja2 or matplotlib is missing, or it cannot be written.
    """
    from .qa.cohort_report import cohort_page

    page = cohort_page(cohort)
    path = out / REPORT
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def target_text(record: Record) -> str:
    """What a scan shall look like, in words."""
    target = record.request["target"]
    if target["kind"] == "reference":
        return f"the reference {target['name']}"
    site = target.get("site")
    return site if target["kind"] == "site" else f"sample {target['sample']}{f' of {site}' if site else ''}"


def _cells(row: Row) -> dict[str, str]:
    cells = {
        "participant_id": row.scan.participant,
        "session_id": row.scan.session,
        "source": row.scan.source,
        "site": row.site,
        "status": row.status,
    }
    if (record := row.record) is None:
        return cells | dict.fromkeys(_COLUMNS.keys() - cells.keys(), "")
    ratio = record.flicker_ratio
    return cells | {
        "output": record.output,
        "flicker_ratio": "" if ratio is None else f"{ratio:.4f}",
        "looks_like_before": row.looks_like("before"),
        "looks_like_after": row.looks_like("after"),
        "model": record.request["model"],
        "target": target_text(record),
        "seconds": f"{record.seconds:g}" if record.seconds else "",
        "message": " ".join(record.message.split()),
    }


def _scanner(scan: Scan) -> str:
    sidecar = read_json(sidecar_path(scan.path))
    field_t = sidecar.get("MagneticFieldStrength")
    parts = [sidecar.get("Manufacturer"), sidecar.get("ManufacturersModelName"), field_t and f"{field_t:g} T"]
    return " ".join(str(part) for part in parts if part) or UNKNOWN_SITE
