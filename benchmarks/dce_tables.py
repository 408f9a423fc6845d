"""The figures of series with other enhancement: the columns of the source, curves, Ktrans, and structure."""

from __future__ import annotations

import numpy as np

from mrstyle.metrics.gaussian_ssim import local_similarity
from mrstyle.metrics.image import ms_ssim, psnr, ssim
from mrstyle.physics.dce_phantom import BASELINE_S, DCEScan
from mrstyle.physics.kinetics import arriving, concentration_of, fitted
from mrstyle.qa.series import series_quality
from mrstyle.series import Series

ORGANS = {
    "kidney": ("renal_cortex", "renal_medulla", "liver", "spleen"),
    "prostate": ("peripheral_zone", "transition_zone", "prostate_lesion"),
    "breast": ("gland", "breast_lesion"),
}
PURE_SHARE = 0.9  # of a tissue in a voxel that counts for its curve
LEAST_VOXELS = 12

Figures = dict[str, float]


def summary(table: list[Figures]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each figure over the people who have it."""
    keys = dict.fromkeys(key for each in table for key in each)
    values = {key: [each[key] for each in table if key in each] for key in keys}
    return {
        key: {"mean": round(float(np.mean(known)), 4), "sd": round(float(np.std(known)), 4)}
        for key, known in values.items()
    }


def scores(output: Series, content: Series, truth: Series, style: int) -> Figures:
    """Means over the frames of one series."""
    quality = series_quality(output, content, style)
    unit = quality.data_range
    frames = [np.squeeze(each.frames) / unit for each in (output, content, truth)]
    target = frames[1][style]
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
        "flicker": flicker(output, content, static),
    }


def flicker(output: Series, content: Series, where: np.ndarray) -> float:
    """Mean jump between frames, of the input's."""
    jumps = [np.abs(np.diff(each.frames[:, where], axis=0)).mean() for each in (output, content)]
    return float(jumps[0] / max(jumps[1], 1e-6))


def ktrans_of(frames: np.ndarray, scan: DCEScan) -> dict[str, float]:
    """Ktrans per minute by tissue: the linear fit of the extended Tofts model to the mean curve of its voxels.

    T1 before the bolus and the arterial curve, which a scanner would have to measure, are the phantom's own; NaN where the
    curve cannot be that of any concentration, or of the model. ``frames`` (T, k, j, i) are of people who hold their breath.
    """
    body, protocol = scan.phantom, scan.protocol
    times_s = np.asarray(protocol.times_s, np.float64)
    before = times_s < BASELINE_S
    known = next(names for names in ORGANS.values() if names[0] in body.names)
    found = {}
    for tissue, name, share in zip(body.tissues, body.names, body.shares, strict=True):
        where = share > PURE_SHARE
        if name not in known or where.sum() < LEAST_VOXELS:
            continue
        curve = frames[:, where].mean(axis=1, dtype=np.float64)
        concentration = concentration_of(
            curve,
            max(curve[before].mean(), 1e-6),
            tissue.t1_ms[protocol.field_strength_t >= 2.2],
            repetition_time_ms=protocol.repetition_time_ms,
            flip_angle_deg=protocol.flip_angle_deg,
        )
        plasma = arriving(scan.plasma, times_s, tissue.delay_s, tissue.dispersion_s)
        found[name] = float(fitted(times_s, concentration, plasma).ktrans_per_min)
    return found


def kinetic_scores(frames: np.ndarray, truth: np.ndarray, scan: DCEScan) -> Figures:
    """How far Ktrans is from that of the noise-free series ``truth``, by tissue and in the mean over tissues.

    A tissue whose Ktrans is off by its own value or more, or that no model fits, counts as 1. Also how far the noise-free one
    is from that of the phantom, where the phantom's tissues follow the model that is fitted.
    """
    right, made = ktrans_of(truth, scan), ktrans_of(frames, scan)
    errors = {name: _share(made[name], right[name]) for name in right}
    tofts = {
        name: tissue.exchange_per_min
        for name, tissue in zip(scan.phantom.names, scan.phantom.tissues, strict=True)
        if name in right and tissue.flow_per_min is None
    }
    curves = []
    for name, share in zip(scan.phantom.names, scan.phantom.shares, strict=True):
        if name in right:
            curve, wanted = (each[:, share > PURE_SHARE].mean(axis=1) for each in (frames, truth))
            curves.append(float(np.sqrt(np.mean((curve - wanted) ** 2)) / wanted.mean()))
    figures = {"ktrans_error": float(np.mean(list(errors.values()))), "curve_nrmse": float(np.mean(curves))}
    if tofts:
        figures["ktrans_error_of_truth"] = float(
            np.mean([_share(right[name], known) for name, known in tofts.items()])
        )
    return figures | {f"ktrans_error_{name}": error for name, error in errors.items()}


def _share(value: float, right: float) -> float:
    return min(abs(value - right) / abs(right), 1.0) if np.isfinite(value) and np.isfinite(right) else 1.0


def structure_ssim(output: np.ndarray, content: np.ndarray, inside: np.ndarray) -> float:
    """Mean over ``inside`` of the contrast and structure term of SSIM, without that of luminance, between images (n, H, W).

    Both are scaled by their own 99.5th percentile inside, so that enhancement as such, which makes an image brighter, costs
    nothing; edges that go, come or move do.
    """
    images = [image / max(float(np.percentile(image[inside], 99.5)), 1e-6) for image in (output, content)]
    maps = [
        local_similarity(made[None], real[None], data_range=1.0, luminance=False)[0]
        for made, real in zip(*images, strict=True)
    ]
    return float(np.stack(maps)[inside].mean())
