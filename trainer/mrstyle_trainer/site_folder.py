"""Scans of several sites in a folder as BIDS lays it out, with a column of participants.tsv that says which site."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from mrstyle.errors import InputError
from mrstyle.files import sidecar_path

if TYPE_CHECKING:
    from .config import TrainingConfig

_COLUMNS = ("site", "site_id", "scanner", "center", "centre", "scanner_id", "acquisition_site")
_UNKNOWN = ("", "n/a", "na", "nan", "none")
_LEAST_SUBJECTS = 3
_VALIDATION_SHARE = 0.15
_MOST_VALIDATION = 10


class SitesData(BaseModel):
    """Scans of several sites that nobody has paired. Subjects of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sites"]
    folder: str = Field(description="BIDS folder with participants.tsv; environment variables are filled in")
    suffix: str = Field("T1w", description="BIDS suffix of the scans to use: one contrast")
    site_column: str | None = Field(
        None, description=f"of participants.tsv; where absent, the first of {', '.join(_COLUMNS)}"
    )
    validation: list[str] = Field(
        [], description="subjects as their folders are named, such as sub-01; where empty, some of each site"
    )


@dataclass(frozen=True)
class SiteScan:
    """Where a scan is, and of whom: age in years and sex ("M", "F", …) are None where they are not known."""

    path: Path
    subject: str
    site: str
    age: float | None
    sex: str | None


def with_sites(config: TrainingConfig, data: SitesData) -> TrainingConfig:
    """The configuration with its sites by name, in alphabetical order unless it names them, and its validation subjects.

    Raises:
        InputError: as `find_site_scans`, or there are fewer than two sites, or one of them has too few subjects.
    """
    subjects: dict[str, set[str]] = defaultdict(set)
    for scan in find_site_scans(data):
        subjects[scan.site].add(scan.subject)
    if unknown := [name for name in config.sites.names if name not in subjects]:
        raise InputError(
            f"sites.names has {', '.join(unknown)}; the sites in {data.folder} with scans {data.suffix} are "
            f"{', '.join(sorted(subjects))}."
        )
    enough = sorted(site for site, members in subjects.items() if len(members) >= _LEAST_SUBJECTS)
    names = config.sites.names or tuple(enough)
    counts = ", ".join(f"{site} ({len(subjects[site])})" for site in config.sites.names or sorted(subjects))
    if len(names) < 2 or any(name not in enough for name in names):
        raise InputError(
            f"Training needs two or more sites with {_LEAST_SUBJECTS} or more subjects each; with scans "
            f"{data.suffix}, {data.folder} has {counts or 'none'}."
        )
    used = {name: subjects[name] for name in names}
    if strangers := sorted(set(data.validation) - set().union(*used.values())):
        raise InputError(
            f"data.validation has {', '.join(strangers)}, of whom {data.folder} has no scan of these sites; write subjects as "
            "their folders are named, such as sub-01."
        )
    validation = data.validation or _chosen(used)
    for name, members in used.items():
        held_out = len(members & set(validation))
        if not held_out or len(members) - held_out < 2:
            raise InputError(
                f"The site {name} has {held_out} of its {len(members)} subjects in data.validation; leave one or more "
                "there, and two or more for training."
            )
    return config.model_copy(
        update={
            "data": data.model_copy(update={"validation": sorted(validation)}),
            "sites": config.sites.model_copy(update={"names": names}),
            "network": config.network | {"sites": list(names)},
        }
    )


def find_site_scans(data: SitesData) -> list[SiteScan]:
    """All scans of that suffix of known sites, without their voxels; those with a contrast agent are passed over.

    A subject who was scanned at several sites has them in sub-…_sessions.tsv, in a column of the same name.

    Raises:
        InputError: there is no participants.tsv, it has no column for the site or a person twice, or there is no scan.
    """
    folder = Path(data.folder)
    table = folder / "participants.tsv"
    if not table.is_file():
        raise InputError(
            f"There is no participants.tsv in {folder}; write one with the columns participant_id and site "
            "(age and sex too, if you know them)."
        )
    rows = _rows(table)
    column = _site_column(data, table, rows)
    scans = []
    seen: set[str] = set()
    for row in rows:
        name = row.get("participant_id", "")
        subject = name if name.startswith("sub-") else f"sub-{name}"
        if subject in seen:
            raise InputError(
                f"{table} has two lines for {subject}; keep one, and write who was scanned at several sites into "
                f"{subject}/{subject}_sessions.tsv (session_id, {column})."
            )
        seen.add(subject)
        for place, facts in _sessions(folder / subject, row):
            site = facts.get(column, "")
            if site.lower() in _UNKNOWN:
                continue
            for path in sorted(place.glob(f"*_{data.suffix}.nii*")):
                if "_ce-" not in path.name and path.name.endswith((".nii", ".nii.gz")):
                    scans.append(SiteScan(path, subject, site, _age(facts), _sex(facts)))
    if not scans:
        raise InputError(
            f"{folder} has no scans sub-…/anat/sub-…_{data.suffix}.nii.gz of the participants in participants.tsv; check "
            "the folder and data.suffix."
        )
    return scans


def described_sites(scans: Iterable[SiteScan]) -> dict[str, str]:
    """What each site is, for a model card: subjects, and scanner and field strength where a sidecar tells."""
    by_site: dict[str, list[SiteScan]] = defaultdict(list)
    for scan in scans:
        by_site[scan.site].append(scan)
    return {
        site: ", ".join([f"{len({scan.subject for scan in of_site})} subjects", *_scanner(of_site[0].path)])
        for site, of_site in sorted(by_site.items())
    }


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            return [{str(key): (value or "").strip() for key, value in row.items()} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"Cannot read {table} ({error}); write it as text with tabs between columns."
        ) from error


def _site_column(data: SitesData, table: Path, rows: list[dict[str, str]]) -> str:
    columns = list(rows[0]) if rows else []
    wanted = [data.site_column.lower()] if data.site_column else list(_COLUMNS)
    for name in wanted:
        for column in columns:
            if column.lower() == name:
                return column
    raise InputError(
        f"{table} has no column {data.site_column or 'site'} (its columns: {', '.join(columns) or 'none'}); name the "
        "one that says where each participant was scanned in data.site_column."
    )


def _sessions(subject: Path, row: dict[str, str]) -> list[tuple[Path, dict[str, str]]]:
    """The folders of anatomical scans of a subject, each with what the tables say about it."""
    table = subject / f"{subject.name}_sessions.tsv"
    sessions = {each.get("session_id", ""): each for each in _rows(table)} if table.is_file() else {}
    places = [(subject / "anat", row)]
    for place in sorted(subject.glob("ses-*/anat")):
        places.append((place, row | sessions.get(place.parent.name, {})))
    return places


def _age(facts: dict[str, str]) -> float | None:
    found = re.match(r"\d+(\.\d+)?", facts.get("age", ""))  # 89+ is 89
    return float(found[0]) if found else None


def _sex(facts: dict[str, str]) -> str | None:
    text = facts.get("sex", "") or facts.get("gender", "")
    return None if text.lower() in _UNKNOWN else text[0].upper()


def held_out(subjects: set[str], chosen: frozenset[str] = frozenset()) -> set[str]:
    """Some of the subjects to validate with, the same ones each time: by a hash of their names, ``chosen`` ones first."""
    wanted = min(max(1, round(_VALIDATION_SHARE * len(subjects))), _MOST_VALIDATION)
    order = sorted(subjects, key=lambda name: (name not in chosen, hashlib.sha256(name.encode()).digest()))
    return set(order[:wanted]) | (subjects & chosen)


def _chosen(sites: dict[str, set[str]]) -> list[str]:
    """Some subjects of each site; who was scanned at several counts at each."""
    chosen: set[str] = set()
    for members in sites.values():
        chosen |= held_out(members, frozenset(chosen))
    return sorted(chosen)


def _scanner(path: Path) -> list[str]:
    try:
        facts = json.loads(sidecar_path(path).read_text(encoding="utf-8"))
        maker, model, field_t = (
            facts.get(key) for key in ("Manufacturer", "ManufacturersModelName", "MagneticFieldStrength")
        )
    except (OSError, ValueError, AttributeError):
        return []
    scanner = " ".join(str(each) for each in (maker, model) if each)
    return [each for each in (scanner, f"{field_t:g} T" if isinstance(field_t, int | float) else "") if each]
