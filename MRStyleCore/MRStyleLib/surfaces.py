"""Surfaces with a value at each point, such as the thickness of the cortex, in colors with a legend."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from .color_tables import ColorTable, color_table
from .overlay_kinds import OverlayKind, display_range
from .results import place_beside

_LEGEND = "MRStyle.surfaceLegend"
_NO_VALUE = (0.35, 0.35, 0.37, 1.0)
_LEGEND_POSITION, _LEGEND_SIZE = (0.5, 0.02), (0.14, 0.7)


def import_surface(scene, path: Path, like_node, name: str):
    """Bring a surface that the worker wrote (.vtp, points in RAS mm) into the scene, hidden.

    Args:
        scene: the scene to add to.
        path: the file.
        like_node: the volume whose parent transform and place in the subject hierarchy it gets.
        name: of the node, made unique in the scene.

    Raises:
        ValueError: the file is missing or damaged; the scene is as before.
    """
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    if path.is_file():
        reader.Update()
    if not reader.GetOutput().GetNumberOfPoints():
        text = _("The surface {path} is missing or damaged; run again, and check the free disk space.")
        raise ValueError(text.format(path=path))
    # Folds are hard to see without them.
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputData(reader.GetOutput())
    normals.SplittingOff()
    normals.Update()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", scene.GenerateUniqueName(name))
    node.SetAndObservePolyData(normals.GetOutput())
    node.SetAndObserveTransformNodeID(like_node.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility(False)
    place_beside(scene, node, like_node)
    return node


def show_surface(scene, kind: OverlayKind, node, array_name: str, views: Iterable[str]):
    """Show a surface in some 3D views only, colored by one of its arrays, with a color legend.

    Args:
        scene: the scene of the views.
        kind: what the array is.
        node: the model.
        array_name: of the values at the points; a point whose value is NaN is gray.
        views: layout names.

    Returns:
        The display node of the color legend.
    """
    display = node.GetDisplayNode()
    table = color_table(scene, ColorTable.CHANGE if kind.is_difference else kind.color_table)
    table.GetLookupTable().SetNanColor(*_NO_VALUE)
    ids = [view.GetID() for name in views if (view := scene.GetSingletonNode(name, "vtkMRMLViewNode"))]
    with slicer.util.NodeModify(display):
        display.SetViewNodeIDs(ids)
        display.SetActiveScalar(array_name, vtk.vtkAssignAttribute.POINT_DATA)
        display.SetAndObserveColorNodeID(table.GetID())
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
        display.SetScalarRange(*display_range(kind, node))
        display.SetScalarVisibility(True)
        display.SetVisibility(True)
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(node)
    with slicer.util.NodeModify(legend):
        legend.SetAttribute(_LEGEND, kind.value)
        legend.SetViewNodeIDs(ids)
        legend.SetTitleText(kind.title())
        legend.SetLabelFormat("%.4g")
        legend.SetOrientation(slicer.vtkMRMLColorLegendDisplayNode.Horizontal)
        legend.SetPosition(*_LEGEND_POSITION)
        legend.SetSize(*_LEGEND_SIZE)
        legend.SetVisibility(True)
    return legend


def hide_surfaces(scene, nodes: Iterable) -> None:
    """Hide surfaces that are still there, and remove their legends."""
    for node in filter(scene.IsNodePresent, nodes):
        display = node.GetDisplayNode()
        if display is not None:
            display.SetVisibility(False)
        legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(node)
        if legend is not None:
            scene.RemoveNode(legend)
