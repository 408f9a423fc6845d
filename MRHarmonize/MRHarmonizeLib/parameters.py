"""What the user chooses, kept in the scene."""

from __future__ import annotations

import enum
from typing import Annotated, Any

from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from MRStyleLib.parameter_repair import is_usable_model

GREATEST_SEED = 9999
_SITE_LENGTH = 200


class TargetChoice(enum.Enum):
    """What results are to look like; scenes keep the names of the members, models name their values."""

    SITE = "site"
    REFERENCE = "reference"
    SAMPLE = "sample"

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            TargetChoice.SITE: _("A site that the model knows"),
            TargetChoice.REFERENCE: _("The site of a reference volume"),
            TargetChoice.SAMPLE: _("A style drawn at random"),
        }[self]


class BrainChoice(enum.Enum):
    """What is done with all that is not brain; the values are those of the worker."""

    KEEP = "keep"
    EXTRACT = "extract"

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            BrainChoice.KEEP: _("Keep the whole head"),
            BrainChoice.EXTRACT: _("Extract the brain"),
        }[self]


class ThicknessMethod(enum.Enum):
    """What measures the cortex; the values are those of the worker."""

    DIRECT = "direct"
    FASTSURFER = "fastsurfer"

    def label(self) -> str:
        """Text of the choice in the panel."""
        return {
            ThicknessMethod.DIRECT: _("DiReCT (ANTs)"),
            ThicknessMethod.FASTSURFER: _("FastSurfer, where it is installed"),
        }[self]


@parameterNodeWrapper
class HarmonizeParameters:
    """Parameters of the panel.

    Attributes:
        target: kind of target.
        site: a site of the model, for a site or a sample; empty: for a sample, of any site.
        reference: volume of the target's site.
        seed: of a sample.
        model: id@version.
        n4: whether the bias field is taken out first.
        conform: whether a volume is brought to voxels of 1 mm first.
        brain: whether the brain is extracted first.
        fuse_planes: whether a model of slices works in three directions.
        check_sites: whether a check asks the site classifier.
        check_thickness: whether a check measures the cortex.
        thickness_method: how.
        opacity: of maps over slices, 0 to 1.
    """

    reference: vtkMRMLScalarVolumeNode
    target: TargetChoice = TargetChoice.SITE
    site: str = ""
    seed: Annotated[int, WithinRange(0, GREATEST_SEED)] = 0
    model: str = ""
    n4: bool = False
    conform: bool = False
    brain: BrainChoice = BrainChoice.KEEP
    fuse_planes: bool = True
    check_sites: bool = True
    check_thickness: bool = True
    thickness_method: ThicknessMethod = ThicknessMethod.DIRECT
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.8


DEFAULTS: dict[str, Any] = {
    "target": TargetChoice.SITE,
    "site": "",
    "seed": 0,
    "model": "",
    "n4": False,
    "conform": False,
    "brain": BrainChoice.KEEP,
    "fuse_planes": True,
    "check_sites": True,
    "check_thickness": True,
    "thickness_method": ThicknessMethod.DIRECT,
    "opacity": 0.8,
}


def is_usable(name: str, value: Any) -> bool:
    """Whether a value of a scene file, of the right type, makes sense."""
    if name == "site":
        return len(value) <= _SITE_LENGTH and (not value or value.isprintable())
    return is_usable_model(name, value)
