"""How the throughput of a cohort grows from one to two workers, and how much memory a worker takes.

    python benchmarks/cohort.py [--model ID --site NAME] [--scans N] [--spacing MM] > result.json

Writes digital heads of different people as a BIDS folder, and harmonizes them by the path that `mrstyle cohort` takes: by one
worker on one core, by two workers on one core each, and by one worker on two cores. The first scan of each worker is left
out, because it imports torch and loads the model. The rates are compared within this one run; close other programs.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from mrstyle.cli_phantom import write_phantom
from mrstyle.cohort import cohort_options, harmonize_cohort
from mrstyle.cohort_scan import Options, Record
from mrstyle.models.catalogue import find
from mrstyle.models.package import load_package
from mrstyle.volume import read_volume
from mrstyle.worker_job_harmonize import HarmonizeTarget

SCALING_GOAL, MEMORY_GOAL_GB = 1.7, 4.0
RUNS = ((1, 1), (2, 1), (1, 2))  # workers, threads of each


def peak_gb() -> float:
    """Most memory that this process has had."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def write_cohort(folder: Path, scans: int, spacing_mm: float) -> Path:
    """A BIDS folder of heads; returns the image of one person more, who can be the reference."""
    for seed in range(1, scans + 1):
        anat = folder / f"sub-{seed:02d}" / "anat"
        anat.mkdir(parents=True)
        write_phantom(anat, seed, "T1w", spacing_mm, 3.0, labels=False)
    other = folder / "sourcedata"
    other.mkdir()
    return write_phantom(other, scans + 1, "T1w", spacing_mm, 1.5, labels=False)[0]


def measure(bids: Path, out: Path, options: Options, workers: int, threads: int) -> dict[str, Any]:
    """One run: seconds a scan once all workers are warm, and the most memory that one took."""
    ends: list[float] = []
    memory_gb: list[float] = []

    def finished(record: Record, is_new: bool) -> None:
        ends.append(time.monotonic())
        if record.exit_code or not is_new:
            sys.exit(f"{record.source}: {record.message}")
        if len(ends) == len(list(bids.glob("sub-*"))):
            from distributed import Client

            memory_gb.extend(Client.current().run(peak_gb).values())

    started = time.monotonic()
    harmonize_cohort(bids, out, options, workers=workers, threads=threads, finished=finished)
    seconds = (ends[-1] - ends[workers - 1]) / (len(ends) - workers)
    return {
        "workers": workers,
        "threads_each": threads,
        "seconds_per_scan": round(seconds, 3),
        "seconds_with_start": round(ends[-1] - started, 1),
        "peak_memory_of_a_worker_gb": round(max(memory_gb), 2),
    }


def same_images(outs: list[Path]) -> bool:
    """Whether runs with as many threads gave the same image of the first person; with more threads, sums round otherwise."""
    threads = [threads for _, threads in RUNS]
    images = [
        read_volume(next(out.glob("sub-01/anat/*_T1w.nii.gz"))).array
        for out, each in zip(outs, threads, strict=True)
        if each == threads[0]
    ]
    return all(np.array_equal(image, images[0]) for image in images)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="brain-light3d")
    parser.add_argument("--site", help="default: the first that the model knows, else a reference")
    parser.add_argument("--scans", type=int, default=8)
    parser.add_argument("--spacing", type=float, default=1.0, help="mm")
    arguments = parser.parse_args()
    package = load_package(find(arguments.model))
    with tempfile.TemporaryDirectory() as name:
        bids = Path(name) / "bids"
        reference = write_cohort(bids, arguments.scans, arguments.spacing)
        site = arguments.site or next(iter(package.card.sites), None)
        target = HarmonizeTarget(site=site, reference=None if site else reference)
        options = cohort_options(package, target, device="cpu")
        outs = [Path(name) / f"out{number}" for number in range(len(RUNS))]
        runs = [measure(bids, out, options, *run) for out, run in zip(outs, RUNS, strict=True)]
        shape = read_volume(reference).shape
        same = same_images(outs)
    scaling = runs[0]["seconds_per_scan"] / runs[1]["seconds_per_scan"]
    memory_gb = max(run["peak_memory_of_a_worker_gb"] for run in runs)
    result = {
        "model": package.card.name,
        "target": site or "reference",
        "size": shape[::-1],
        "scans": arguments.scans,
        "runs": runs,
        "same_images": same,
        "scaling_from_one_to_two_workers": round(scaling, 2),
        "goals": {
            "scaling": {"at_least": SCALING_GOAL, "met": scaling >= SCALING_GOAL},
            "memory_gb": {"at_most": MEMORY_GOAL_GB, "met": memory_gb <= MEMORY_GOAL_GB},
        },
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
