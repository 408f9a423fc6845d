"""Quantitative data: what the maps are worth, and what a fit from half of a series says about the other half.

    python benchmarks/quantitative.py DATA [--model FOLDER] > result.json

DATA holds two sets.

- brain/mpm_wias, the example of the R package qMRI (Polzehl & Tabelow, WIAS Berlin): FLASH echoes (TR 25 ms, TE 2.3 to
  18.4 ms) with PD weighting (flip angle 6 degrees) and T1 weighting (21 degrees), and maps of R1, R2*, PD and B1. The echoes
  were computed by its authors from maps of a real scan, with noise: the maps are the truth, the echoes are not a scanner's.
  From the PD-weighted echoes alone, maps are made, and from them the T1-weighted image. One flip angle does not tell R1: it
  comes from the model, if one is named, or from what is stated for the variant.
- body/kidney_ukat and body/kidney_molli_mdreg: real kidneys, T2, T2* and T1 series. Every second point is fitted, the others
  are predicted. People breathe between the points, so neighbors differ by more than noise.

Errors are over the stated mask and, where normalized, in units of the stated data range.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import convolve, gaussian_filter
from skimage.filters import threshold_otsu

from mrstyle.acquisition import Acquisition, from_bids
from mrstyle.errors import InputError
from mrstyle.metrics.image import psnr
from mrstyle.models.catalogue import find
from mrstyle.models.package import load_package
from mrstyle.physics.fit import Maps, fit
from mrstyle.physics.recovery import fit_recovery
from mrstyle.volume import Volume, read_mask, read_volume

ECHO_TIMES_MS = tuple(2.3 * (echo + 1) for echo in range(8))
PDW_FLIP_DEG, T1W_FLIP_DEG = 6.0, 21.0
# CSF, gray and white matter at 3 T in 1/s, rounded from what such maps say (Weiskopf et al., Front Neurosci 7:95, 2013).
TISSUE_R2_STAR, TISSUE_R1 = (2.0, 15.0, 21.0), (0.25, 0.61, 1.04)
R2_STAR_SMOOTHING_VOXELS = 1.5
TISSUES_BY_R1 = {"csf_like": (0.0, 0.45), "gray_like": (0.5, 0.8), "white_like": (0.85, 2.0)}
CONSTANT_R1 = 0.8

# Not in the sidecar: inversion times of ukat's loader for this scan, and the delay from slice to slice.
KIDNEY_TI_MS, KIDNEY_SLICE_DELAY_MS = tuple(100.0 * (point + 1) for point in range(18)), 53.7
# Not recorded either: the usual 5(3)3 scheme at a heart rate of 60. The prediction depends on ratios of differences alone.
MOLLI_TI_MS = (100.0, 180.0, 1100.0, 1180.0, 2100.0, 2180.0, 3100.0, 4100.0)
LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[
    None
]  # the square root of its sum of squares is 6


def flash(flip_deg: float) -> list[Acquisition]:
    """The eight echoes of one weighting."""
    return [Acquisition("spoiled_gradient_echo", 25, echo, None, flip_deg, 3.0) for echo in ECHO_TIMES_MS]


class Flips:
    """Fits and signals where the flip angle is the nominal one times B1 (relative, voxels), in steps of one percent."""

    def __init__(self, name: str, b1: np.ndarray) -> None:
        self.name = name
        steps = np.round(b1, 2)
        self.groups = [(float(step), steps == step) for step in np.unique(steps)]

    def fit(self, signals: np.ndarray, acquisitions: list[Acquisition], prior: Maps, noise_sd: float) -> Maps:
        """Maps of the voxels of ``signals`` (n, voxels)."""
        found = np.empty((6, signals.shape[1]), np.float32)
        for step, here in self.groups:
            local = Maps(*(part[here] if np.ndim(part) else part for part in fields(prior)))
            found[:, here] = fields(
                fit(signals[:, here], turned(acquisitions, step), prior=local, noise_sd=noise_sd)
            )
        return Maps(*found)

    def signals(self, maps: Maps, acquisitions: list[Acquisition]) -> np.ndarray:
        """(acquisitions, voxels)."""
        images = np.empty((len(acquisitions), len(maps.pd)), np.float32)
        for step, here in self.groups:
            local = Maps(*(part[here] if np.ndim(part) else part for part in fields(maps)))
            for index, each in enumerate(turned(acquisitions, step)):
                images[index, here] = local.signal(each)
        return images


def fields(maps: Maps) -> tuple:
    return maps.pd, maps.r1_per_s, maps.r2_per_s, maps.sd_log_pd, maps.sd_log_r1, maps.sd_log_r2


def turned(acquisitions: list[Acquisition], factor: float) -> list[Acquisition]:
    return [replace(each, flip_angle_deg=each.flip_angle_deg * factor) for each in acquisitions]


def told(r1_per_s: np.ndarray | float) -> Maps:
    """A prior that says R1 for certain and nothing else."""
    return Maps(1.0, r1_per_s, 1.0, np.inf, 0.0, np.inf)


NOTHING_TOLD = Maps(1.0, 1.0, 1.0, np.inf, np.inf, np.inf)


def rounded(number: float) -> float | None:
    """Four digits; None for what is not finite, which JSON does not know."""
    return float(f"{number:.4g}") if np.isfinite(number) else None


def agreement(found: np.ndarray, reference: np.ndarray, reference_r1: np.ndarray) -> dict:
    """Pearson r and bias of a map, everywhere and in tissues by their reference R1."""
    result = {}
    for name, (low, high) in {"all": (0.0, np.inf), **TISSUES_BY_R1}.items():
        here = (reference_r1 >= low) & (reference_r1 < high)
        x, y = found[here].astype(np.float64), reference[here].astype(np.float64)
        r = rounded(np.corrcoef(x, y)[0, 1]) if x.std() > 1e-6 * abs(x.mean()) else None
        means = {
            "bias_percent": rounded(100 * (x.mean() / y.mean() - 1)),
            "mean_reference": rounded(y.mean()),
        }
        result[name] = {"r": r, **means, "voxels": int(here.sum())}
    return result


def r1_of_r2_star(r2_star: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """R1 of the tissue whose R2* is that of a voxel and, by a Gaussian, of those around it in the mask."""
    spread = np.zeros((2, *inside.shape))
    spread[0, inside], spread[1, inside] = np.log(r2_star.clip(3, 80)), 1
    smooth, weight = (gaussian_filter(part, R2_STAR_SMOOTHING_VOXELS)[inside] for part in spread)
    return np.interp(np.exp(smooth / weight), TISSUE_R2_STAR, TISSUE_R1)


@dataclass
class Phantom:
    """Echoes and true maps of mpm_wias in its mask."""

    inside: np.ndarray
    truth: Maps
    pdw: list[Volume]
    t1w: np.ndarray
    flips: tuple[Flips, Flips]

    @classmethod
    def read(cls, folder: Path) -> Phantom:
        inside = read_mask(folder / "mask.nii.gz").array > 0.5

        def values(name: str) -> np.ndarray:
            return read_volume(folder / f"{name}.nii.gz").array[inside]

        pdw = [
            replace(read_volume(folder / f"pdw_{echo + 1}.nii.gz"), acquisition=acquisition)
            for echo, acquisition in enumerate(flash(PDW_FLIP_DEG))
        ]
        t1w = np.stack([values(f"t1w_{echo + 1}") for echo in range(8)])
        truth = Maps(values("PDmap"), values("R1map"), values("R2starmap"), 0, 0, 0)
        b1 = values("B1map") / 100
        real, nominal = Flips("flip angles by the B1 map", b1), Flips("nominal flip angles", np.ones_like(b1))
        return cls(inside, truth, pdw, t1w, (nominal, real))

    @property
    def echoes(self) -> np.ndarray:
        return np.stack([volume.array[self.inside] for volume in self.pdw])


def mpm(folder: Path, model: str | None) -> dict:
    """Maps and T1-weighted images from PD-weighted echoes, against the maps that the echoes were computed from."""
    data = Phantom.read(folder)
    _, real = data.flips
    expected, pdw = real.signals(data.truth, flash(T1W_FLIP_DEG)), data.echoes
    noise_sd = float(np.std(data.t1w - expected))
    targets = {
        "first_echo": data.t1w[0],
        "mean_of_echoes": data.t1w.mean(axis=0),
        "first_echo_without_noise": expected[0],
    }
    ranges = {name: float(np.percentile(target, 99.5)) for name, target in targets.items()}

    def synthesized(echoes: np.ndarray) -> dict:
        plain, scaled = {}, {}
        for name, target in targets.items():
            image = echoes.mean(axis=0) if name == "mean_of_echoes" else echoes[0]
            gain = np.float32((image * target).sum() / (image * image).sum())
            for result, factor in ((plain, np.float32(1)), (scaled, gain)):
                result[name] = rounded(
                    psnr((image * factor)[None], target[None], data_range=ranges[name], mask=None)
                )
        return {"t1w_psnr_db": plain, "t1w_psnr_db_after_one_gain": scaled}

    def judge(maps: Maps, flips: Flips) -> dict:
        r1, r2_star = data.truth.r1_per_s, data.truth.r2_per_s
        agreements = {
            "r1": agreement(maps.r1_per_s, r1, r1),
            "r2_star": agreement(maps.r2_per_s, r2_star, r1),
        }
        return synthesized(flips.signals(maps, flash(T1W_FLIP_DEG))) | agreements

    variants: dict[str, dict] = {}
    for flips in data.flips:
        constant = flips.fit(pdw, flash(PDW_FLIP_DEG), told(CONSTANT_R1), noise_sd)
        variants[f"PDw, R1 {CONSTANT_R1}/s everywhere; {flips.name}"] = judge(constant, flips)
        related = told(r1_of_r2_star(constant.r2_per_s, data.inside))
        maps = flips.fit(pdw, flash(PDW_FLIP_DEG), related, noise_sd)
        variants[f"PDw, R1 from smoothed R2* by tissue means; {flips.name}"] = judge(maps, flips)
        maps = flips.fit(pdw, flash(PDW_FLIP_DEG), told(data.truth.r1_per_s), noise_sd)
        variants[f"PDw, the true R1 told, each voxel by itself; {flips.name}"] = judge(maps, flips)
        both = flash(PDW_FLIP_DEG) + flash(T1W_FLIP_DEG)
        maps = flips.fit(np.concatenate([pdw, data.t1w]), both, NOTHING_TOLD, noise_sd)
        variants[f"PDw and T1w: sees the target, checks the physics; {flips.name}"] = judge(maps, flips)
    if model is not None:
        try:
            prior, drawn = by_model(data, model)
        except InputError as error:
            variants["PDw, model"] = {"error": str(error)}
        else:
            variants["PDw, model, drawn by it; nominal flip angles"] = synthesized(drawn)
            for flips in data.flips:
                variants[f"PDw, maps of the model; {flips.name}"] = judge(prior, flips)
                maps = flips.fit(pdw, flash(PDW_FLIP_DEG), prior, noise_sd)
                variants[f"PDw, maps of the model as prior of a fit; {flips.name}"] = judge(maps, flips)
    return {
        "data": "echoes computed by the authors of the data from maps of a real scan, with noise",
        "mask": f"mask.nii.gz, {int(data.inside.sum())} voxels",
        "data_range": {name: f"{value:.0f}, 99.5th percentile in the mask" for name, value in ranges.items()},
        "noise_sd_of_an_echo": rounded(noise_sd),
        "bound: T1w of the true maps": synthesized(expected)["t1w_psnr_db"],
        "variants": variants,
    }


def by_model(data: Phantom, model: str) -> tuple[Maps, np.ndarray]:
    """Maps of a model that sees the PD-weighted echoes, and the T1-weighted echoes (8, voxels) that it draws."""
    from mrstyle.synthesize import encode

    encoding = encode(data.pdw, load_package(find(model)))
    # Its errors are much the same in all echoes, and do not shrink as those of independent scans would.
    spreads = np.sqrt(len(data.pdw)) * encoding.log_sd.astype(np.float32)
    maps = (encoding.pd, encoding.r1_per_s, encoding.r2_per_s, *spreads)
    drawn = np.stack([encoding.render(each)[data.inside] for each in flash(T1W_FLIP_DEG)])
    return Maps(*(part[data.inside] for part in maps)), drawn


def noise_of(series: np.ndarray, inside: np.ndarray) -> float:
    """Noise of a series (points, k, j, i), from what is rough in space in how a point differs from its neighbors in time.

    Too small where a scanner has interpolated its images.
    """
    off = series[1:-1] - (series[:-2] + series[2:]) / 2
    rough = np.stack([convolve(each, LAPLACIAN) for each in off])[:, inside]
    return float(1.4826 * np.median(np.abs(rough)) / 6 / np.sqrt(1.5))


def linear(series: np.ndarray, times: np.ndarray, kept: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The held points on straight lines through their neighbors that were kept; the last may lie beyond."""
    result = np.empty_like(series[held])
    for index, point in enumerate(held):
        after = min(int(np.searchsorted(times[kept], times[point])), len(kept) - 1)
        a, b = kept[after - 1], kept[after]
        result[index] = series[a] + (series[b] - series[a]) * (times[point] - times[a]) / (
            times[b] - times[a]
        )
    return result


class Series:
    """Points (n, k, j, i) over a time, of which every second one is predicted by methods that fitted the others."""

    def __init__(self, series: np.ndarray, times_ms: np.ndarray) -> None:
        mean = series.mean(axis=0)
        self.inside = mean > threshold_otsu(mean)
        self.series, self.times = series, times_ms
        self.kept, self.held = np.arange(0, len(series), 2), np.arange(1, len(series), 2)
        self.range = float(np.percentile(series[:, self.inside], 99.5))
        self.noise = noise_of(series, self.inside)
        self.errors = {"linear between neighbors": self.error(linear(series, times_ms, self.kept, self.held))}

    def error(self, predicted: np.ndarray) -> dict:
        off = (predicted - self.series[self.held])[:, self.inside].astype(np.float64)
        rmse = float(np.sqrt((off**2).mean()))
        each = np.sqrt((off**2).mean(axis=1)) / self.range
        return {
            "nrmse": rounded(rmse / self.range),
            "rmse_over_noise": rounded(rmse / self.noise),
            "median_error": rounded(np.median(np.abs(off)) / self.range),
            "nrmse_of_each_point": [rounded(value) for value in each],
        }

    def report(self) -> dict:
        return {
            "fitted_times_ms": [rounded(time) for time in self.times[self.kept]],
            "predicted_times_ms": [rounded(time) for time in self.times[self.held]],
            "mask": f"above Otsu's threshold of the mean over the series, {int(self.inside.sum())} voxels",
            "data_range": f"{self.range:.0f}, 99.5th percentile of the series in the mask",
            "noise_sd_over_range": rounded(self.noise / self.range),
            "errors": self.errors,
        }


def echo_series(folder: Path) -> dict:
    """T2 or T2* from echoes with their sidecars; R1 is the same for all echoes and held, it does not matter."""
    points = []
    for path in sorted(folder.glob("*.nii.gz")):
        acquisition = from_bids(path.with_name(path.name.replace(".nii.gz", ".json")))
        if acquisition.family is None:  # m-FFE of Philips, whose sidecar does not say that it is spoiled
            acquisition = replace(acquisition, family="spoiled_gradient_echo")
        points.append((acquisition, read_volume(path).array))
    points.sort(key=lambda point: point[0].echo_time_ms)
    acquisitions = [acquisition for acquisition, _ in points]
    data = Series(
        np.stack([array for _, array in points]), np.array([each.echo_time_ms for each in acquisitions])
    )

    def by_fit(kept: np.ndarray) -> np.ndarray:
        maps = fit(data.series[kept], [acquisitions[point] for point in kept], prior=told(1.0))
        return np.stack([maps.signal(acquisitions[point]) for point in data.held])

    data.errors["fit of half"] = data.error(by_fit(data.kept))
    data.errors["fit of half without the first echo"] = data.error(by_fit(data.kept[1:]))
    data.errors["fit of all, which saw the points"] = data.error(by_fit(np.arange(len(points))))
    return data.report()


def four_dimensional(path: Path, dtype: type) -> np.ndarray:
    """(points, k, j, i) of a NIfTI file."""
    array = np.asanyarray(nib.load(path).dataobj)
    return np.transpose(array if dtype is np.float32 else array.view(dtype)).astype(np.float32)


def recovery_series(path: Path) -> dict:
    """T1 by inversion recovery with a spin-echo EPI readout; slices come one after the other."""
    series, times = four_dimensional(path, np.float32), np.array(KIDNEY_TI_MS)
    data = Series(series, times)
    sidecar = from_bids(path.with_name(path.name.replace(".nii.gz", ".json")))

    def by_efficiency(points: np.ndarray, k: int, late: np.ndarray) -> np.ndarray:
        found = fit_recovery(series[points, k], late[points])
        return np.stack([found.signal(late[point]) for point in data.held])

    def by_signal_equation(points: np.ndarray, k: int, late: np.ndarray) -> np.ndarray:
        taken = [
            replace(sidecar, family="inversion_recovery", inversion_time_ms=float(time)) for time in late
        ]
        maps = fit(
            series[points, k], [taken[point] for point in points], prior=Maps(1, 1, 10, np.inf, np.inf, 0)
        )
        return np.stack([maps.signal(taken[point]) for point in data.held])

    methods = {"efficiency free": by_efficiency, "signal equation, perfect inversion": by_signal_equation}
    for name, method in methods.items():
        for points, what in ((data.kept, "fit of half"), (np.arange(18), "fit of all, which saw the points")):
            slices = [method(points, k, times + k * KIDNEY_SLICE_DELAY_MS) for k in range(series.shape[1])]
            data.errors[f"{what}, {name}"] = data.error(np.stack(slices, axis=1))
    return data.report()


def molli(path: Path) -> dict:
    """T1 by MOLLI. The file holds unsigned values as signed ones."""
    times = np.array(MOLLI_TI_MS)
    data = Series(four_dimensional(path, np.uint16), times)
    for points, what in ((data.kept, "fit of half"), (np.arange(8), "fit of all, which saw the points")):
        found = fit_recovery(data.series[points], times[points], look_locker=True)
        data.errors[what] = data.error(np.stack([found.signal(times[point]) for point in data.held]))
    return data.report()


def run(data: Path, model: str | None) -> dict:
    started = time.perf_counter()
    kidney = data / "body" / "kidney_ukat"
    result = {
        "mpm_wias": mpm(data / "brain" / "mpm_wias" / "extdata", model),
        "kidney_t2_philips": echo_series(kidney / "t2" / "philips_1"),
        "kidney_t2_star_siemens": echo_series(kidney / "r2star" / "siemens"),
        "kidney_t2_star_philips": echo_series(kidney / "r2star" / "philips"),
        "kidney_t1_inversion_recovery_philips": recovery_series(
            kidney / "t1" / "philips_2" / "00901__.nii.gz"
        ),
        "kidney_molli": molli(data / "body" / "kidney_molli_mdreg" / "kidney_molli_8TI.nii.gz"),
    }
    return result | {"seconds": round(time.perf_counter() - started, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="id or folder of a relaxometry package")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.data, arguments.model), indent=2))


if __name__ == "__main__":
    main()
