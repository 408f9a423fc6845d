"""What fine-tuning on one real patient brings for another one of the same scanner.

    python benchmarks/finetune.py DATA [--model ID] [--steps N] [--sequence T1=MPRAGE ...] [--pictures FOLDER] > result.json

DATA is a folder with patient19 and patient26 of Lesjak et al. (Neuroinformatics 16:51, 2018; CC-BY): T1, T2, FLAIR on one
grid. The model is fine-tuned on one patient by `mrstyle-train fit` with the settings of trainer/configs/finetune-example.yaml,
exported, and tested on the other patient, whom it did not see; then the other way around. Nothing is chosen by the tested
patient: the last step counts.

Sequence parameters are not recorded there. They are estimated from the images of the patient trained on, unless --sequence
gives them, as the name of a preset or as family,TR,TE[,TI][,flip angle] in ms and degrees; both models are told the same.

Protocol: that of benchmarks/contrast_synthesis.py. Each image is scaled by its own 99.5th percentile in the brain, so the data
range is 1. The baseline is histogram matching to the true target, which no method may see.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from patients import CONTRASTS, PATIENTS, compare, level, matched, save_picture, scaled

from mrstyle.acquisition import Acquisition, entered, required
from mrstyle.bids_sidecar import to_bids
from mrstyle.errors import InputError, MRStyleError
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.presets import preset_acquisition
from mrstyle.synthesize import estimate, synthesize
from mrstyle.volume import Volume, read_volume, write_volume

EXAMPLE = Path(__file__).parents[1] / "trainer" / "configs" / "finetune-example.yaml"
SUFFIXES = {"T1": "T1w", "T2": "T2w", "FLAIR": "FLAIR"}
BASELINE = "histogram-matching"
METRICS = ("psnr_db", "ssim", "psnr_db_in_brain", "ssim_in_brain")


def given_sequence(text: str) -> tuple[str, Acquisition]:
    """``T1=MPRAGE`` or ``T1=spin_echo,600,10``.

    Raises:
        InputError: no such contrast, preset or family, or values that do not go together.
    """
    contrast, _, value = text.partition("=")
    if contrast not in CONTRASTS:
        raise InputError(
            f"{text!r} is not of one of the contrasts {', '.join(CONTRASTS)}, such as T1=MPRAGE."
        )
    if "," not in value:
        return contrast, preset_acquisition(value)
    family, *numbers = value.split(",")
    names = required(family)
    try:
        values = [float(number) for number in numbers]
    except ValueError as error:
        raise InputError(f"{text!r} holds something else than numbers after the family.") from error
    if len(numbers) != len(names):
        raise InputError(
            f"{family} takes {len(names)} values after its name ({', '.join(names)}), not {value!r}."
        )
    return contrast, entered(family, **dict(zip(names, values, strict=True)))


def fine_tuned(
    scans: dict[str, dict[str, Volume]],
    sequences: dict[str, Acquisition],
    model: Package,
    trained: str,
    steps: int | None,
) -> tuple[Package, float]:
    """The model fine-tuned on one patient as a user would do it, and the seconds that took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for patient, volumes in scans.items():
            for contrast, volume in volumes.items():
                path = (
                    folder
                    / "bids"
                    / subject(patient)
                    / "anat"
                    / f"{subject(patient)}_{SUFFIXES[contrast]}.nii.gz"
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                write_volume(volume, path)
                sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
                sidecar.write_text(json.dumps(to_bids(sequences[contrast])))
        (tested,) = (patient for patient in scans if patient != trained)
        content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
        content |= {"recipe": model.card.method, "initial": str(model.folder.resolve())}
        content["data"] = {
            "kind": "aligned",
            "folder": str(folder / "bids"),
            "training": [subject(trained)],
            "validation": [subject(tested)],
        }
        if steps is not None:
            content["loop"]["steps"] = steps
        network = model.network
        content["simulation"] |= {"context": network.context, "pixel_mm": list(network.pixel_range_mm)}
        (folder / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        started = time.perf_counter()
        train("fit", str(folder / "config.yaml"), "-o", str(folder / "run"))
        seconds = time.perf_counter() - started
        train("export", str(folder / "run"), str(folder / "package"))
        return load_package(folder / "package"), seconds


def train(*arguments: str) -> None:
    """Run ``mrstyle-train``; what it prints goes to standard error."""
    subprocess.run([sys.executable, "-m", "mrstyle_trainer", *arguments], check=True, stdout=sys.stderr)


def subject(patient: str) -> str:
    """``patient19`` as BIDS names it."""
    return patient.replace("patient", "sub-")


def cases_of(
    patient: str,
    scans: dict[str, Volume],
    sequences: dict[str, Acquisition],
    models: dict[str, Package],
    pictures: Path | None,
) -> Iterator[dict]:
    """All six ordered pairs, by each model and by histogram matching."""
    brain = scans["T1"].array != 0
    truths = {name: scaled(scan, brain, level(scan)) for name, scan in scans.items()}
    for source in CONTRASTS:
        targets = [contrast for contrast in CONTRASTS if contrast != source]
        scan = replace(scans[source], acquisition=sequences[source])
        images = {BASELINE: [matched(truths[source], truths[target], brain) for target in targets]}
        for name, model in models.items():
            results = synthesize([scan], model, [sequences[target] for target in targets])
            images[name] = [scaled(result.image, brain, level(result.image)) for result in results]
        for name, drawn in images.items():
            for target, image in zip(targets, drawn, strict=True):
                case = {"patient": patient, "model": name, "source": source, "target": target}
                yield case | compare(image, truths[target], brain)
                if pictures is not None:
                    title = f"{patient}_{source}_{target}_{name}"
                    save_picture(pictures, title, truths[source], image, truths[target])


def run(
    data: Path,
    model: Package,
    given: dict[str, Acquisition],
    steps: int | None,
    pictures: Path | None,
) -> dict:
    """Both directions, with the means of each model and what fine-tuning brings."""
    scans = {
        patient: {name: read_volume(data / patient / f"{name}.nii.gz") for name in CONTRASTS}
        for patient in PATIENTS
    }
    cases: list[dict] = []
    directions = []
    for trained, tested in (PATIENTS, PATIENTS[::-1]):
        sequences = {
            name: given[name] if name in given else estimate(scan, model)[0]
            for name, scan in scans[trained].items()
        }
        tuned, seconds = fine_tuned(scans, sequences, model, trained, steps)
        models = {"zero_shot": model, "fine_tuned": tuned}
        for case in cases_of(tested, scans[tested], sequences, models, pictures):
            cases.append(case)
            print(json.dumps(case), file=sys.stderr)
        directions.append(
            {
                "trained_on": trained,
                "tested_on": tested,
                "training": tuned.card.training.description,
                "fit_seconds": round(seconds, 1),
                "sequences": {name: acquisition.as_dict() for name, acquisition in sequences.items()},
                "sequences_from": {name: "given" if name in given else "estimated" for name in sequences},
            }
        )
    return {"model": model.card.name, "directions": directions, "mean": means(cases), "cases": cases}


def means(cases: list[dict]) -> dict:
    """Of each model over all cases, and by ordered pair of contrasts."""
    models = list(dict.fromkeys(case["model"] for case in cases))

    def mean(model: str, metric: str, pair: tuple[str, str] | None = None) -> float:
        values = [
            case[metric]
            for case in cases
            if case["model"] == model and pair in (None, (case["source"], case["target"]))
        ]
        return round(float(np.mean(values)), 3)

    overall = {model: {metric: mean(model, metric) for metric in METRICS} for model in models}
    gain = {
        metric: round(overall["fine_tuned"][metric] - overall["zero_shot"][metric], 3) for metric in METRICS
    }
    pairs = {
        f"{pair[0]} to {pair[1]}": {model: mean(model, "psnr_db", pair) for model in models}
        for pair in itertools.permutations(CONTRASTS, 2)
    }
    return overall | {"gain_by_fine_tuning": gain, "psnr_db_by_pair": pairs}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="contrast-relaxometry", help="id or folder of a package")
    parser.add_argument("--steps", type=int, help="of fine-tuning; default: those of the example")
    parser.add_argument("--sequence", action="append", default=[], help="T1=MPRAGE or T1=spin_echo,600,10")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of each case")
    arguments = parser.parse_args()
    try:
        given = dict(map(given_sequence, arguments.sequence))
        model = load_package(find(arguments.model))
        result = run(arguments.data, model, given, arguments.steps, arguments.pictures)
    except MRStyleError as error:
        raise SystemExit(f"finetune: {error}") from None
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
