"""Original, styled image and quality map side by side in linked slice views of their own.

The user's own views keep their volumes, because the comparison has other ones; the layout to go back to is an
attribute of the layout node. All goes through nodes of the scene, whose views Slicer makes and updates itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import slicer

from .overlays import hide_overlays
from .volumes import ijk_to_ras

ORIGINAL_VIEW = "MRStyleOriginal"
STYLED_VIEW = "MRStyleStyled"
OVERLAY_VIEW = "MRStyleOverlay"
TWO_COLUMNS, THREE_COLUMNS, MAPS_AND_SURFACES = 5401, 5402, 5403
# Views link within a group; the user's views are in group 0.
VIEW_GROUP = 54
_LABELS = {ORIGINAL_VIEW: ("O", "#8A8A8A"), STYLED_VIEW: ("S", "#4C8DD6"), OVERLAY_VIEW: ("M", "#D6A04C")}
_USER_LAYOUT = "MRStyle.UserLayout"
_OWN = (TWO_COLUMNS, THREE_COLUMNS, MAPS_AND_SURFACES)
_THICK_SLICES = 1.5


def show_comparison(scene, original, styled, *, with_overlay: bool, application_logic=None) -> bool:
    """Show two volumes on one grid side by side, in linked views.

    The views show the plane in which the original was acquired if its slices are thick, else axial slices. A
    view that already compared volumes on this grid keeps its slice and zoom.

    Args:
        scene: the scene.
        original: the content.
        styled: what was made of it; its view has the original beneath, see `set_fade`.
        with_overlay: whether there is a third view, `OVERLAY_VIEW`, for `show_overlay`.
        application_logic: slicer.app.applicationLogic(), which knows the views' sizes; needed to fit them.

    Returns:
        Whether the views were fitted to a new place: new views want `fit_comparison` once more, when Qt has given
        them their final size.
    """
    names = [ORIGINAL_VIEW, STYLED_VIEW, OVERLAY_VIEW][: 3 if with_overlay else 2]
    moved = not is_shown(scene) or not _same_place(_background(scene, ORIGINAL_VIEW), original)
    layers = {ORIGINAL_VIEW: (original, None), STYLED_VIEW: (original, styled), OVERLAY_VIEW: (styled, None)}
    for name in names:
        background, foreground = layers[name]
        set_layers(scene, name, background, foreground)
    switch(scene, TWO_COLUMNS if len(names) == 2 else THREE_COLUMNS, _layout_xml(names))
    for name in names:
        set_up_view(scene, name, original, turn=moved)
    if moved and application_logic is not None:
        fit_comparison(application_logic)
    return moved


def fit_comparison(application_logic, names: Iterable[str] = tuple(_LABELS)) -> None:
    """Center and fit the images in their views."""
    for name in names:
        logic = application_logic.GetSliceLogicByLayoutName(name)
        if logic is not None and logic.GetSliceCompositeNode().GetBackgroundVolumeID():
            logic.FitSliceToBackground()
            logic.SnapSliceOffsetToIJK()


def set_fade(scene, styled_share: float) -> None:
    """Blend the original (0) into the styled image (1) in the styled image's view."""
    _composite(scene, STYLED_VIEW).SetForegroundOpacity(styled_share)


def is_shown(scene) -> bool:
    """Whether the present layout is the comparison."""
    return shown_layout(scene) in (TWO_COLUMNS, THREE_COLUMNS)


def shown_layout(scene) -> int | None:
    """Number of the present layout."""
    layout = _layout_node(scene)
    return layout.GetViewArrangement() if layout is not None else None


def restore(scene) -> None:
    """Take maps out of all views and bring back the layout that the user had; one chosen since then stays."""
    hide_overlays(scene)
    layout = _layout_node(scene)
    if layout is None:
        return
    if layout.GetViewArrangement() in _OWN:
        # Closing the scene resets the attribute but not the layout.
        saved = layout.GetAttribute(_USER_LAYOUT)
        four_up = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        layout.RemoveAllMaximizedViewNodes()
        layout.SetViewArrangement(int(saved) if saved else four_up)
    layout.RemoveAttribute(_USER_LAYOUT)


def plane_of(volume) -> str | None:
    """Axial, Coronal or Sagittal, in which thick slices were acquired; None if the voxels are nearly cubes."""
    axes = ijk_to_ras(volume)[:3, :3]
    spacing_mm = np.linalg.norm(axes, axis=0)
    slice_axis = int(spacing_mm.argmax())
    if spacing_mm[slice_axis] < _THICK_SLICES * np.median(spacing_mm):
        return None
    return ("Sagittal", "Coronal", "Axial")[int(np.abs(axes[:, slice_axis]).argmax())]


def _layout_node(scene):
    return scene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def switch(scene, number: int, xml: str) -> None:
    """Change to a layout of ours; the one that the user has is remembered for `restore`."""
    layout = _layout_node(scene)
    if layout is None:
        return
    if layout.GetViewArrangement() not in _OWN:
        layout.SetAttribute(_USER_LAYOUT, str(layout.GetViewArrangement()))
    # A view that fills the window would go on doing so in the new layout.
    layout.RemoveAllMaximizedViewNodes()
    if not layout.IsLayoutDescription(number):
        layout.AddLayoutDescription(number, xml)
    layout.SetViewArrangement(number)


def slice_view_xml(name: str, label: str, color: str) -> str:
    """The item of a slice view of ours in the description of a layout."""
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{color}</property>'
        f'<property name="viewgroup" action="default">{VIEW_GROUP}</property></view></item>'
    )


def _layout_xml(names: list[str]) -> str:
    views = "".join(slice_view_xml(name, *_LABELS[name]) for name in names)
    return f'<layout type="horizontal" split="true">{views}</layout>'


def _composite(scene, view: str):
    """The node with the layers of a view; made here when the view is not, which then takes it over."""
    node = scene.GetSingletonNode(view, "vtkMRMLSliceCompositeNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLSliceCompositeNode")
        node.UnRegister(None)
        node.SetSingletonTag(view)
        node.SetLayoutName(view)
        node = scene.AddNode(node)
    return node


def set_layers(scene, view: str, background, foreground=None) -> None:
    """Choose what a slice view of ours shows, and link it to the others."""
    composite = _composite(scene, view)
    with slicer.util.NodeModify(composite):
        composite.SetBackgroundVolumeID(background.GetID())
        composite.SetForegroundVolumeID(foreground.GetID() if foreground else None)
        composite.SetForegroundOpacity(1.0 if foreground else 0.0)
        composite.SetLabelVolumeID(None)
        composite.SetLinkedControl(True)
        composite.SetHotLinkedControl(True)


def set_up_view(scene, name: str, volume, *, turn: bool) -> None:
    """Set what closing a scene resets, and the plane."""
    node = scene.GetSingletonNode(name, "vtkMRMLSliceNode")
    if node is None:
        return
    with slicer.util.NodeModify(node):
        node.SetViewGroup(VIEW_GROUP)
        if turn:
            plane = plane_of(volume)
            node.SetOrientation(plane or "Axial")
            if plane:
                # Thick oblique slices are only sharp in their own plane.
                node.RotateToVolumePlane(volume)


def _background(scene, view: str):
    return scene.GetNodeByID(_composite(scene, view).GetBackgroundVolumeID() or "")


def _same_place(volume, other) -> bool:
    """Whether two volumes fill the same box in the world."""
    if volume is None:
        return False
    bounds, other_bounds = np.zeros(6), np.zeros(6)
    volume.GetRASBounds(bounds)
    other.GetRASBounds(other_bounds)
    return bool(np.allclose(bounds, other_bounds))
