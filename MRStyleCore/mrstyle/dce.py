"""Enhancement of dynamic series: taken away, added, or that of a frame, and how far a series can be trusted for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

import numpy as np
from skimage.registration import phase_cross_correlation

from .engine.device import choose
from .engine.dynamic import SeriesMethod, Style, draw_frames, slice_axis
from .engine.plan import Plan, first_plan, run_down
from .engine.prepared import Prepared
from .engine.report import Progress, Reporter
from .errors import InputError
from .history import array_sha256, versions
from .methods.spatiotemporal import ENHANCEMENTS, WINDOW
from .metrics.enhancement import ENHANCEMENT_THRESHOLD, mean_gain
from .models.package import Package
from .series import Series
from .volume import to_canonical

_THRESHOLD = ENHANCEMENT_THRESHOLD / 255
_LEAST_SHARE = 0.002  # of the patient that enhances, or nothing does
_FADING_SHARE = 3.0  # so many times more voxels that fade than enhance: the bolus came before the first frame
_MOVED_MM = 8.0
_BRIGHT = 0.3  # of the patient's brightest


@dataclass(frozen=True)
class Enhancement:
    """What a series shows of a contrast agent, in units of the 99.5th percentile of its first frame.

    Attributes:
        gain: mean over time of I_t - I_0, (k, j, i).
        curve: mean over the enhanced voxels of I_t - I_0, (T,); over the patient where none enhances.
        share: of the patient that enhances.
        fading: share of the patient that gets darker by as much.
    """

    gain: np.ndarray
    curve: np.ndarray
    share: float
    fading: float

    @property
    def is_there(self) -> bool:
        """Whether anything enhances."""
        return self.share >= _LEAST_SHARE

    @property
    def peak(self) -> int:
        """The frame that is enhanced most."""
        return int(np.argmax(self.curve))

    def is_enhanced(self, frame: int) -> bool:
        """Whether a frame is, compared to the first."""
        return bool(self.is_there and self.curve[frame] > 0.25 * self.curve.max())


@dataclass(frozen=True)
class Like:
    """A frame whose enhancement is wanted, counted from 0; None is the one that is enhanced most."""

    series: Series
    frame: int | None = None


@dataclass(frozen=True)
class Look:
    """A frame whose enhancement is taken, and the decoder, of `ENHANCEMENTS`, that draws it."""

    series: Series
    frame: int
    enhancement: str


@dataclass(frozen=True)
class EnhancementResult:
    """A series with other enhancement.

    Attributes:
        series: at the places, times and intensities of the content.
        before: what the content shows.
        sidecar: how it was made.
        notes: what the user should know.
    """

    series: Series
    before: Enhancement
    sidecar: dict[str, Any]
    notes: list[str]


def enhancement_of(series: Series) -> Enhancement:
    """What a series shows of a contrast agent.

    Raises:
        InputError: its first frame is empty.
    """
    prepared = Prepared.of(series.frame(0), 1, may_be_slice=True)
    scaled = (series.frames - prepared.intensity.offset) / prepared.intensity.scale
    mask = prepared.restore(prepared.mask.astype(np.float32)) > 0.5
    # The patient is where any frame is bright: before the bolus, vessels are as dark as air.
    mask |= scaled.mean(axis=0) > _THRESHOLD
    difference = scaled[1:] - scaled[0]
    gain = mean_gain(scaled)
    enhanced = mask & (gain > _THRESHOLD)
    inside = enhanced if enhanced.any() else mask
    curve = np.concatenate([[0.0], difference[:, inside].mean(axis=1)])
    count = max(int(mask.sum()), 1)
    fading = float((mask & (gain < -_THRESHOLD)).sum() / count)
    return Enhancement(gain.astype(np.float32), curve, float(enhanced.sum() / count), fading)


def motion_mm(series: Series) -> float:
    """How far the middle slice moves against the first frame, at most, in mm; rigid, in plane, by its edges."""
    canonical = to_canonical(series.grid)
    spacing_kji = canonical.spacing_mm[::-1]
    axis = slice_axis(canonical.array.shape, (spacing_kji[0], spacing_kji[1], spacing_kji[2]))
    in_plane = [mm for index, mm in enumerate(spacing_kji) if index != axis]

    def edges(frame: np.ndarray) -> np.ndarray:
        image = to_canonical(series.grid.with_array(frame)).array
        rows, columns = np.gradient(np.take(image, image.shape[axis] // 2, axis=axis))
        strength: np.ndarray = np.hypot(rows, columns)
        return strength / max(float(strength.max()), 1e-6)

    first = edges(series.frames[0])
    shifts = [
        phase_cross_correlation(first, edges(frame), upsample_factor=4)[0] for frame in series.frames[1:]
    ]
    return float(np.linalg.norm(np.array(shifts) * in_plane, axis=1).max())


def check_series(series: Series) -> tuple[Enhancement, list[str]]:
    """What a series shows, and what the user should know of it.

    Raises:
        InputError: it has fewer frames than the network sees, or the agent was there before the first one.
    """
    if len(series.frames) < WINDOW:
        raise InputError(
            f"The series {series.name} has {len(series.frames)} frames; this needs at least {WINDOW}."
        )
    seen = enhancement_of(series)
    if seen.fading > max(_LEAST_SHARE, _FADING_SHARE * seen.share):
        raise InputError(
            f"The first frame of {series.name} is enhanced already ({seen.fading:.0%} of the patient fades from it on); give "
            "a series that begins before the bolus."
        )
    notes = []
    if (moved := motion_mm(series)) > _MOVED_MM:
        notes.append(
            f"{series.name} moves by up to {moved:.0f} mm between frames; what looks like enhancement may be motion. Align "
            "the frames first."
        )
    return seen, notes


def transfer_enhancement(
    series: Series,
    model: Package,
    target: str | Like,
    *,
    device: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> EnhancementResult:
    """Give every frame of a series one state of enhancement.

    Args:
        series: the content, from before the bolus on.
        model: a package of the method ``spatiotemporal``.
        target: "baseline", as the first frame; "enhanced", as the frame that is enhanced most; or `Like` a frame of another
            series.
        device: "auto", "cpu", "cuda" or "mps".
        progress: is told how far it is.
        cancel: asked several times a second; True ends the run.

    Raises:
        InputError: the series or the target is not usable (`check_series`), or the model is of another kind.
        Cancelled: ``cancel`` said so.
        OutOfMemory: it does not fit into memory.
    """
    check_model(model)
    if isinstance(target, str) and target not in ENHANCEMENTS:
        raise InputError(f"Unknown enhancement {target!r}; choose {' or '.join(ENHANCEMENTS)}.")
    report = Reporter(progress, cancel)
    report.at("reading the series", 0.0)
    seen, notes = check_series(series)
    for note in notes:
        report.tell(note)
    look = _look_of(series, seen, target)
    drawn, plan = draw(series, model, [look], range(len(series.frames)), device, report)
    sidecar = {
        "Description": "Synthesized: no scanner took these frames with this enhancement.",
        "MRStyle": record(series, model, look, plan),
    }
    report.at("done", 1.0)
    return EnhancementResult(
        series.with_frames(drawn[0], f"{series.name} ({look.enhancement})"), seen, sidecar, notes
    )


def check_model(model: Package) -> None:
    """Refuse a model that is not for this.

    Raises:
        InputError: it is of another kind.
    """
    if "enhancement" not in model.card.target_kinds:
        raise InputError(
            f"The model {model.card.id} does not change enhancement; choose one that was trained for it."
        )


def draw(
    series: Series,
    model: Package,
    looks: Sequence[Look],
    times: Sequence[int],
    device: str,
    report: Reporter,
) -> tuple[np.ndarray, Plan]:
    """Frames ``times`` (rising) of a series in several looks, (looks, times, k, j, i) in the series' intensities, and how.

    Raises:
        InputError: the series or a style is not usable.
        Cancelled: the user asked to stop.
        OutOfMemory: it does not fit into memory.
    """
    size = model.card.accepts.minimum_size_voxels
    content, frames, mask = prepared_frames(series, size)
    styles = [(_style(look, size), look.enhancement) for look in looks]
    chosen, reason = choose(device)
    if device == "auto":
        report.tell(f"Device: {reason}")

    def work(plan: Plan) -> np.ndarray:
        return draw_frames(
            cast(SeriesMethod, model.network),
            frames,
            mask,
            content.spacing_kji_mm,
            styles,
            times,
            plan,
            lambda share: report.at("translating", 0.03 + 0.95 * share),
        )

    outputs, plan = run_down(first_plan(chosen), work, report.tell)
    restored = [
        [content.restore(content.intensity.inverse(np.maximum(frame, 0))) for frame in of_look]
        for of_look in outputs
    ]
    return np.array(restored), plan


def prepared_frames(series: Series, minimum_size: int) -> tuple[Prepared, np.ndarray, np.ndarray]:
    """A series as a network sees it: its first frame prepared, all frames (T, k, j, i) on the scale of that one, and the
    patient, bool (k, j, i), all canonical.

    Raises:
        InputError: the first frame is empty, or smaller than ``minimum_size`` voxels.
    """
    first = Prepared.of(series.frame(0), minimum_size, may_be_slice=True)
    canonical = np.stack([to_canonical(series.frame(index)).array for index in range(len(series.frames))])
    frames = first.intensity.forward(canonical)
    # What is bright at any time is the patient, too: before the bolus, a vessel may be as dark as air.
    return first, frames, first.mask | (frames.max(axis=0) > _BRIGHT)


def record(series: Series, model: Package, look: Look, plan: Plan) -> dict[str, Any]:
    """How frames of a series were drawn, as JSON."""
    style = look.series
    return {
        "model": model.card.name,
        "weights_sha256": model.weights_sha256,
        "enhancement": look.enhancement,
        "style": {
            "name": style.name,
            "frame": look.frame,
            "sha256": array_sha256(style.frames[look.frame]),
        },
        "content": {"name": series.name, "sha256": array_sha256(series.frames)},
        "device": str(plan.device),
        "precision": plan.precision,
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _style(look: Look, minimum_size: int) -> Style:
    """A look as the engine takes it, on the scale of the first frame of its series."""
    first = Prepared.of(look.series.frame(0), minimum_size, may_be_slice=True)
    frame = to_canonical(look.series.frame(look.frame)).array
    return first.intensity.forward(frame), first.mask, first.spacing_kji_mm


def _look_of(series: Series, seen: Enhancement, target: str | Like) -> Look:
    if target == "baseline":
        return Look(series, 0, "baseline")
    if isinstance(target, str):
        check_enhances(series, seen)
        return Look(series, seen.peak, "enhanced")
    other = enhancement_of(target.series)
    frame = other.peak if target.frame is None else target.frame
    check_frame(target.series, frame)
    return Look(target.series, frame, "enhanced" if other.is_enhanced(frame) else "baseline")


def check_enhances(series: Series, seen: Enhancement) -> None:
    """Refuse a series without enhancement as a model of it.

    Raises:
        InputError: it shows none.
    """
    if not seen.is_there:
        raise InputError(
            f"The series {series.name} shows no enhancement to take as a model; give a frame of another one that does."
        )


def check_frame(series: Series, frame: int) -> None:
    """Refuse a frame that a series does not have.

    Raises:
        InputError: there is none of that number.
    """
    if not 0 <= frame < len(series.frames):
        raise InputError(
            f"{series.name} has frames 0 to {len(series.frames) - 1}, not {frame}; choose one of them."
        )
