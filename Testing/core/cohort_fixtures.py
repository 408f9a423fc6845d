"""What the tests of harmonization share: a BIDS folder of three small heads of two sites, and scans that are faulty."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_fixtures import ACCEPTS, CARD, head

from mrstyle import methods
from mrstyle.cohort import cohort_options
from mrstyle.cohort_scan import Options
from mrstyle.models.package import Package, load_package, save_package
from mrstyle.volume import write_volume
from mrstyle.worker_job_harmonize import HarmonizeTarget

PARTICIPANTS = "participant_id\tsite\tage\nsub-01\tnorth\t60\nsub-02\tnorth\t61\nsub-03\tsouth\tn/a\n"


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package without weights that takes references."""
    folder = tmp_path_factory.mktemp("models") / "plain"
    network = methods.build("histogram_matching", {})
    save_package(folder, {**CARD, "accepts": {**ACCEPTS, "dim": network.dim}}, network)
    return folder


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Three scans, one of them of a second session, whose sites give intensities of their own."""
    folder = tmp_path / "bids"
    scan(folder, "sub-01", power=1.0, seed=1)
    scan(folder, "sub-02", power=1.2, seed=2, session="ses-b")
    scan(folder, "sub-03", power=0.5, seed=3)
    (folder / "participants.tsv").write_text(PARTICIPANTS)
    write_volume(head((12, 12, 12), spacing_mm=2.0, power=0.4), tmp_path / "reference.nii.gz")
    return folder


def scan(bids: Path, person: str, power: float, seed: int, session: str = "") -> Path:
    """Write a T1-weighted scan with its sidecar."""
    folder = bids / person / session / "anat"
    folder.mkdir(parents=True)
    stem = "_".join(part for part in (person, session, "T1w") if part)
    volume = head((14, 16, 18), spacing_mm=1.5, power=power)
    noise = np.random.default_rng(seed).normal(0, 2, volume.shape)
    path = folder / f"{stem}.nii.gz"
    write_volume(volume.with_array(np.abs(volume.array + noise)), path)
    path.with_name(f"{stem}.json").write_text(json.dumps({"EchoTime": 0.003, "Manufacturer": "Maker"}))
    return path


def add_faulty(bids: Path) -> None:
    """Add a copy of the first scan under another name, and a scan that was cut off."""
    first = bids / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    for person in ("sub-04", "sub-05"):
        (bids / person / "anat").mkdir(parents=True)
    shutil.copyfile(first, bids / "sub-04" / "anat" / "sub-04_T1w.nii.gz")
    (bids / "sub-05" / "anat" / "sub-05_T1w.nii.gz").write_bytes(first.read_bytes()[:2000])


def options(model: Path, reference: Path, **changes: Any) -> Options:
    package: Package = load_package(model)
    return cohort_options(package, HarmonizeTarget(reference=reference), device="cpu", **changes)
