"""Enhancement taken away from and added to dynamic series: simulated people with known truth, real scans, speed.

    python benchmarks/dce.py DATA --model PACKAGE [--runs RUN ...] [--people 6]
        [--only simulated kinetics speed breast structure] > result.json

Simulated people are those from seed 20,000 on, whom no training or validation sees. RUN are folders of trainings
(`mrstyle-train fit`) by trainer/configs/comparators/dce-*.yaml of the model's body: MUNIT, CycleGAN and StyleGAN3, which
change each frame, and of volumes each slice, for itself.

- ``simulated``: each series is made ``baseline`` and ``enhanced`` (as its own most enhanced frame). The columns of the source:
  PSNR and style CW-SSIM to the style frame, SSIM, MS-SSIM and content CW-SSIM to the content; mean and standard deviation over
  people. Where truth is known: PSNR and SSIM to it, and the normalized root mean square error of the time-intensity curve of
  the enhanced region. Row ``unchanged`` is the series as it is, row ``truth`` what a perfect method would reach. All
  intensities have the data range that is the 99.5th percentile of the series; no mask. ``flicker`` is how much more static
  tissue (that does not enhance) jumps between frames than in the input.
- ``kinetics``: enhancement is taken away from series of people who hold their breath, and each frame gets its own back. The
  extended Tofts model is fitted to curves of organs: error of Ktrans, as a share of that fitted to the series without noise,
  and error of the curves. Row ``unchanged`` is the noisy series: what the fit alone errs by.
- ``speed``: seconds for a series of 100 frames of 256 x 256 after loading.
- ``breast``: ``dce_breast_invivo`` in DATA, with a breast model: enhancement removed, and added back to that.
- ``structure``: kidneys of ``kidney_ukat`` and ``kidney_molli_mdreg`` in DATA, with a kidney model: one image of each scan
  as the content, a frame of a simulated series before or after its bolus as the style. How much of the image's structure is
  left (`dce_tables.structure_ssim`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from dce_comparators import Comparator, Ours, Target, given_back
from dce_tables import Figures, kinetic_scores, scores, structure_ssim, summary
from patients import save_picture
from scipy import io

from mrstyle.dce import Like, enhancement_of, transfer_enhancement
from mrstyle.engine.prepared import Prepared
from mrstyle.methods.spatiotemporal import WINDOW
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.dce_bodies import BODIES
from mrstyle.physics.dce_phantom import DCEPhantom, Protocol, dce_phantom
from mrstyle.qa.series import series_quality
from mrstyle.series import Series, read_series
from mrstyle.volume import Volume, read_volume

FIRST_PERSON = 20_000
PROTOCOLS = {
    "kidney": Protocol(np.arange(0, 160, 1.6), breathing_mm=8.0),
    "prostate": Protocol(np.arange(0, 240, 6.0), breathing_mm=1.0),
    "breast": Protocol(
        np.arange(0, 410, 16.43), repetition_time_ms=7.9, flip_angle_deg=20.0, breathing_mm=2.0
    ),
}
HELD_BREATH = {
    "kidney": Protocol(np.arange(0, 160, 4.0), breathing_mm=0.0),
    "prostate": Protocol(np.arange(0, 240, 8.0), breathing_mm=0.0),
    "breast": Protocol(
        np.arange(0, 410, 16.43), repetition_time_ms=7.9, flip_angle_deg=20.0, breathing_mm=0.0
    ),
}
SCALE = 1000.0
KIDNEYS = {
    "ukat T1": ("kidney_ukat/t1/philips_2/00901__.nii.gz", -1),
    "ukat T2": ("kidney_ukat/t2/philips_1/01501__Multi_echo_10_echos_180_RFP_e1.nii.gz", None),
    "ukat T2* Philips": (
        "kidney_ukat/r2star/philips/01401__Kidney_T2star_m-FFE_3x3x5_SPIR_volume_inphase_e1.nii.gz",
        None,
    ),
    "ukat T2* Siemens": ("kidney_ukat/r2star/siemens/00025__bh3x_r2star_inphase_volume_e1.nii.gz", None),
    "molli": ("kidney_molli_mdreg/kidney_molli_8TI.nii.gz", -1),
}

Methods = list[Ours | Comparator]
Rows = dict[str, dict[str, dict[str, float]]]


def series_of(frames: np.ndarray, body: DCEPhantom, times_s: np.ndarray, name: str) -> Series:
    """Frames of a phantom as a file would have them."""
    return Series(SCALE * frames, Volume(SCALE * frames[0], body.affine, name), times_s, name)


def simulated(name: str, methods: Methods, people: int, pictures: Path | None) -> dict[str, Rows]:
    """Both directions, of people whom nobody has seen."""
    rows: dict[str, dict[str, list[Figures]]] = {}
    for seed in range(FIRST_PERSON, FIRST_PERSON + people):
        body = dce_phantom(name, seed)
        scan = body.scan(PROTOCOLS[name])
        made = body.series(PROTOCOLS[name])
        content = series_of(made.frames, body, made.times_s, f"{name} {seed}")
        seen = enhancement_of(content)
        states = np.array([seen.is_enhanced(frame) for frame in range(len(made.frames))])
        peak = scan.concentration[seen.peak]
        truths = {
            "baseline": made.baseline,
            "enhanced": np.stack([scan.clean(frame, peak) for frame in range(len(made.frames))]),
        }
        styles = {"baseline": 0, "enhanced": seen.peak}
        targets = [Target(content, frame, direction) for direction, frame in styles.items()]
        outputs = {"unchanged": [content, content]}
        outputs |= {method.name: method.draw(content, states, targets) for method in methods}
        for number, (direction, style) in enumerate(styles.items()):
            wanted = series_of(truths[direction], body, made.times_s, f"{direction} truth")
            drawn = {row: series[number] for row, series in outputs.items()}
            for row, series in (drawn | {"truth": wanted}).items():
                figures = scores(series, content, wanted, style)
                rows.setdefault(direction, {}).setdefault(row, []).append(figures)
            if pictures is not None:
                frame = seen.peak if direction == "baseline" else 0
                unit = float(np.percentile(content.frames, 99))
                images = [shown(each.frames[frame]) / unit for each in (*drawn.values(), wanted)]
                save_picture(pictures, f"{name}-{seed}-{direction}", *images)
        print(f"{name} {seed}", file=sys.stderr)
    return {
        direction: {row: summary(table) for row, table in by_row.items()}
        for direction, by_row in rows.items()
    }


def kinetics(name: str, methods: Methods, people: int) -> Rows:
    """Enhancement taken away and given back frame by frame, and Ktrans of the result."""
    rows: dict[str, list[Figures]] = {}
    for seed in range(FIRST_PERSON, FIRST_PERSON + people):
        body = dce_phantom(name, seed)
        scan = body.scan(HELD_BREATH[name])
        made = body.series(HELD_BREATH[name])
        content = series_of(made.frames, body, made.times_s, f"{name} {seed}")
        truth = SCALE * np.stack([scan.clean(frame) for frame in range(len(made.frames))])
        seen = enhancement_of(content)
        states = np.array([seen.is_enhanced(frame) for frame in range(len(made.frames))])
        rows.setdefault("unchanged", []).append(kinetic_scores(content.frames, truth, scan))
        for method in methods:
            (removed,) = method.draw(content, states, [Target(content, 0, "baseline")])
            back = given_back(method, removed, content)
            rows.setdefault(method.name, []).append(kinetic_scores(back.frames, truth, scan))
        print(f"kinetics of {name} {seed}", file=sys.stderr)
    return {row: summary(table) for row, table in rows.items()}


def shown(frame: np.ndarray) -> np.ndarray:
    """A frame (k, j, i) as slices, of which the middle one makes a picture."""
    return np.squeeze(frame)[None] if 1 in frame.shape else frame


def speed(model: Package) -> dict[str, object]:
    """A long series of large frames, the second time."""
    name = model.card.accepts.body_part
    shape = tuple(256 if size > 16 else size for size in BODIES[name][1])
    body = dce_phantom(name, FIRST_PERSON, (shape[0], shape[1], shape[2]), 1.4)
    protocol = Protocol(np.arange(0, 200, 2.0))
    made = body.series(protocol)
    content = series_of(made.frames, body, made.times_s, "speed")
    short = Series(content.frames[:6], content.grid, content.times_s[:6], "warm")
    transfer_enhancement(short, model, "baseline", device="cpu")
    started = time.perf_counter()
    transfer_enhancement(content, model, "baseline", device="cpu")
    return {"frames": list(content.frames.shape), "seconds": round(time.perf_counter() - started, 1)}


def breast(data: Path, model: Package, pictures: Path | None) -> dict[str, object]:
    """A real series: enhancement removed, and every frame's own state given back."""
    known = io.loadmat(data / "body" / "dce_breast_invivo" / "invivo.mat")
    frames = np.asarray(known["DCEdata"], np.float32)[:, ::-1, ::-1, None]  # upward, forward
    content = Series(
        np.ascontiguousarray(frames),
        Volume(frames[0], np.diag([5.0, 1.0, 1.0, 1.0]), "breast"),
        known["t"].ravel(),
        "breast",
    )
    seen = enhancement_of(content)
    removed = transfer_enhancement(content, model, "baseline", device="cpu").series
    added = np.stack(
        [
            transfer_enhancement(removed, model, Like(content, frame), device="cpu").series.frames[frame]
            for frame in range(len(frames))
        ]
    )
    back = content.with_frames(added, "added back")
    region = seen.gain > np.quantile(seen.gain, 0.99)
    curve, truth = (each.frames[:, region].mean(axis=1) for each in (back, content))
    if pictures is not None:
        unit = float(np.percentile(content.frames, 99.5))
        images = [shown(each.frames[-1]) / unit for each in (content, removed, back)]
        save_picture(pictures, "breast-invivo", *images)
    return {
        "content_cw_ssim_removed": round(float(series_quality(removed, content).content.mean()), 4),
        "content_cw_ssim_added_back": round(float(series_quality(back, content).content.mean()), 4),
        "curve_nrmse": round(float(np.sqrt(np.mean((curve - truth) ** 2)) / truth.mean()), 4),
        "region": "the hundredth of voxels with the highest mean difference from the first frame",
    }


def structure(data: Path, methods: Methods, pictures: Path | None) -> dict[str, dict[str, dict[str, float]]]:
    """Real kidneys in the style of a simulated series before and after its bolus."""
    body = dce_phantom("kidney", FIRST_PERSON)
    made = body.series(PROTOCOLS["kidney"])
    style = series_of(made.frames, body, made.times_s, "style")
    targets = [Target(style, 0, "baseline"), Target(style, enhancement_of(style).peak, "enhanced")]
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name, (path, frame) in KIDNEYS.items():
        image = anatomy(data / "body" / path, frame)
        content = Series(
            np.repeat(image.array[None], WINDOW, axis=0), image, np.arange(WINDOW, dtype=np.float64), name
        )
        prepared = Prepared.of(image, 1, may_be_slice=True)
        inside = prepared.restore(prepared.mask.astype(np.float32)) > 0.5
        images = [image.array]
        for method in methods:
            drawn = method.draw(content, np.zeros(WINDOW, bool), targets)
            middles = [each.frames[WINDOW // 2] for each in drawn]
            rows.setdefault(method.name, {})[name] = {
                target.enhancement: round(structure_ssim(middle, image.array, inside), 4)
                for target, middle in zip(targets, middles, strict=True)
            }
            images += middles
        if pictures is not None:
            unit = float(np.percentile(image.array[inside], 99.5))
            save_picture(
                pictures, f"structure-{name.replace('*', 'star')}", *(each / unit for each in images)
            )
        print(name, file=sys.stderr)
    for by_scan in rows.values():
        by_scan["mean"] = {
            direction: round(float(np.mean([each[direction] for each in by_scan.values()])), 4)
            for direction in ("baseline", "enhanced")
        }
    return rows


def anatomy(path: Path, frame: int | None) -> Volume:
    """A scan, or one image of a series; slices first."""
    if frame is None:
        return read_volume(path)
    series = read_series(path, interval_s=1.0)
    image = series.grid.with_array(series.frames[frame])
    # Unsigned numbers that a file holds as signed ones: what is brightest has become negative.
    return image.with_array(np.where(image.array < 0, image.array + 2.0**16, image.array).astype(np.float32))


def main() -> None:
    """Run what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True, help="id or folder of a package")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="trainings of comparators")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument(
        "--only",
        nargs="+",
        default=["simulated", "speed"],
        choices=["simulated", "kinetics", "speed", "breast", "structure"],
    )
    parser.add_argument("--pictures", type=Path, help="folder for pictures: content, outputs, truth")
    arguments = parser.parse_args()
    model = load_package(find(arguments.model))
    body = model.card.accepts.body_part
    methods: Methods = [Ours(model), *(Comparator(run) for run in arguments.runs)]
    for run, method in zip(arguments.runs, methods[1:], strict=True):
        if method.body != body:
            parser.error(f"{run} was trained on another body than the model's, {body}")
    parts = {
        "simulated": lambda: simulated(body, methods, arguments.people, arguments.pictures),
        "kinetics": lambda: kinetics(body, methods, arguments.people),
        "speed": lambda: speed(model),
        "breast": lambda: breast(arguments.data, model, arguments.pictures),
        "structure": lambda: structure(arguments.data, methods, arguments.pictures),
    }
    json.dump({name: parts[name]() for name in arguments.only}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
