"""How well scans of many sites are made alike: traveling subjects with known truth, one real scan reconstructed twice, speed.

    python benchmarks/harmonization.py DATA [--models ...] [--heads 4] [--pictures FOLDER] > result.json

DATA holds brain/synthseg_labels, whose heads 13 to 16 no bundled harmonizer was trained on, and brain/t1_multivendor.

- ``traveling``: each head at six simulated sites, made to look as of one of them. PSNR in the head, and in the brain, in units
  of the truth's 99.5th percentile there, after the gain that fits best, so that no method wins by its scale. Comparators
  without training take as reference a scan of another head at the target site. Flicker is the ratio of neighboring slices'
  jumps to the truth's, along the worst axis. A site classifier says how well sites are told apart before and after.
- ``prisma``: one real acquisition reconstructed with and without normalization: standard deviation of the logarithm of their
  ratio, in voxels above a tenth of the 99th percentile, and of these in the brain.
- ``speed``: seconds for one 1 mm head after loading, and the peak of memory of this process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from patients import save_picture

from mrstyle.errors import PackageError
from mrstyle.intensity import foreground_mask
from mrstyle.metrics.agreement import balanced_accuracy
from mrstyle.metrics.image import flicker_ratio, psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.sites import SITES
from mrstyle.qa.sites import classify, site_classifier
from mrstyle.segmentation.brain_mask import brain_mask
from mrstyle.targets import Reference, Site
from mrstyle.translate import translate
from mrstyle.volume import Volume, read_volume
from mrstyle_trainer.anatomies import LabelTable, read_label_map
from mrstyle_trainer.simulate import SimulationConfig
from mrstyle_trainer.traveling import TravelingSubject

HELD_OUT = (13, 14, 15, 16)
TARGET = "sim-3T-mprage"
COMPARATORS = ("histogram-matching", "nyul", "white-stripe")
TABLE = Path(__file__).parents[1] / "trainer" / "configs" / "labels" / "freesurfer_head.yaml"
SIMULATION = SimulationConfig.model_validate({"tissue_spread": (0.03, 0.06, 0.08), "lesion_probability": 0.0})
PRISMA = ("siemens_prismafit_xa30_tfl_NOnorm.nii.gz", "siemens_prismafit_xa30_tfl_norm.nii.gz")


def subjects(data: Path, heads: int) -> list[TravelingSubject]:
    """The first of the held-out heads."""
    table = LabelTable.read(TABLE)
    folder = data / "brain" / "synthseg_labels"
    return [
        TravelingSubject(read_label_map(folder / f"training_seg_{number}.nii.gz", table), number, SIMULATION)
        for number in HELD_OUT[:heads]
    ]


def fitted_psnr_db(image: np.ndarray, truth: np.ndarray, head: np.ndarray) -> float:
    """PSNR in the head after the gain that fits best by least squares."""
    unit = float(np.percentile(truth[head], 99.5))
    gain = float((image[head] * truth[head]).sum() / max(float(np.square(image[head]).sum()), 1e-6))
    return psnr(gain * image / unit, truth / unit, data_range=1.0, mask=head)


def worst_flicker(image: np.ndarray, truth: np.ndarray, head: np.ndarray) -> float:
    """The greatest flicker ratio of the three axes, both images on one scale."""
    image = image * (truth[head].mean() / max(float(image[head].mean()), 1e-6))
    unit = float(np.percentile(truth[head], 99.5))
    return max(flicker_ratio(image, truth, axis=axis, data_range=unit, mask=head) for axis in range(3))


def traveling(data: Path, models: list[Package], heads: int, pictures: Path | None) -> dict[str, object]:
    """Figures of each method, in all and by site of origin."""
    people = subjects(data, heads)
    comparators = [load_package(find(name)) for name in COMPARATORS]
    try:
        classifier = site_classifier()
    except PackageError:
        classifier = None
    scores: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    opinions: dict[str, list[tuple[str, str]]] = {}
    for index, person in enumerate(people):
        other = people[index - 1] if len(people) > 1 else person
        reference = Reference(other.scan(TARGET, other.voxels(TARGET)))
        for site in SITES:
            voxels = person.voxels(site)
            scan, truth = person.scan(site, voxels), person.truth(TARGET, voxels)
            head = truth.array > 0.05 * np.percentile(truth.array, 99.5)
            brain = person.head.table.brain[voxels.classes.numpy()] & head
            outputs = {"raw": scan}
            for package in comparators:
                outputs[package.card.id] = translate(scan, package, reference).image
            for package in models:
                outputs[package.card.id] = translate(scan, package, Site(TARGET)).image
                outputs[f"{package.card.id}, by reference"] = translate(scan, package, reference).image
            for name, image in outputs.items():
                figures = (
                    fitted_psnr_db(image.array, truth.array, head),
                    fitted_psnr_db(image.array, truth.array, brain),
                    worst_flicker(image.array, truth.array, head),
                )
                scores.setdefault(name, {}).setdefault(site, []).append(figures)
                if classifier is not None:
                    opinions.setdefault(name, []).append((site, classify(image, classifier).site))
            print(f"{person.name} at {site}", file=sys.stderr)
            if pictures is not None:
                unit = float(np.percentile(truth.array, 99))
                shown = [scan, *(outputs[package.card.id] for package in models), truth]
                levels = [unit / max(float(np.percentile(each.array[head], 99)), 1e-6) for each in shown]
                images = [each.array * level / unit for each, level in zip(shown, levels, strict=True)]
                save_picture(pictures, f"{person.name.split('.')[0]}-{site}", *images)
    return {
        name: {
            "psnr_db": mean([row[0] for rows in by_site.values() for row in rows]),
            "psnr_db_in_brain": mean([row[1] for rows in by_site.values() for row in rows]),
            "psnr_db_of_other_sites": mean(
                [row[0] for site, rows in by_site.items() if site != TARGET for row in rows]
            ),
            "psnr_db_in_brain_of_other_sites": mean(
                [row[1] for site, rows in by_site.items() if site != TARGET for row in rows]
            ),
            "flicker_ratio": mean([row[2] for rows in by_site.values() for row in rows]),
            "psnr_db_by_site": {site: mean([row[0] for row in rows]) for site, rows in by_site.items()},
            "psnr_db_in_brain_by_site": {
                site: mean([row[1] for row in rows]) for site, rows in by_site.items()
            },
        }
        | (told_apart(opinions[name]) if name in opinions else {})
        for name, by_site in scores.items()
    }


def told_apart(opinions: list[tuple[str, str]]) -> dict[str, object]:
    """Balanced accuracy of a classifier with its interval, and chance."""
    true, said = (list(column) for column in zip(*opinions, strict=True))
    score = balanced_accuracy(true, said, tuple(SITES))
    return {
        "balanced_accuracy": round(score.value, 3),
        "interval": [round(score.low, 3), round(score.high, 3)],
        "chance": round(score.chance, 3),
    }


def prisma(data: Path, models: list[Package]) -> dict[str, object]:
    """Standard deviation of the logarithm of the ratio of the two reconstructions, raw and harmonized."""
    plain, normalized = (read_volume(data / "brain" / "t1_multivendor" / name) for name in PRISMA)
    head = foreground_mask(normalized.array) & (normalized.array > 0.1 * np.percentile(normalized.array, 99))
    brain = head & (brain_mask(normalized).array > 0.5)
    pairs = {"raw": (plain, normalized)}
    for package in models:
        one, two = (translate(volume, package, Site(TARGET)).image for volume in (plain, normalized))
        pairs[package.card.id] = (one, two)
    return {
        name: {"head": log_ratio(one, two, head), "brain": log_ratio(one, two, brain)}
        for name, (one, two) in pairs.items()
    }


def log_ratio(one: Volume, two: Volume, head: np.ndarray) -> float:
    """Standard deviation of log(one / two) where both have a signal."""
    inside = head & (one.array > 0) & (two.array > 0)
    return round(float(np.log(one.array[inside] / two.array[inside]).std()), 4)


def speed(data: Path, models: list[Package]) -> dict[str, object]:
    """Seconds for one head, the second time, and the greatest memory of this process so far."""
    person = subjects(data, 1)[0]
    scan = person.scan(TARGET, person.voxels(TARGET))
    found: dict[str, object] = {"voxels": list(scan.shape)}
    for package in models:
        translate(scan, package, Site(TARGET))
        started = time.perf_counter()
        translate(scan, package, Site(TARGET))
        found[f"{package.card.id}, s"] = round(time.perf_counter() - started, 2)
    found["peak_memory_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return found


def mean(values: list[float]) -> float:
    """Mean, rounded for people."""
    return round(float(np.mean(values)), 3)


def main() -> None:
    """Run what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description="How well scans of many sites are made alike.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", default=["brain-light3d"], help="ids or folders of packages")
    parser.add_argument("--heads", type=int, default=len(HELD_OUT), choices=range(1, len(HELD_OUT) + 1))
    parser.add_argument("--only", nargs="+", default=["speed", "prisma", "traveling"])
    parser.add_argument("--pictures", type=Path, help="folder for pictures: scan, outputs, truth")
    arguments = parser.parse_args()
    models = [load_package(find(name)) for name in arguments.models]
    parts = {
        "speed": lambda: speed(arguments.data, models),
        "prisma": lambda: prisma(arguments.data, models),
        "traveling": lambda: traveling(arguments.data, models, arguments.heads, arguments.pictures),
    }
    json.dump({name: parts[name]() for name in arguments.only}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
