"""Cortical thickness by DiReCT against FreeSurfer's, in one real head.

    python benchmarks/thickness.py DATA [--mask segmentation] [--device auto] > result.json

DATA holds brain/fs_ecog: a T1-weighted head with skull, and what FreeSurfer made of it (white and pial surfaces, aparc+aseg).
FreeSurfer's thickness is computed from its surfaces. DiReCT's regions are those of the segmentation, each voxel of its cortex
going with the nearest labeled one. The brain mask is what the bundled network finds, or, with ``--mask segmentation``, what
FreeSurfer segmented; that tells the error of the mask from that of the thickness.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from mrstyle.metrics.agreement import icc, mean_absolute_difference
from mrstyle.qa.freesurfer import REGION_NAMES, read_subject
from mrstyle.qa.thickness import Regions, Thickness, measure_thickness
from mrstyle.volume import Volume, read_volume

FIRST_LABELS = {"left": 1000, "right": 2000}
REACH_MM = 3.0
CLOSING_VOXELS = 3
LIMIT_MM = 0.25


def parcellation(segmentation: Volume) -> Regions:
    """The cortex of aparc+aseg, each region 3 mm wider."""
    labels = np.rint(segmentation.array).astype(np.int32)
    names = {
        first + number: (name, hemisphere)
        for hemisphere, first in FIRST_LABELS.items()
        for number, name in enumerate(REGION_NAMES)
    }
    cortex = np.isin(labels, list(names))
    distance, nearest = ndimage.distance_transform_edt(
        ~cortex, sampling=segmentation.spacing_mm[::-1], return_indices=True
    )
    wide = np.where(distance <= REACH_MM, labels[tuple(nearest)], 0)
    return Regions(segmentation.with_array(wide), names)


def segmented_brain(segmentation: Volume) -> Volume:
    """All that is segmented, with the fluid between."""
    brain = ndimage.binary_closing(segmentation.array > 0.5, iterations=CLOSING_VOXELS)
    return segmentation.with_array(ndimage.binary_fill_holes(brain), "aparc+aseg brain")


def figures(found: Thickness, truth: Thickness) -> dict:
    """How near the two are, by the regions that both have."""
    known = {(row.region, row.hemisphere): row.thickness_mm for row in truth.regions}
    rows = [row for row in found.regions if (row.region, row.hemisphere) in known]
    direct = np.array([row.thickness_mm for row in rows])
    freesurfer = np.array([known[row.region, row.hemisphere] for row in rows])
    agreement = icc(direct, freesurfer)
    difference_mm = found.mean_mm - truth.mean_mm
    return {
        "mean_mm": {"direct": round(found.mean_mm, 3), "freesurfer": round(truth.mean_mm, 3)},
        "difference_mm": round(difference_mm, 3),
        "within_limit": bool(abs(difference_mm) <= LIMIT_MM),
        "limit_mm": LIMIT_MM,
        "regions": len(rows),
        "regional_pearson_r": round(float(np.corrcoef(direct, freesurfer)[0, 1]), 3),
        "regional_icc": [round(each, 3) for each in (agreement.value, agreement.low, agreement.high)],
        "regional_mean_absolute_difference_mm": round(float(mean_absolute_difference(direct, freesurfer)), 3),
        "by_region": [
            {
                "region": row.region,
                "hemisphere": row.hemisphere,
                "direct_mm": round(row.thickness_mm, 3),
                "freesurfer_mm": round(known[row.region, row.hemisphere], 3),
            }
            for row in rows
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--mask", choices=("network", "segmentation"), default="network")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    folder = options.data / "brain" / "fs_ecog"
    scan = read_volume(folder / "mri" / "T1.mgz")
    segmentation = read_volume(folder / "mri" / "aparc+aseg.mgz")
    truth = read_subject(folder, scan)
    told = -1.0

    def tell(progress: object) -> None:
        nonlocal told
        fraction = progress.fraction  # type: ignore[attr-defined]
        if fraction >= told + 0.05:
            told = fraction
            print(f"{progress.stage}: {fraction:.0%}", file=sys.stderr)  # type: ignore[attr-defined]

    started = time.monotonic()
    found = measure_thickness(
        scan,
        mask=segmented_brain(segmentation) if options.mask == "segmentation" else None,
        regions=parcellation(segmentation),
        device=options.device,
        progress=tell,
    )
    result = {"mask": options.mask, "seconds": round(time.monotonic() - started, 1)} | figures(found, truth)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
