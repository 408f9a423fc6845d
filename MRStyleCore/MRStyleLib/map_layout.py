"""Maps of a volume before and after side by side: on slices above, on surfaces with color legends below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from . import layouts, overlays
from .overlay_kinds import OverlayKind, cutoff_of
from .surfaces import hide_surfaces, show_surface

_COLORS = ("#8A8A8A", "#4C8DD6", "#D6A04C")
_BACKGROUND = (0.07, 0.07, 0.09)
_FROM_LEFT_FRONT = np.array([-0.86, 0.36, 0.36])  # RAS
_VIEW_ANGLE_DEG = 30.0
_LEGEND_SHARE = 0.30  # of the height, below the surface


@dataclass(frozen=True, eq=False)
class Column:
    """What one column shows.

    Attributes:
        label: a letter for the views' bars.
        volume: the image beneath the map.
        kind: what map and surface show.
        map_node: a map on the volume's grid.
        surface: a model.
        array_name: the values at its points.
    """

    label: str
    volume: Any
    kind: OverlayKind
    map_node: Any
    surface: Any
    array_name: str


def slice_view(number: int) -> str:
    """Layout name of the slice view of a column, counted from 0."""
    return f"MRStyleMap{number + 1}"


def surface_view(number: int) -> str:
    """Layout name of the 3D view of a column, counted from 0."""
    return f"MRStyleSurface{number + 1}"


def show_columns(scene, columns: Sequence[Column], opacity: float) -> None:
    """Show three columns; slices are linked, and so are the 3D views.

    Slice views want `fit_columns` when Qt has given them their final size.
    """
    overlays.hide_overlays(scene)
    for number, column in enumerate(columns):
        layouts.set_layers(scene, slice_view(number), column.volume)
    layouts.switch(scene, layouts.MAPS_AND_SURFACES, _xml([column.label for column in columns]))
    for number, column in enumerate(columns):
        layouts.set_up_view(scene, slice_view(number), column.volume, turn=True)
        threshold = cutoff_of(column.kind, column.map_node).default
        # The legend of the surface below is that of the slice, too.
        overlays.show_overlay(
            scene,
            column.kind,
            column.map_node,
            opacity,
            threshold,
            [slice_view(number)],
            alone=False,
            with_legend=False,
        )
        show_surface(scene, column.kind, column.surface, column.array_name, [surface_view(number)])
        _set_up_surface_view(scene, surface_view(number), column.surface)


def fit_columns(application_logic, columns: int) -> None:
    """Center and fit the images in their views."""
    layouts.fit_comparison(application_logic, [slice_view(number) for number in range(columns)])


def hide_columns(scene, columns: Sequence[Column]) -> None:
    """Take surfaces and their legends out of the scene's views; `layouts.restore` does the rest."""
    hide_surfaces(scene, [column.surface for column in columns])


def is_shown(scene) -> bool:
    """Whether the present layout is this one."""
    return layouts.shown_layout(scene) == layouts.MAPS_AND_SURFACES


def _xml(labels: Sequence[str]) -> str:
    slices = "".join(
        layouts.slice_view_xml(slice_view(number), label, _COLORS[number])
        for number, label in enumerate(labels)
    )
    surfaces = "".join(
        f'<item><view class="vtkMRMLViewNode" singletontag="{surface_view(number)}">'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{_COLORS[number]}</property>'
        f'<property name="viewgroup" action="default">{layouts.VIEW_GROUP}</property></view></item>'
        for number, label in enumerate(labels)
    )
    rows = "".join(
        f'<item><layout type="horizontal" split="true">{row}</layout></item>' for row in (slices, surfaces)
    )
    return f'<layout type="vertical" split="true">{rows}</layout>'


def _set_up_surface_view(scene, name: str, surface) -> None:
    view = scene.GetSingletonNode(name, "vtkMRMLViewNode")
    if view is None:
        return
    with slicer.util.NodeModify(view):
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)
        view.SetBackgroundColor(*_BACKGROUND)
        view.SetBackgroundColor2(*_BACKGROUND)
        view.SetViewGroup(layouts.VIEW_GROUP)  # closing a scene resets it
        view.SetLinkedControl(True)
    camera = slicer.modules.cameras.logic().GetViewActiveCameraNode(view)
    if camera is None:
        return
    bounds = np.zeros(6)
    surface.GetRASBounds(bounds)
    low, high = bounds[::2], bounds[1::2]
    radius = np.linalg.norm(high - low) / 2
    distance = radius / np.sin(np.deg2rad(_VIEW_ANGLE_DEG / 2))
    center = (low + high) / 2 - [0, 0, _LEGEND_SHARE * radius]
    with slicer.util.NodeModify(camera):
        camera.SetViewAngle(_VIEW_ANGLE_DEG)
        camera.SetFocalPoint(center)
        camera.SetPosition(center + distance * _FROM_LEFT_FRONT / np.linalg.norm(_FROM_LEFT_FRONT))
        camera.SetViewUp((0, 0, 1))
        camera.ResetClippingRange()
