"""Two real patients, each in the other's contrasts: what brain-reference does on scans it has never seen.

    python benchmarks/brain_reference.py DATA [--model brain-reference] [--pictures FOLDER] > result.json

DATA is a folder with patient19 and patient26 of the MS lesion data of Lesjak et al. (Neuroinformatics 16:51, 2018; CC-BY):
T1, T2, FLAIR and lesions.nii.gz on one grid. Content is a scan of one patient, reference a scan of the OTHER one in another
contrast, truth the first one's own scan in that contrast: 12 cases. All images are scaled by the 99.5th percentile in the
brain, so that the data range is 1, and compared in the brain (where the content is not 0).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
from patients import CONTRASTS, PATIENTS, compare, level, save_picture, scaled
from scipy.ndimage import binary_dilation

from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.targets import Reference
from mrstyle.translate import translate
from mrstyle.volume import read_volume

BASELINE = "histogram-matching"
METRICS = (
    "psnr_db",
    "psnr_db_in_brain",
    "psnr_db_own_scale",
    "ssim",
    "ssim_in_brain",
    "flicker_ratio",
    "seconds",
)


def lesion_contrast(image: np.ndarray, lesions: np.ndarray, surroundings: np.ndarray) -> float:
    """How far lesions stand out: difference of means over the standard deviation around the lesions."""
    around = image[surroundings]
    return float((image[lesions].mean() - around.mean()) / around.std())


def run(data: Path, model: Package, pictures: Path | None) -> dict:
    """All cases, with their means."""
    scans = {
        (patient, contrast): read_volume(data / patient / f"{contrast}.nii.gz")
        for patient in PATIENTS
        for contrast in CONTRASTS
    }
    models = {"model": model, "baseline": load_package(find(BASELINE))}
    cases = []
    for patient, other in (PATIENTS, PATIENTS[::-1]):
        brain = scans[patient, "T1"].array != 0
        lesions = read_volume(data / patient / "lesions.nii.gz").array > 0.5
        surroundings = binary_dilation(lesions, iterations=4) & ~binary_dilation(lesions) & brain
        for content, contrast in itertools.permutations(CONTRASTS, 2):
            truth = scaled(scans[patient, contrast], brain, level(scans[patient, contrast]))
            case: dict = {"patient": patient, "content": content, "reference": f"{other} {contrast}"}
            for name, package in models.items():
                started = time.perf_counter()
                reference = scans[other, contrast]
                result = translate(scans[patient, content], package, Reference(reference))
                elapsed = time.perf_counter() - started
                output = scaled(result.image, brain, level(reference))
                by_itself = scaled(result.image, brain, level(result.image))
                case[name] = compare(output, truth, brain) | {
                    "psnr_db_own_scale": compare(by_itself, truth, brain)["psnr_db"],
                    "lesion_contrast": lesion_contrast(output, lesions, surroundings),
                    "seconds": round(elapsed, 1),
                }
                if pictures is not None and name == "model":
                    source = scans[patient, content]
                    shown = scaled(source, brain, level(source))
                    save_picture(pictures, f"{patient}_{content}_to_{contrast}", shown, output, truth)
            case["truth_lesion_contrast"] = lesion_contrast(truth, lesions, surroundings)
            cases.append(case)
            print(json.dumps(case), file=sys.stderr)
    return {"model": model.card.name, "cases": cases, "mean": means(cases)}


def means(cases: list[dict]) -> dict[str, float]:
    """Means over the cases, and the gain over the baseline."""
    mean = {
        f"{name}_{metric}": float(np.mean([case[name][metric] for case in cases]))
        for name in ("model", "baseline")
        for metric in METRICS
    }
    for metric in (metric for metric in METRICS if metric.startswith("psnr")):
        mean[f"gain_{metric}"] = mean[f"model_{metric}"] - mean[f"baseline_{metric}"]
    return {name: round(value, 3) for name, value in mean.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="brain-reference", help="id or folder of a package")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of each case")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.data, load_package(find(arguments.model)), arguments.pictures), indent=2))


if __name__ == "__main__":
    main()
