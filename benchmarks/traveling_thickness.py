"""What harmonization does to cortical thickness: traveling subjects, simulated, each scanned at several sites.

    python benchmarks/traveling_thickness.py DATA [--models ...] [--heads 2] [--sites ...] [--keep FOLDER] > result.json

A measurement takes about ten minutes of one core; what is in FOLDER is not measured again.

DATA holds brain/synthseg_labels. Each head is scanned twice at the target site and once at each of the other sites, and the
latter scans are harmonized to the target. All are measured by DiReCT within the brain of the label map, by sectors of its
cortex, so that neither mask nor regions differ.

- ``scan_rescan_mm``: mean absolute difference by region of the two scans at the target.
- ``to_target_mm``: of a method's output to the first scan at the target; ``beyond_scan_rescan_mm`` is how much more that is.
- ``change_mm``: of a method's output to the scan that it was made of.
- ``icc``: agreement of the output with the first scan at the target, over heads, sites and regions.

ComBat sees no image: it takes the thicknesses of all raw scans and makes these alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harmonization import HELD_OUT, TARGET, subjects
from scipy import ndimage
from thickness import segmented_brain

from mrstyle.history import array_sha256
from mrstyle.metrics.agreement import icc, mean_absolute_difference
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.sites import SITES
from mrstyle.qa.combat import combat
from mrstyle.qa.thickness import Regions, measure_thickness
from mrstyle.qa.thickness_parts import sectors
from mrstyle.targets import Site
from mrstyle.translate import translate
from mrstyle.volume import Volume
from mrstyle_trainer.traveling import TravelingSubject

CORTEX = 2  # of the label table
SCAN, RESCAN, RAW = "scan", "rescan", "raw"
LIMIT_MM, LEAST_ICC = 0.05, 0.9


@dataclass(frozen=True)
class Job:
    """One volume to be measured."""

    head: str
    site: str
    what: str
    volume: Volume
    brain: Volume

    @property
    def volume_sha256(self) -> str:
        """Of what is measured."""
        return array_sha256(self.volume.array)


def jobs_of(person: TravelingSubject, sites: list[str], models: list[Package]) -> list[Job]:
    """The scans of a person and what the models make of them; the first is the scan at the target."""
    jobs = []
    for site in (TARGET, *sites):
        voxels = person.voxels(site)
        scan = person.scan(site, voxels)
        mask = segmented_brain(scan.with_array(person.head.table.brain[voxels.classes.numpy()]))
        if site == TARGET:
            jobs.append(Job(person.name, site, SCAN, scan, mask))
            jobs.append(Job(person.name, site, RESCAN, person.scan(site, voxels, again=1), mask))
            continue
        jobs.append(Job(person.name, site, RAW, scan, mask))
        for package in models:
            image = translate(scan, package, Site(TARGET), device="cpu").image
            jobs.append(Job(person.name, site, package.card.id, image, mask))
    return jobs


def measured(
    person: TravelingSubject, jobs: list[Job], workers: int, keep: Path | None
) -> dict[tuple[str, str, str], np.ndarray]:
    """Thickness in mm by region of each job of one head, NaN where a region was not found."""
    regions = cortical_sectors(person)

    def measure(job: Job) -> np.ndarray:
        kept = keep and keep / f"{job.volume_sha256}.json"
        if kept and kept.exists():
            return np.array(json.loads(kept.read_text()), np.float64)
        row = measured_anew(job)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(row.tolist()))
        return row

    def measured_anew(job: Job) -> np.ndarray:
        started = time.monotonic()
        found = measure_thickness(job.volume, mask=job.brain, regions=regions, device="cpu")
        said = f"{job.head} {job.site} {job.what}: {found.mean_mm:.3f} mm, {time.monotonic() - started:.0f} s"
        print(said, file=sys.stderr)
        by_region = {(row.region, row.hemisphere): row.thickness_mm for row in found.regions}
        return np.array([by_region.get(key, np.nan) for key in regions.names.values()])

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(measure, jobs))
    return {(job.head, job.site, job.what): row for job, row in zip(jobs, found, strict=True)}


def cortical_sectors(person: TravelingSubject) -> Regions:
    """Sectors of the cortex of the label map, each wide enough to hold that of any scan."""
    classes = person.voxels(TARGET).classes.numpy()
    cortex = classes == CORTEX
    middle = np.median(np.nonzero(cortex)[2])
    right = np.broadcast_to(np.arange(classes.shape[2]) > middle, classes.shape)
    labels, names = sectors(cortex, right)
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    wide = labels[tuple(nearest)].astype(np.float32)
    return Regions(Volume(wide, person.affine, name="sectors"), names)


def figures(table: dict[tuple[str, str, str], np.ndarray], sites: list[str]) -> dict[str, object]:
    """All methods' rows, of the regions that every scan of a head has."""
    heads = sorted({head for head, _, _ in table})
    common = {
        head: np.all([np.isfinite(row) for key, row in table.items() if key[0] == head], axis=0)
        for head in heads
    }
    rows = {key: row[common[key[0]]] for key, row in table.items()}
    rescan_mm = float(
        np.mean(
            [mean_absolute_difference(rows[head, TARGET, SCAN], rows[head, TARGET, RESCAN]) for head in heads]
        )
    )
    methods = [RAW, *dict.fromkeys(what for _, _, what in table if what not in (SCAN, RESCAN, RAW))]
    harmonized = {
        what: {(head, site): rows[head, site, what] for head in heads for site in sites} for what in methods
    }
    everywhere = np.all(list(common.values()), axis=0)
    if len(heads) > 1 and everywhere.sum() > 1:
        scans = [(head, site) for head in heads for site in (TARGET, *sites)]
        values = [table[head, site, SCAN if site == TARGET else RAW][everywhere] for head, site in scans]
        alike = combat(values, [site for _, site in scans], {})
        harmonized["combat"] = dict(zip(scans, alike, strict=True))
    result: dict[str, object] = {"scan_rescan_mm": round(rescan_mm, 4)}
    for what, outputs in harmonized.items():
        truth = {}
        for head, site in outputs:
            if what == "combat":
                # It moves the target's values, too.
                truth[head, site] = outputs[head, TARGET]
            else:
                truth[head, site] = rows[head, TARGET, SCAN]
        pairs = [key for key in outputs if key[1] != TARGET]
        to_target_mm = np.mean([mean_absolute_difference(outputs[key], truth[key]) for key in pairs])
        agreement = icc(
            np.concatenate([outputs[key] for key in pairs]), np.concatenate([truth[key] for key in pairs])
        )
        raw = {
            key: table[(*key, RAW)][everywhere] if what == "combat" else rows[(*key, RAW)] for key in pairs
        }
        change_mm = np.mean([mean_absolute_difference(outputs[key], raw[key]) for key in pairs])
        result[what] = {
            "mean_mm": round(float(np.mean([outputs[key].mean() for key in pairs])), 3),
            "to_target_mm": round(float(to_target_mm), 4),
            "beyond_scan_rescan_mm": round(float(to_target_mm) - rescan_mm, 4),
            "change_mm": round(float(change_mm), 4),
            "icc": [round(each, 3) for each in (agreement.value, agreement.low, agreement.high)],
        }
    return result | {"goals": {"beyond_scan_rescan_mm": LIMIT_MM, "icc": LEAST_ICC}}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", default=["brain-light3d"], help="ids or folders of packages")
    parser.add_argument("--heads", type=int, default=2, choices=range(1, len(HELD_OUT) + 1))
    parser.add_argument(
        "--sites",
        nargs="+",
        default=[site for site in SITES if site != TARGET],
        choices=[site for site in SITES if site != TARGET],
    )
    parser.add_argument("--jobs", type=int, default=2, help="measurements at the same time")
    parser.add_argument("--keep", type=Path, help="folder of measurements that are done")
    options = parser.parse_args()
    models = [load_package(find(name)) for name in options.models]
    table: dict[tuple[str, str, str], np.ndarray] = {}
    for person in subjects(options.data, options.heads):
        table |= measured(person, jobs_of(person, options.sites, models), options.jobs, options.keep)
    result = {"heads": options.heads, "sites": options.sites} | figures(table, options.sites)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
