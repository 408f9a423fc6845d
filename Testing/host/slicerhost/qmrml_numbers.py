"""Number widgets that know units in Slicer; here they are ctk's own with the scene's entry points."""

# ruff: noqa: N801, N815 - the names are Slicer's
from __future__ import annotations

import ctk

from .pythonqt import register
from .qmrml_base import SceneHolder
from .widget_parts import kept


@register
class qMRMLSliderWidget(ctk.ctkSliderWidget, SceneHolder):
    quantity = kept(str, "quantity", "")
    unitAwareProperties = kept(int, "unit_aware", 0)


@register
class qMRMLSpinBox(ctk.ctkDoubleSpinBox, SceneHolder):
    quantity = kept(str, "quantity", "")
    unitAwareProperties = kept(int, "unit_aware", 0)


@register
class qMRMLRangeWidget(ctk.ctkRangeWidget, SceneHolder):
    quantity = kept(str, "quantity", "")


@register
class qMRMLCollapsibleButton(ctk.ctkCollapsibleButton, SceneHolder):
    pass
