"""Trainings that are offered by name: a template of a configuration each, filled in from a folder of scans."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrstyle.errors import InputError
from mrstyle.files import atomic_path

from .aligned_scans import subjects_with_contrasts
from .config import TrainingConfig, parse_config
from .series_folder import SeriesData, with_series
from .site_folder import SitesData, held_out, with_sites

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Template:
    """A training for a list: ``name`` is that of its file in the folder templates."""

    name: str
    title: str
    description: str

    @property
    def path(self) -> Path:
        return _FOLDER / f"{self.name}.yaml"

    def as_dict(self) -> dict[str, Any]:
        """For other programs: data is the kind that a folder must hold ("phantoms": none is needed), config the file."""
        config = parse_config(self.path)
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "data": config.data.kind,
            "config": str(self.path),
            "minutes": config.loop.minutes,
        }


TEMPLATES = (
    Template(
        "light3d",
        "Harmonizer of my sites",
        "T1-weighted scans of two or more sites, three or more people each, with participants.tsv that names the site; the "
        "bundled 3D model learns on.",
    ),
    Template(
        "starganv2",
        "Harmonizer of my sites, StarGAN v2",
        "The same scans; slice by slice and adversarial. Takes many hours without a GPU.",
    ),
    Template(
        "site_classifier",
        "Site classifier of my sites",
        "The same scans; tells whether a harmonization left the sites recognizable.",
    ),
    Template(
        "relaxometry",
        "Contrasts of my scanner, signal equations",
        "Two or more contrasts of each person on one grid, with TR and TE in sidecars; the bundled model learns on.",
    ),
    Template(
        "crl",
        "Contrasts of my scanner, CRL",
        "The same scans; contrast representation learning, for comparison.",
    ),
    Template(
        "anatomy_basis",
        "Style model from simulated heads",
        "Needs no data; a small model to see how a training goes.",
    ),
    Template(
        "spatiotemporal",
        "Enhancement of my DCE series",
        "Dynamic contrast-enhanced series of three or more people from before the bolus on: one file or folder each, or "
        "sub-…/perf.",
    ),
)


def new_config(name: str, data: Path | None, output: Path, title: str | None = None) -> TrainingConfig:
    """Write a configuration of the template ``name`` for the scans in ``data``; what it says when read.

    Who validates is chosen here, or, with several sites, some of each when the training starts.

    Raises:
        InputError: there is no such template, the folder does not fit it, or ``output`` exists.
    """
    template = next((each for each in TEMPLATES if each.name == name), None)
    if template is None:
        known = ", ".join(each.name for each in TEMPLATES)
        raise InputError(f"There is no recipe {name!r} to start from; choose one of {known}.")
    if output.exists():
        raise InputError(f"{output} exists already; choose another file, or remove it.")
    text = template.path.read_text(encoding="utf-8")
    kind = parse_config(template.path).data.kind
    if (data is None) != (kind == "phantoms"):
        words = (
            "needs no data; leave --data out" if data else "learns from scans; name their folder by --data"
        )
        raise InputError(f"The recipe {name} {words}.")
    if data is not None:
        if not data.is_dir():
            raise InputError(f"There is no folder {data}; check --data.")
        text = _filled(text, "folder", str(data.resolve()))
        if kind == "aligned":
            training, validation = _parted(data)
            text = _filled(_filled(text, "training", training), "validation", validation)
    identifier = re.sub(r"[^a-z0-9]+", "-", output.stem.lower()).strip("-")[:64]
    text = _filled(text, "id", identifier if len(identifier) > 1 else f"model-{identifier}")
    text = _filled(text, "title", title or output.stem)
    with atomic_path(output) as path:
        path.write_text(text, encoding="utf-8")
        config = parse_config(path)
        if isinstance(config.data, SitesData):
            config = with_sites(config, config.data)
        if isinstance(config.data, SeriesData):
            config = with_series(config, config.data)
    return config


def _filled(text: str, name: str, value: Any) -> str:
    """The first line of that name with another value. JSON is YAML."""
    line = re.compile(rf"^(  {name}: ).*$", re.MULTILINE)
    return line.sub(lambda match: match[1] + json.dumps(value, ensure_ascii=False), text, count=1)


def _parted(folder: Path) -> tuple[list[str], list[str]]:
    """Subjects with two or more contrasts: those who train, those who validate."""
    subjects = subjects_with_contrasts(folder)
    if len(subjects) < 2:
        raise InputError(
            f"{folder} has {len(subjects)} subjects with two or more different contrasts in sub-…/anat; two are the least: "
            "one trains, the other validates."
        )
    validation = held_out(set(subjects))
    return [subject for subject in subjects if subject not in validation], sorted(validation)
