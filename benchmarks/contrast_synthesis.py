"""Contrasts from sequence parameters: simulations with truth, real patients, and how fast a slider is.

    python benchmarks/contrast_synthesis.py DATA [--models ID ...] [--runs RUN ...] [--samples N] > result.json

DATA is a folder with brain/synthseg_labels and brain/openms_mni.

Simulations: axial slices of label maps that no model was trained on, in the nine fast spin echoes of Xiong et al. (MICCAI
2024, table 1), each from every other one (their table 3); of the kind of the fourth and the sixth no model saw any. Truths are
free of noise. Real patients: patient19 and patient26 of Lesjak et al. (Neuroinformatics 16:51, 2018; CC-BY), T1, T2 and FLAIR,
whose sequence parameters are not recorded and are therefore estimated from the images.

Each image is scaled by its own 99.5th percentile in the patient, so the data range is 1; simulations are compared over whole
slices, the patients over the slices that show brain. The baseline is histogram matching to the true target, which no
method may see. RUN are folders of trainings (`mrstyle-train fit`) by the configurations in trainer/configs/comparators: models
for these sequences and healthy heads alone, and pGAN, ResViT and PTNet, which each draw one sequence from one other.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from patients import CONTRASTS, PATIENTS, compare, level, matched, save_picture, scaled
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from mrstyle.acquisition import Acquisition
from mrstyle.encoding import Encoding
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.presets import preset_acquisition
from mrstyle.synthesize import estimate, synthesize
from mrstyle.volume import read_volume
from mrstyle_trainer.anatomies import LabelTable, read_label_map
from mrstyle_trainer.config import read_saved_config
from mrstyle_trainer.contrasts import SimulatedContrasts
from mrstyle_trainer.export import load_average
from mrstyle_trainer.recipes import build_recipe
from mrstyle_trainer.sequences import FSE, FSE_TRAINING
from mrstyle_trainer.simulate import SimulationConfig

MODELS = ("contrast-relaxometry", "contrast-crl")
HELD_OUT = ("training_seg_15.nii.gz", "training_seg_16.nii.gz")
TABLE = Path(__file__).parents[1] / "trainer" / "configs" / "labels" / "freesurfer_head.yaml"
NAMES = tuple(FSE)
UNSEEN = tuple(name for name in NAMES if name not in FSE_TRAINING)
SEED = 2_024
HEALTHY_SPREAD = (0.02, 0.04, 0.05)  # of PD, T1 and T2: ten volunteers of one age


def unit(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The image with its 99.5th percentile inside the patient as 1."""
    return image / max(float(np.percentile(image[inside], 99.5)), 1e-6)


def score(image: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """PSNR in dB and SSIM of a slice to its truth, data range 1, whole slice."""
    if np.isnan(image).any():
        return np.nan, np.nan
    image, truth = unit(image, inside), unit(truth, inside)
    error = float(np.mean((image - truth) ** 2))
    similarity = structural_similarity(
        image, truth, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return -10 * np.log10(max(error, 1e-10)), float(similarity)


def simulated_slices(data: Path, samples: int) -> SimulatedContrasts:
    """Axial slices of held-out healthy heads of one scanner in the nine sequences, brain-extracted, with shading corrected."""
    table = LabelTable.read(TABLE)
    heads = [read_label_map(data / "brain" / "synthseg_labels" / name, table) for name in HELD_OUT]
    config = SimulationConfig(
        size=144,
        axial_share=1.0,
        sequences=NAMES,
        stripped_probability=1.0,
        thick_probability=0.0,
        lesion_probability=0.0,
        tissue_spread=HEALTHY_SPREAD,
        texture=(0.002, 0.01),
        noise=0.03,
        bias=0.1,
        sequence_spread=0.0,
        gamma=0.0,
    )
    return SimulatedContrasts(heads, config, SEED, samples)


Drawer = Callable[[Tensor], np.ndarray]


def any_to_any(network: nn.Module) -> Drawer:
    """Images (source, target, H, W) of nine scans (9, 2c + 1, H, W), each in each of the nine sequences."""

    def draw(scans: Tensor) -> np.ndarray:
        images = []
        for scan, source in zip(scans, FSE.values(), strict=True):
            code = network.encode(scan[None], source)
            images.append(torch.cat([network.decode(code, target)[0] for target in FSE.values()]))
        return torch.stack(images).float().numpy()

    return draw


def one_to_one(network: nn.Module, source: str, target: str) -> Drawer:
    """The same with NaN for all but the one pair that the network was trained for."""

    def draw(scans: Tensor) -> np.ndarray:
        images = np.full((len(NAMES), len(NAMES), *scans.shape[-2:]), np.nan, np.float32)
        row, column = NAMES.index(source), NAMES.index(target)
        images[row, column] = network(scans[row][None])[0, 0].float().numpy()
        return images

    return draw


def drawer_of_run(run: Path) -> Drawer:
    """What a training has learned, without making a package of it."""
    config = read_saved_config(run)
    recipe = build_recipe(config)
    load_average(run, recipe)
    network = recipe.networks[recipe.main].eval()
    if hasattr(network, "encode"):
        return any_to_any(network)
    return one_to_one(network, *config.simulation.sequences)


def simulations(data: Path, drawers: dict[str, Drawer], samples: int) -> dict:
    """Tables of PSNR and SSIM, source by target, and their means over seen and unseen sequences."""
    pairs = simulated_slices(data, samples)
    found: dict[str, list] = {name: [] for name in (*drawers, "histogram-matching")}
    for index in range(samples):
        item = pairs[index]
        inside = item["truths"].amax(dim=(0, 1)).numpy() > 0.02
        truths = item["truths"][:, 0].numpy()
        middles = item["scans"][:, item["scans"].shape[1] // 2].numpy()
        with torch.inference_mode():
            drawn = {name: draw(item["scans"]) for name, draw in drawers.items()}
        drawn["histogram-matching"] = np.stack(
            [[matched(source, truth, inside) for truth in truths] for source in middles]
        )
        for name, images in drawn.items():
            found[name].append(
                [
                    [score(image, truth, inside) for image, truth in zip(row, truths, strict=True)]
                    for row in images
                ]
            )
        print(f"slice {index + 1} of {samples}", file=sys.stderr)
    return {name: tables(np.array(scores)) for name, scores in found.items()}


def tables(scores: np.ndarray) -> dict:
    """From scores (slices, source, target, 2): the tables and their means; the diagonal is its own figure."""
    mean = scores.mean(axis=0)
    seen = np.array([name in FSE_TRAINING for name in NAMES])
    others = ~np.eye(len(NAMES), dtype=bool)
    groups = {
        "seen_to_seen": seen[:, None] & seen[None] & others,
        "seen_to_unseen": seen[:, None] & ~seen[None],
        "unseen_to_seen": ~seen[:, None] & seen[None],
        "identity": np.eye(len(NAMES), dtype=bool) & seen[:, None],
    }
    groups |= {f"seen_to_{name}": seen[:, None] & (np.array(NAMES) == name)[None] for name in UNSEEN}
    drawn = ~np.isnan(mean[..., 0])
    figures = {
        metric: {
            f"{NAMES[row]} {NAMES[column]}": round(float(mean[row, column, place]), digits)
            for row, column in np.argwhere(drawn)
        }
        for place, (metric, digits) in enumerate((("psnr_db", 2), ("ssim", 3)))
    }
    if drawn.all():
        for place, metric in enumerate(("psnr_db", "ssim")):
            figures[f"mean_{metric}"] = {
                group: round(float(mean[which, place].mean()), 3) for group, which in groups.items()
            }
    return figures


def patients(data: Path, models: dict[str, Package], pictures: Path | None) -> dict:
    """All six ordered pairs of T1, T2, FLAIR of each patient, zero-shot."""
    folder = data / "brain" / "openms_mni"
    cases = []
    for patient in PATIENTS:
        scans = {name: read_volume(folder / patient / f"{name}.nii.gz") for name in CONTRASTS}
        brain = scans["T1"].array != 0
        truths = {name: scaled(scan, brain, level(scan)) for name, scan in scans.items()}
        for name, model in models.items():
            taken = {contrast: estimate(scan, model) for contrast, scan in scans.items()}
            for source in CONTRASTS:
                targets = [contrast for contrast in CONTRASTS if contrast != source]
                started = time.perf_counter()
                results = synthesize(
                    [replace(scans[source], acquisition=taken[source][0])],
                    model,
                    [taken[target][0] for target in targets],
                )
                seconds = time.perf_counter() - started
                for target, result in zip(targets, results, strict=True):
                    output = scaled(result.image, brain, level(result.image))
                    case = {"patient": patient, "model": name, "source": source, "target": target}
                    case |= compare(output, truths[target], brain) | {"seconds_for_two": round(seconds, 1)}
                    case |= {"estimated": {"source": taken[source][1], "target": taken[target][1]}}
                    cases.append(case)
                    print(json.dumps(case), file=sys.stderr)
                    if pictures is not None:
                        title = f"{name}_{patient}_{source}_{target}"
                        save_picture(pictures, title, truths[source], output, truths[target])
        for source, target in itertools.permutations(CONTRASTS, 2):
            image = matched(truths[source], truths[target], brain)
            case = {"patient": patient, "model": "histogram-matching", "source": source, "target": target}
            cases.append(case | compare(image, truths[target], brain))
    names = [*models, "histogram-matching"]
    means = {
        name: {
            metric: round(float(np.mean([case[metric] for case in cases if case["model"] == name])), 3)
            for metric in ("psnr_db", "ssim", "psnr_db_in_brain", "ssim_in_brain", "flicker_ratio")
        }
        for name in names
    }
    return {"mean": means, "cases": cases}


def live(repeats: int = 15) -> dict:
    """Milliseconds to render three slices of 256 x 256, and a volume of 256 x 256 x 128, from an encoding."""
    generator = np.random.default_rng(0)
    shape = (128, 256, 256)

    def maps(low: float, high: float) -> np.ndarray:
        return generator.uniform(low, high, shape).astype(np.float32)

    encoding = Encoding(
        pd=maps(0, 100),
        r1_per_s=maps(0.2, 3),
        r2_per_s=maps(1, 25),
        log_sd=np.zeros((3, *shape), np.float16),
        residual=np.zeros((0, *shape), np.int8),
        gain=None,
        greatest_residual=0.3,
        affine=np.eye(4),
        sources=(Acquisition(),),
        model_name="none@0.0.0",
    )
    planes = [np.s_[64:65, :, :], np.s_[:, 128:129, :], np.s_[:, :, 128:129]]
    figures = {}
    for name in ("T2w", "FLAIR", "MPRAGE"):
        target = preset_acquisition(name)
        figures[name] = {
            "three_slices_ms": _milliseconds(
                lambda target=target: [encoding.render(target, plane) for plane in planes], repeats
            ),
            "volume_ms": _milliseconds(lambda target=target: encoding.render(target), repeats),
        }
    return figures


def _milliseconds(work, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="ids or folders of packages")
    parser.add_argument("--samples", type=int, default=24, help="simulated slices")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the patients")
    parser.add_argument("--only", choices=["simulations", "patients", "live"], help="one part alone")
    parser.add_argument(
        "--runs", type=Path, nargs="*", default=[], help="folders of trainings to compare with"
    )
    arguments = parser.parse_args()
    packages = [load_package(find(name)) for name in arguments.models]
    models = {package.card.id: package for package in packages}
    drawers = {name: any_to_any(model.network) for name, model in models.items()}
    drawers |= {run.name: drawer_of_run(run) for run in arguments.runs}
    parts = {
        "simulations": lambda: simulations(arguments.data, drawers, arguments.samples),
        "patients": lambda: patients(arguments.data, models, arguments.pictures),
        "live": live,
    }
    wanted = [arguments.only] if arguments.only else list(parts)
    print(json.dumps({name: parts[name]() for name in wanted}, indent=2))


if __name__ == "__main__":
    main()
