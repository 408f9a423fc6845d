"""One generated volume against what it was made from: numbers for a table, maps for overlays.

Contrasts and scanners have no common intensity unit, so each volume is scaled by its own 99.5th percentile in
the mask before anything is compared; the data range of every number is then 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ..engine.report import Progress, Reporter
from ..errors import InputError
from ..intensity import IntensityMap, foreground_mask
from ..metrics import contrast_weighted, image
from ..volume import Volume, check_volume
from .registration import registered

DATA_RANGE = "99.5th percentile in mask = 1"
MAP_NAMES = (
    "cw_ssim_content",
    "cw_ssim_style",
    "cw_ssim_weights",
    "difference_content",
    "difference_reference",
    "ssim_reference",
)
_ROWS_OF_CONTENT, _ROWS_OF_REFERENCE = 10, 5


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        metric: what was measured, e.g. "SSIM".
        value: None when it could not be measured or is infinite; the note says why.
        unit: "dB", or "" for a plain number.
        against: "reference", "content" or "style"; "" for a measure of the generated volume alone.
        data_range: how intensities were scaled.
        mask: which voxels were averaged.
        note: what a reader must know to judge the number, or "".
    """

    metric: str
    value: float | None
    unit: str
    against: str
    data_range: str
    mask: str
    note: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Rows for a table, and maps by name, float32 on the generated volume's grid."""

    rows: list[Row]
    maps: dict[str, Volume]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data without NaN or infinity: the rows, and the names of the maps."""
        return {"rows": [asdict(row) for row in self.rows], "maps": sorted(self.maps)}


def evaluate(
    generated: Volume,
    *,
    content: Volume | None = None,
    style: Volume | None = None,
    reference: Volume | None = None,
    mask: Volume | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Evaluation:
    """Measure a generated volume against whatever is known about it.

    Args:
        generated: the volume to judge.
        content: what it was made from, on its grid.
        style: the volume whose look it took. It may show another person, on the same grid or another one, so it is
            registered (affine) first; a row's note tells how far it was moved.
        reference: the true image of that contrast, on the generated volume's grid.
        mask: voxels above 0.5 count, on that grid; None: the foreground of the content, else of the
            reference, else of the generated volume.
        progress: is told how far it is, once a measure.
        cancel: asked before each measure, and several times a second in the registration; True ends the run.

    Returns:
        PSNR, SSIM, MS-SSIM and NMI against the reference; SSIM, NMI, contrast-weighted SSIM and flicker
        against the content; contrast-weighted SSIM against the style; the blur of each. The maps of
        ``MAP_NAMES`` ("cw_ssim_weights" are those of the content), as far as they exist.

    Raises:
        InputError: a volume is not usable, is on another grid, or the mask is empty.
        Cancelled: ``cancel`` said so.
    """
    report = Reporter(progress, cancel)
    report.at("measuring quality", 0.0)
    given = {"generated": generated, "content": content, "reference": reference, "style": style}
    for role, volume in given.items():
        if volume is not None:
            check_volume(volume)
            if role != "style":
                _require_grid(volume, generated, role)
    inside, mask_name = _mask(generated, content, reference, mask)
    expected_rows = (
        1 + _ROWS_OF_CONTENT * (content is not None) + _ROWS_OF_REFERENCE * (reference is not None)
    )
    case = _Case(generated, _scaled(generated, inside), inside, mask_name, report, expected_rows, [], {})
    true = None if reference is None else _scaled(reference, inside)
    if true is not None:
        _compare_reference(case, true)
    if content is not None:
        source = _scaled(content, inside)
        _compare_content(case, source)
        _weigh_contrast(case, source, true, style)
        case.add_blur("blur of content", source)
    elif style is not None:
        case.add_missing("CW-SSIM style", "style", "needs the content, which tells where contrast changed")
    if true is not None:
        case.add_blur("blur of reference", true)
    case.add_blur("blur", case.array)
    return Evaluation(case.rows, case.maps)


@dataclass(frozen=True, eq=False)
class _Case:
    """The generated volume with its scaled array, the mask, and what is found about it."""

    generated: Volume
    array: np.ndarray
    mask: np.ndarray
    mask_name: str
    report: Reporter
    expected_rows: int
    rows: list[Row]
    maps: dict[str, Volume]

    def add(
        self,
        metric: str,
        against: str,
        measure: Callable[[], float],
        *,
        unit: str = "",
        note: str = "",
        infinite: str = "",
    ) -> None:
        """Add a row; where the measure does not apply or is infinite, its note gives the reason."""
        self.at_next_row()
        value: float | None = None
        try:
            value = measure()
        except InputError as error:
            note = str(error)
        if value == math.inf:
            value, note = None, f"infinite: {infinite}"
        self.rows.append(Row(metric, value, unit, against, DATA_RANGE, self.mask_name, note))

    def at_next_row(self) -> None:
        """Tell how far the evaluation is.

        Raises:
            Cancelled: the user asked to stop.
        """
        self.report.at("measuring quality", min(len(self.rows) / self.expected_rows, 1.0))

    def compared(
        self, measure: Callable[..., float], other: np.ndarray, **options: Any
    ) -> Callable[[], float]:
        """A measure of the generated array against another one, to be called without arguments."""
        return partial(measure, self.array, other, data_range=1.0, mask=self.mask, **options)

    def add_missing(self, metric: str, against: str, note: str) -> None:
        self.rows.append(Row(metric, None, "", against, DATA_RANGE, self.mask_name, note))

    def add_blur(self, metric: str, array: np.ndarray) -> None:
        self.add(
            metric, "", lambda: image.blur(array, mask=self.mask), note="0 sharp, 1 blurred; noise lowers it"
        )

    def add_map(self, name: str, array: np.ndarray, outside: float = 0.0) -> None:
        """Keep a map; outside of the mask, where nothing was measured, it says that nothing is wrong."""
        array = np.where(self.mask, array, outside)
        self.maps[name] = self.generated.with_array(array, f"{self.generated.name} {name}")


def _compare_reference(case: _Case, reference: np.ndarray) -> None:
    scales = image.ms_ssim_scales(reference.shape)
    case.add(
        "PSNR", "reference", case.compared(image.psnr, reference), unit="dB", infinite="the volumes are equal"
    )
    case.add("SSIM", "reference", lambda: _ssim_with_map(case, reference, "ssim_reference"))
    case.add("MS-SSIM", "reference", case.compared(image.ms_ssim, reference), note=f"{scales} of 5 scales")
    case.add("NMI", "reference", case.compared(image.nmi, reference), note="1 independent, 2 identical")
    case.add_map("difference_reference", case.array - reference)


def _compare_content(case: _Case, content: np.ndarray) -> None:
    case.add(
        "SSIM", "content", case.compared(image.ssim, content), note="also falls when the contrast changes"
    )
    case.add("NMI", "content", case.compared(image.nmi, content), note="1 independent, 2 identical")
    for axis, name in enumerate("kji"):
        note = f"jumps between slices along {name}; above 1: more than in the content"
        case.add(
            f"flicker ratio {name}",
            "content",
            case.compared(image.flicker_ratio, content, axis=axis),
            note=note,
            infinite="the content has no flicker",
        )
    case.add_map("difference_content", case.array - content)


def _weigh_contrast(
    case: _Case, content: np.ndarray, reference: np.ndarray | None, style: Volume | None
) -> None:
    """Contrast-weighted SSIM; a reference tells where contrast should change better than the result."""
    after, after_name = (case.array, "generated volume") if reference is None else (reference, "reference")
    threshold = contrast_weighted.pair_threshold(content, after, data_range=1.0, mask=case.mask)
    enhanced = contrast_weighted.enhanced_in_pair(content, after, data_range=1.0, threshold=threshold)
    look, alignment = None, ""
    try:
        if style is not None:
            look, alignment = _aligned_style(case, style)
    except InputError as error:
        case.add_missing("CW-SSIM style", "style", str(error))
    note = (
        f"{enhanced[case.mask].mean():.1%} of voxels enhanced: {after_name} differs from content "
        f"by more than {threshold:.3g} of 255"
    )
    case.at_next_row()
    try:
        scores = contrast_weighted.contrast_weighted_ssim(
            case.array,
            content,
            look,
            enhanced=enhanced,
            spacing_mm=case.generated.spacing_mm,
            data_range=1.0,
            mask=case.mask,
        )
    except InputError as error:
        for against in ("content",) if look is None else ("content", "style"):
            case.add_missing(f"CW-SSIM {against}", against, str(error))
        return
    _add_weighted(case, scores.content, "content", note)
    case.add_map("cw_ssim_weights", scores.content.weights)
    if scores.style is not None:
        _add_weighted(case, scores.style, "style", f"{note}; {alignment}")


def _add_weighted(case: _Case, found: contrast_weighted.WeightedSimilarity, against: str, note: str) -> None:
    case.add(f"CW-SSIM {against}", against, lambda: found.score, note=note)
    case.add(f"CW-SSIM {against}, map average", against, lambda: found.average, note=note)
    case.add_map(f"cw_ssim_{against}", found.map, outside=1.0)


def _ssim_with_map(case: _Case, other: np.ndarray, name: str) -> float:
    similarity = image.ssim_map(case.array, other, data_range=1.0)
    case.add_map(name, similarity, outside=1.0)
    return image.similarity_mean(similarity, case.mask)


def _mask(
    generated: Volume, content: Volume | None, reference: Volume | None, mask: Volume | None
) -> tuple[np.ndarray, str]:
    if mask is None:
        for role, volume in (("content", content), ("reference", reference)):
            if volume is not None:
                return foreground_mask(volume.array), f"foreground of the {role}"
        return foreground_mask(generated.array), "foreground of the generated volume"
    _require_grid(mask, generated, "mask")
    inside = mask.array > 0.5
    if not inside.any():
        raise InputError(f"The mask {mask.name} is empty, so there is nothing to measure; check it.")
    return inside, mask.name


def _require_grid(volume: Volume, generated: Volume, role: str) -> None:
    if not volume.has_grid_of(generated):
        raise InputError(
            f"The {role} {volume.name} is not on the grid of {generated.name}; resample it to that first."
        )


def _scaled(volume: Volume, mask: np.ndarray) -> np.ndarray:
    return IntensityMap.robust(volume.array, mask).forward(volume.array)


def _aligned_style(case: _Case, style: Volume) -> tuple[np.ndarray, str]:
    """The style volume on the generated volume's grid, scaled, and how it got there."""
    aligned, moved_mm = registered(style, case.generated, case.report.cancel)
    moved = f"moved by up to {moved_mm:.0f} mm" if moved_mm else "found in place"
    resampled = "not resampled" if aligned is style else "linearly resampled"
    return _scaled(aligned, case.mask), f"style registered (affine): {moved}, {resampled}"
