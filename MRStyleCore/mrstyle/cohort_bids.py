"""The BIDS side of a cohort: which scans there are, which are the same, and the names of what is written for them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .errors import InputError
from .files import atomic_path, sidecar_path

DESCRIPTION = "dataset_description.json"
RECORDS = "records"
_BIDS_VERSION = "1.9.0"
_GENERATOR = "MRStyle"
_IGNORED = f"{RECORDS}/\nharmonization.*\n"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Scan:
    """One image of a BIDS folder, and where its harmonized image belongs.

    Attributes:
        bids: the folder, absolute.
        source: path of the image in it, with slashes.
        participant: such as "sub-01".
        session: such as "ses-1"; "" without sessions.
        folder: where derivatives of it belong in their data set, with slashes: "sub-01/anat".
        entities: what begins the names of its derivatives: "sub-01_acq-fast".
        suffix: "T1w".
    """

    bids: Path
    source: str
    participant: str
    session: str
    folder: str
    entities: str
    suffix: str

    @property
    def path(self) -> Path:
        """The image."""
        return self.bids / self.source

    @property
    def output(self) -> str:
        """Path of the harmonized image in its data set."""
        return f"{self.folder}/{self.entities}_desc-harmonized_{self.suffix}.nii.gz"

    @property
    def mask(self) -> str:
        """Path of the brain mask in its data set."""
        return f"{self.folder}/{self.entities}_desc-brain_mask.nii.gz"

    @property
    def record(self) -> str:
        """Path of the record of what was done, in the data set of derivatives."""
        return f"{RECORDS}/{self.entities}_{self.suffix}.json"

    def stamp(self) -> dict[str, int]:
        """What tells that the image was replaced.

        Raises:
            OSError: it is gone.
        """
        facts = self.path.stat()
        return {"bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}


def find_scans(bids: Path, suffix: str = "T1w", labels: Sequence[str] = ()) -> list[Scan]:
    """All scans of a contrast, in the order of their paths.

    Args:
        bids: a BIDS folder, of raw data or of derivatives.
        suffix: the BIDS suffix of the contrast.
        labels: participants, with or without "sub-"; none: all.

    Raises:
        InputError: there is no such folder, participant or contrast.
    """
    bids = bids.resolve()
    if not bids.is_dir():
        raise InputError(f"There is no BIDS folder {bids}; check the path.")
    people = sorted(path.name for path in bids.glob("sub-*") if path.is_dir())
    if not people:
        raise InputError(f"{bids} has no folders sub-…; name the folder of a BIDS data set.")
    wanted = list(dict.fromkeys(f"sub-{label.removeprefix('sub-')}" for label in labels))
    if absent := sorted(set(wanted) - set(people)):
        raise InputError(f"{bids} has no participant {', '.join(absent)}; check --participant-label.")
    named = re.compile(
        rf"(?P<entities>sub-[a-zA-Z0-9]+(_[a-zA-Z0-9]+-[a-zA-Z0-9]+)*)_{re.escape(suffix)}\.nii(\.gz)?"
    )
    scans = []
    for person in wanted or people:
        for path in sorted([*bids.glob(f"{person}/anat/*"), *bids.glob(f"{person}/ses-*/anat/*")]):
            if found := named.fullmatch(path.name):
                scans.append(_scan(bids, path, person, found["entities"], suffix))
    if not scans:
        among = f" of {', '.join(wanted)}" if wanted else ""
        raise InputError(
            f"{bids} has no {suffix} images{among} in its anat folders; choose another --suffix."
        )
    return scans


def _scan(bids: Path, path: Path, person: str, entities: str, suffix: str) -> Scan:
    folder = path.parent.relative_to(bids)
    session = folder.parts[1] if len(folder.parts) > 2 else ""
    kept = "_".join(part for part in entities.split("_") if not part.startswith("desc-"))
    return Scan(bids, path.relative_to(bids).as_posix(), person, session, folder.as_posix(), kept, suffix)


def find_duplicates(scans: Iterable[Scan]) -> dict[str, str]:
    """Sources that hold an image that an earlier one holds too, or that would be given its name: that one's source.

    Only files of one length and, where compressed, of one checksum are read.
    """
    taken: dict[str, str] = {}
    alike: dict[tuple[int, bytes], list[Scan]] = {}
    duplicates = {}
    for scan in scans:
        first = taken.setdefault(scan.output, scan.source)
        if first != scan.source:
            duplicates[scan.source] = first
            continue
        try:
            alike.setdefault(_key(scan.path), []).append(scan)
        except OSError:
            continue  # is reported when it is read
    for group in (each for each in alike.values() if len(each) > 1):
        contents: dict[str, str] = {}
        for scan in group:
            try:
                first = contents.setdefault(_digest(scan.path), scan.source)
            except (OSError, EOFError):
                continue
            if first != scan.source:
                duplicates[scan.source] = first
    return duplicates


def _key(path: Path) -> tuple[int, bytes]:
    """Equal where contents are: a gzip file ends with the checksum and length of what it holds."""
    size = path.stat().st_size
    if path.suffix != ".gz":
        return size, b""
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        return 0, file.read()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def start_derivatives(out: Path, bids: Path) -> None:
    """Make ``out`` a BIDS data set of derivatives of ``bids``.

    Raises:
        InputError: it is the BIDS folder itself, holds the work of another program, or cannot be written to.
    """
    out, bids = out.resolve(), bids.resolve()
    if out == bids:
        example = out / "derivatives" / "mrstyle"
        raise InputError(f"{out} holds the scans themselves; choose another folder, such as {example}.")
    description = out / DESCRIPTION
    if description.exists() and (name := _generator(description)) != _GENERATOR:
        raise InputError(f"{out} holds the work of {name}; choose another folder.")
    try:
        (out / RECORDS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error.strerror or error}.") from error
    write_json(
        description,
        derivative(f"Harmonized images of {bids.name}", "mrstyle cohort")
        | {"SourceDatasets": [{"URL": bids.as_uri()}], "DatasetLinks": {"raw": bids.as_uri()}},
    )
    with atomic_path(out / ".bidsignore") as temporary:
        temporary.write_text(_IGNORED, encoding="utf-8")


def derivative(name: str, command: str) -> dict[str, Any]:
    """What ``dataset_description.json`` of a data set of derivatives says."""
    return {
        "Name": name,
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": _GENERATOR, "Version": __version__, "Description": command}],
    }


def sidecar_keys(scan: Scan, *, brain_only: bool) -> dict[str, Any]:
    """The BIDS keys of the sidecar of a harmonized image."""
    return {
        "Description": "Harmonized: computed to look as if another site had taken it.",
        "Sources": [f"bids:raw:{scan.source}"],
        "SkullStripped": brain_only or read_json(sidecar_path(scan.path)).get("SkullStripped") is True,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _generator(description: Path) -> str:
    generators = read_json(description).get("GeneratedBy")
    first = generators[0] if isinstance(generators, list) and generators else {}
    return str(first.get("Name", "another program")) if isinstance(first, dict) else "another program"
