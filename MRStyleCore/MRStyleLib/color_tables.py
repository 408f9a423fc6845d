"""The color tables of the quality maps: each is made once per scene and saved with it."""

from __future__ import annotations

import enum

import numpy as np
import slicer

from .scene_nodes import node_with_attribute

COLORS = 256
_KEY = "MRStyle.ColorTable"

_Anchors = tuple[tuple[float, tuple[float, float, float]], ...]


class ColorTable(enum.Enum):
    """A table by what it shows; the value is kept in saved scenes."""

    SIMILARITY = "similarity"  # low is bright: what does not agree must catch the eye
    DIFFERENCE = "difference"  # blue below, white at, and red above zero
    UNCERTAINTY = "uncertainty"  # high is bright
    PROTON_DENSITY = "proton_density"
    T1 = "t1"
    T2 = "t2"
    THICKNESS = "thickness"
    ENHANCEMENT = "enhancement"
    DISTANCE = "distance"  # as SIMILARITY: what enhances is low there
    CHANGE = "change"  # as DIFFERENCE, for surfaces, which have no transparent middle


_ANCHORS: dict[ColorTable, _Anchors] = {
    ColorTable.SIMILARITY: (
        (0.0, (1.0, 0.98, 0.70)),
        (0.3, (0.98, 0.66, 0.15)),
        (0.6, (0.82, 0.22, 0.24)),
        (0.8, (0.42, 0.08, 0.42)),
        (1.0, (0.06, 0.02, 0.24)),
    ),
    ColorTable.DIFFERENCE: (
        (0.0, (0.02, 0.19, 0.58)),
        (0.25, (0.27, 0.56, 0.90)),
        (0.5, (0.97, 0.97, 0.97)),
        (0.75, (0.93, 0.45, 0.28)),
        (1.0, (0.60, 0.02, 0.10)),
    ),
    ColorTable.UNCERTAINTY: (
        (0.0, (0.03, 0.05, 0.20)),
        (0.35, (0.08, 0.33, 0.52)),
        (0.7, (0.22, 0.71, 0.60)),
        (1.0, (0.93, 0.99, 0.70)),
    ),
    ColorTable.PROTON_DENSITY: (
        (0.0, (0.02, 0.02, 0.06)),
        (0.5, (0.36, 0.44, 0.60)),
        (1.0, (0.98, 0.99, 1.00)),
    ),
    # As MR fingerprinting shows them: warm for T1, cold for T2, each in steps of equal lightness.
    ColorTable.T1: (
        (0.0, (0.05, 0.02, 0.08)),
        (0.25, (0.42, 0.07, 0.30)),
        (0.5, (0.78, 0.25, 0.20)),
        (0.75, (0.96, 0.61, 0.16)),
        (1.0, (1.00, 0.98, 0.72)),
    ),
    ColorTable.T2: (
        (0.0, (0.02, 0.04, 0.12)),
        (0.25, (0.10, 0.22, 0.50)),
        (0.5, (0.05, 0.48, 0.62)),
        (0.75, (0.35, 0.76, 0.60)),
        (1.0, (0.94, 0.99, 0.82)),
    ),
    # In steps of equal lightness, so that folds of the surface are not taken for thin cortex.
    ColorTable.THICKNESS: (
        (0.0, (0.27, 0.00, 0.33)),
        (0.25, (0.23, 0.32, 0.55)),
        (0.5, (0.13, 0.57, 0.55)),
        (0.75, (0.48, 0.82, 0.32)),
        (1.0, (0.99, 0.91, 0.14)),
    ),
}
# As the heat of a body: what takes up most is white.
_ANCHORS[ColorTable.ENHANCEMENT] = (
    (0.0, (0.20, 0.00, 0.00)),
    (0.33, (0.80, 0.10, 0.00)),
    (0.66, (1.00, 0.65, 0.05)),
    (1.0, (1.00, 1.00, 0.85)),
)
_ANCHORS[ColorTable.DISTANCE] = _ANCHORS[ColorTable.SIMILARITY]
_ANCHORS[ColorTable.CHANGE] = _ANCHORS[ColorTable.DIFFERENCE]


def color_table(scene, which: ColorTable):
    """The color node of a table, added to the scene the first time; one that came with the scene file is used."""
    node = node_with_attribute(scene, "vtkMRMLColorTableNode", _KEY, which.value)
    if node is None:
        node = slicer.vtkMRMLColorTableNode()
        node.SetName(f"MRStyle {which.value}")
        node.SetAttribute("Category", "MRStyle")
        node.SetAttribute(_KEY, which.value)
        node.SetTypeToUser()
        # A hidden node with a storage node would not be saved with the scene.
        node.SetHideFromEditors(False)
        _fill(node, which)
        node = scene.AddNode(node)
    elif node.GetNumberOfColors() != COLORS:
        _fill(node, which)
    return node


def set_transparent_middle(node, share: float) -> None:
    """Cut out the colors within ``share`` (0 to 1) of half the table around its middle; the others show.

    A volume has one threshold interval, so small values of both signs can only be hidden by their colors.
    """
    middle = (COLORS - 1) / 2
    with slicer.util.NodeModify(node):
        for index in range(COLORS):
            node.SetOpacity(index, 0.0 if abs(index - middle) < share * middle else 1.0)


def colors_of(which: ColorTable) -> np.ndarray:
    """RGB, float (COLORS, 3) in 0 to 1, linearly interpolated between the anchors."""
    positions, colors = zip(*_ANCHORS[which], strict=True)
    steps = np.linspace(0.0, 1.0, COLORS)
    return np.stack([np.interp(steps, positions, channel) for channel in zip(*colors, strict=True)], axis=1)


def _fill(node, which: ColorTable) -> None:
    with slicer.util.NodeModify(node):
        node.SetNumberOfColors(COLORS)
        for index, (red, green, blue) in enumerate(colors_of(which)):
            node.SetColor(index, f"{index / (COLORS - 1):.3f}", red, green, blue, 1.0)
