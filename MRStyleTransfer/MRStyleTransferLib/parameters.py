"""What the user chooses, kept in the scene."""

from __future__ import annotations

import enum
from typing import Annotated

from slicer import vtkMRMLDisplayableNode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MRStyleLib.enhancement import PUBLISHED_THRESHOLD
from MRStyleLib.overlays import OverlayKind


class OverlayChoice(enum.Enum):
    """What is shown over the styled volume; scenes keep the names of the members."""

    NONE = "none"
    CW_SSIM_CONTENT = OverlayKind.CW_SSIM_CONTENT.value
    CW_SSIM_STYLE = OverlayKind.CW_SSIM_STYLE.value
    DIFFERENCE = OverlayKind.DIFFERENCE.value
    UNCERTAINTY = OverlayKind.UNCERTAINTY.value

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            OverlayChoice.NONE: _("None"),
            OverlayChoice.CW_SSIM_CONTENT: _("CW-SSIM to content (structure kept)"),
            OverlayChoice.CW_SSIM_STYLE: _("CW-SSIM to style (look reached)"),
            OverlayChoice.DIFFERENCE: _("Difference: styled minus content"),
            OverlayChoice.UNCERTAINTY: _("Uncertainty"),
        }[self]

    @property
    def kind(self) -> OverlayKind | None:
        """The map to show."""
        return None if self is OverlayChoice.NONE else OverlayKind(self.value)


class EnhancementChoice(enum.Enum):
    """What the frames of a dynamic series shall look like; scenes keep the names of the members."""

    BASELINE = "baseline"
    ENHANCED = "enhanced"
    LIKE = "like"

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            EnhancementChoice.BASELINE: _("Take away"),
            EnhancementChoice.ENHANCED: _("Add"),
            EnhancementChoice.LIKE: _("As another series"),
        }[self]


class SeriesOverlayChoice(enum.Enum):
    """What is shown over a series with other enhancement; scenes keep the names of the members."""

    NONE = "none"
    ENHANCEMENT = OverlayKind.ENHANCEMENT.value
    CONTENT_WEIGHT = OverlayKind.CONTENT_WEIGHT.value
    CW_SSIM_CONTENT = OverlayKind.CW_SSIM_CONTENT.value
    CW_SSIM_STYLE = OverlayKind.CW_SSIM_STYLE.value

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            SeriesOverlayChoice.NONE: _("None"),
            SeriesOverlayChoice.ENHANCEMENT: _("Enhancement"),
            SeriesOverlayChoice.CONTENT_WEIGHT: _("Distance from it"),
            SeriesOverlayChoice.CW_SSIM_CONTENT: _("CW-SSIM to content"),
            SeriesOverlayChoice.CW_SSIM_STYLE: _("CW-SSIM to style"),
        }[self]

    @property
    def kind(self) -> OverlayKind | None:
        """The map to show."""
        return None if self is SeriesOverlayChoice.NONE else OverlayKind(self.value)


class SeriesPlotChoice(enum.Enum):
    """What is plotted over time; scenes keep the names of the members."""

    CURVE = "curve"
    CW_SSIM = "cw_ssim"

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            SeriesPlotChoice.CURVE: _("Signal of the region"),
            SeriesPlotChoice.CW_SSIM: _("CW-SSIM of each frame"),
        }[self]


@parameterNodeWrapper
class TransferParameters:
    """Parameters of the panel.

    Attributes:
        content: volume whose anatomy stays.
        style: volume whose look is wanted.
        output: volume that takes the result; None adds one.
        model: id@version.
        samples: runs that are averaged.
        measure_quality: whether maps, metrics and a report are computed.
        overlay: map over the styled volume.
        opacity: of the overlay, 0 to 1.
        enhancement: what the frames of a dynamic series shall look like.
        like: volume that shows a frame of the series to be like.
        like_frame: frame of that series, counted from 1; 0 is the one that is enhanced most.
        series_overlay: map over a series with other enhancement.
        series_opacity: of that map, 0 to 1.
        series_plot: what is plotted over time.
        threshold: from which enhancement on a voxel is enhanced, in units of the 99.5th percentile of the first frame.
        region: segmentation or label map whose signal is plotted; None for the enhanced voxels.
    """

    content: vtkMRMLScalarVolumeNode
    style: vtkMRMLScalarVolumeNode
    output: vtkMRMLScalarVolumeNode
    model: str = ""
    samples: Annotated[int, WithinRange(1, 16)] = 1
    measure_quality: bool = True
    overlay: OverlayChoice = OverlayChoice.CW_SSIM_CONTENT
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6
    enhancement: EnhancementChoice = EnhancementChoice.BASELINE
    like: vtkMRMLScalarVolumeNode
    like_frame: Annotated[int, WithinRange(0, 9999)] = 0
    series_overlay: SeriesOverlayChoice = SeriesOverlayChoice.ENHANCEMENT
    series_opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6
    series_plot: SeriesPlotChoice = SeriesPlotChoice.CURVE
    threshold: Annotated[float, WithinRange(0.0, 1.0)] = PUBLISHED_THRESHOLD
    region: vtkMRMLDisplayableNode


DEFAULTS = {
    "model": "",
    "samples": 1,
    "measure_quality": True,
    "overlay": OverlayChoice.CW_SSIM_CONTENT,
    "opacity": 0.6,
    "enhancement": EnhancementChoice.BASELINE,
    "like_frame": 0,
    "series_overlay": SeriesOverlayChoice.ENHANCEMENT,
    "series_opacity": 0.6,
    "series_plot": SeriesPlotChoice.CURVE,
    "threshold": PUBLISHED_THRESHOLD,
}
