"""Enhancement taken away from and added to dynamic series: simulated people with known truth, a real series, speed.

    python benchmarks/dce.py DATA --model PACKAGE [--people 6] [--only simulated speed breast] > result.json

Simulated people are those from seed 20,000 on, whom no training or validation sees.

- ``simulated``: each series is made ``baseline`` and ``enhanced`` (as its own most enhanced frame). The columns of the source:
  PSNR and style CW-SSIM to the style frame, SSIM, MS-SSIM and content CW-SSIM to the content; mean and standard deviation over
  people. Where truth is known: PSNR and SSIM to it, and the normalized root mean square error of the time-intensity curve of
  the enhanced region. Row ``unchanged`` is the series as it is. All intensities have the data range that is the 99.5th
  percentile of the series; no mask.
- ``flicker``: how much more static tissue (that does not enhance) jumps between frames than in the input.
- ``speed``: seconds for a series of 100 frames of 256 x 256 after loading.
- ``breast``: ``dce_breast_invivo`` in DATA, with a breast model: enhancement removed, and added back to that.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from patients import save_picture
from scipy import io

from mrstyle.dce import Like, enhancement_of, transfer_enhancement
from mrstyle.metrics.image import ms_ssim, psnr, ssim
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.physics.dce_bodies import BODIES
from mrstyle.physics.dce_phantom import DCEPhantom, Protocol, dce_phantom
from mrstyle.qa.series import series_quality
from mrstyle.series import Series
from mrstyle.volume import Volume

FIRST_PERSON = 20_000
PROTOCOLS = {
    "kidney": Protocol(np.arange(0, 160, 1.6), breathing_mm=8.0),
    "prostate": Protocol(np.arange(0, 240, 6.0), breathing_mm=1.0),
    "breast": Protocol(
        np.arange(0, 410, 16.43), repetition_time_ms=7.9, flip_angle_deg=20.0, breathing_mm=2.0
    ),
}
SCALE = 1000.0


def series_of(frames: np.ndarray, body: DCEPhantom, times_s: np.ndarray, name: str) -> Series:
    """Frames of a phantom as a file would have them."""
    return Series(SCALE * frames, Volume(SCALE * frames[0], body.affine, name), times_s, name)


def simulated(model: Package, people: int, pictures: Path | None) -> dict[str, object]:
    """Both directions, of people whom nobody has seen."""
    name = model.card.accepts.body_part
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for seed in range(FIRST_PERSON, FIRST_PERSON + people):
        body = dce_phantom(name, seed)
        scan = body.scan(PROTOCOLS[name])
        made = body.series(PROTOCOLS[name])
        content = series_of(made.frames, body, made.times_s, f"{name} {seed}")
        seen = enhancement_of(content)
        peak = scan.concentration[seen.peak]
        truths = {
            "baseline": made.baseline,
            "enhanced": np.stack([scan.clean(frame, peak) for frame in range(len(made.frames))]),
        }
        for direction, truth in truths.items():
            wanted = series_of(truth, body, made.times_s, f"{direction} truth")
            style = 0 if direction == "baseline" else seen.peak
            result = transfer_enhancement(content, model, direction, device="cpu")
            for row, output in (("unchanged", content), (model.card.id, result.series)):
                figures = scores(output, content, wanted, style)
                rows.setdefault(direction, {}).setdefault(row, []).append(figures)
            if pictures is not None:
                frame = seen.peak if direction == "baseline" else 0
                images = [each.frames[frame] for each in (content, result.series, wanted)]
                unit = float(np.percentile(content.frames, 99))
                save_picture(
                    pictures, f"{name}-{seed}-{direction}", *(shown(image) / unit for image in images)
                )
        print(f"{name} {seed}", file=sys.stderr)
    return {
        direction: {
            row: {
                key: {
                    "mean": round(float(np.mean([each[key] for each in table])), 4),
                    "sd": round(float(np.std([each[key] for each in table])), 4),
                }
                for key in table[0]
            }
            for row, table in by_row.items()
        }
        for direction, by_row in rows.items()
    }


def shown(frame: np.ndarray) -> np.ndarray:
    """A frame (k, j, i) as slices, of which the middle one makes a picture."""
    return np.squeeze(frame)[None] if 1 in frame.shape else frame


def scores(output: Series, content: Series, truth: Series, style: int) -> dict[str, float]:
    """Means over the frames of one series."""
    quality = series_quality(output, content, style)
    unit = quality.data_range
    frames = [np.squeeze(each.frames) / unit for each in (output, content, truth)]
    target = frames[1][style]
    count = len(frames[0])
    pairs = list(zip(*frames, strict=True))
    static = ~quality.enhanced & (content.frames.mean(axis=0) > 0.1 * unit)
    region = quality.enhanced
    curve, wanted = (each.frames[:, region].mean(axis=1) for each in (output, truth))
    assert quality.style is not None
    return {
        "psnr_to_style_db": float(
            np.mean([min(psnr(made, target, data_range=1.0, mask=None), 99.0) for made, _, _ in pairs])
        ),
        "ssim_to_content": float(
            np.mean([ssim(made, real, data_range=1.0, mask=None) for made, real, _ in pairs])
        ),
        "ms_ssim_to_content": float(
            np.mean([ms_ssim(made, real, data_range=1.0, mask=None) for made, real, _ in pairs])
        ),
        "content_cw_ssim": float(quality.content.mean()),
        "style_cw_ssim": float(quality.style.mean()),
        "psnr_to_truth_db": float(
            np.mean([min(psnr(made, right, data_range=1.0, mask=None), 99.0) for made, _, right in pairs])
        ),
        "ssim_to_truth": float(
            np.mean([ssim(made, right, data_range=1.0, mask=None) for made, _, right in pairs])
        ),
        "curve_nrmse": float(np.sqrt(np.mean((curve - wanted) ** 2)) / max(wanted.mean(), 1e-6)),
        "flicker": flicker(output, content, static) if count > 1 else 1.0,
    }


def flicker(output: Series, content: Series, where: np.ndarray) -> float:
    """Mean jump between frames, of the input's."""
    jumps = [np.abs(np.diff(each.frames[:, where], axis=0)).mean() for each in (output, content)]
    return float(jumps[0] / max(jumps[1], 1e-6))


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


def main() -> None:
    """Run what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True, help="id or folder of a package")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument(
        "--only", nargs="+", default=["simulated", "speed"], choices=["simulated", "speed", "breast"]
    )
    parser.add_argument("--pictures", type=Path, help="folder for pictures: content, output, truth")
    arguments = parser.parse_args()
    model = load_package(find(arguments.model))
    parts = {
        "simulated": lambda: simulated(model, arguments.people, arguments.pictures),
        "speed": lambda: speed(model),
        "breast": lambda: breast(arguments.data, model, arguments.pictures),
    }
    json.dump({name: parts[name]() for name in arguments.only}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
