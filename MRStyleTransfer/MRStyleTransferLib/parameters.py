"""What the user chooses, kept in the scene."""

from __future__ import annotations

import enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

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
    """

    content: vtkMRMLScalarVolumeNode
    style: vtkMRMLScalarVolumeNode
    output: vtkMRMLScalarVolumeNode
    model: str = ""
    samples: Annotated[int, WithinRange(1, 16)] = 1
    measure_quality: bool = True
    overlay: OverlayChoice = OverlayChoice.CW_SSIM_CONTENT
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6


DEFAULTS = {
    "model": "",
    "samples": 1,
    "measure_quality": True,
    "overlay": OverlayChoice.CW_SSIM_CONTENT,
    "opacity": 0.6,
}
