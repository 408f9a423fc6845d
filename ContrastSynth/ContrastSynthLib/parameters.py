"""What the user chooses, kept in the scene."""

from __future__ import annotations

import enum
import math
from typing import Annotated, Any

from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from mrstyle.acquisition import FAMILIES
from mrstyle.presets import PRESETS
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.parameter_repair import is_usable_model


class OverlayChoice(enum.Enum):
    """What is shown over the synthetic image; scenes keep the names of the members."""

    NONE = "none"
    UNCERTAINTY = OverlayKind.UNCERTAINTY.value
    EFFECTIVE_PD = OverlayKind.EFFECTIVE_PD.value
    EFFECTIVE_T1 = OverlayKind.EFFECTIVE_T1.value
    EFFECTIVE_T2 = OverlayKind.EFFECTIVE_T2.value
    DIFFERENCE = OverlayKind.DIFFERENCE_TARGET.value

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            OverlayChoice.NONE: _("None"),
            OverlayChoice.UNCERTAINTY: _("Uncertainty"),
            OverlayChoice.EFFECTIVE_PD: _("Effective PD (not quantitative)"),
            OverlayChoice.EFFECTIVE_T1: _("Effective T1 (not quantitative)"),
            OverlayChoice.EFFECTIVE_T2: _("Effective T2 (not quantitative)"),
            OverlayChoice.DIFFERENCE: _("Difference: synthetic minus real"),
        }[self]

    @property
    def kind(self) -> OverlayKind | None:
        """The map to show."""
        return None if self is OverlayChoice.NONE else OverlayKind(self.value)


@parameterNodeWrapper
class SynthesisParameters:
    """Parameters of the panel.

    Attributes:
        source: volume whose contrast changes.
        source2: another sequence of the same patient on the same grid; None for none.
        source3: as source2.
        reference: a real image of the target; None for none.
        output: volume that takes the result; None adds one.
        model: id@version.
        preset: name of a preset; empty when the sliders were moved.
        family: of the target, as in `mrstyle.acquisition.FAMILIES`.
        field_strength_t: of the target.
        repetition_time_ms: of the target, as the other three.
        samples: images that are averaged.
        overlay: map over the synthetic image.
        opacity: of the overlay, 0 to 1.
    """

    source: vtkMRMLScalarVolumeNode
    source2: vtkMRMLScalarVolumeNode
    source3: vtkMRMLScalarVolumeNode
    reference: vtkMRMLScalarVolumeNode
    output: vtkMRMLScalarVolumeNode
    model: str = ""
    preset: str = "T2w"
    family: str = "spin_echo"
    field_strength_t: float = 3.0
    repetition_time_ms: float = 5000.0
    echo_time_ms: float = 100.0
    inversion_time_ms: float = 1000.0
    flip_angle_deg: float = 10.0
    samples: Annotated[int, WithinRange(1, 16)] = 1
    overlay: OverlayChoice = OverlayChoice.NONE
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6


DEFAULTS: dict[str, Any] = {
    "model": "",
    "preset": "T2w",
    "family": "spin_echo",
    "field_strength_t": 3.0,
    "repetition_time_ms": 5000.0,
    "echo_time_ms": 100.0,
    "inversion_time_ms": 1000.0,
    "flip_angle_deg": 10.0,
    "samples": 1,
    "overlay": OverlayChoice.NONE,
    "opacity": 0.6,
}


def is_usable(name: str, value: Any) -> bool:
    """Whether a value of a scene file, of the right type, makes sense."""
    if name == "preset":
        return value in ("", *PRESETS)
    if name == "family":
        return value in FAMILIES
    if isinstance(value, float):
        return math.isfinite(value) and value >= 0
    return is_usable_model(name, value)
