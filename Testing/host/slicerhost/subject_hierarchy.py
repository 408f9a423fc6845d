"""Subject hierarchy items for nodes. The hierarchy node is Slicer's; its plugins, which add and remove the items, are Qt."""

from __future__ import annotations

import slicer
import vtk

# Besides all displayable nodes, what Slicer's plugins own.
_OWNED = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLSequenceBrowserNode",
)


class SubjectHierarchyItems:
    """Gives each new node an item under the scene and removes the item with the node."""

    def __init__(self, scene) -> None:
        self._scene = scene
        events = slicer.vtkMRMLScene
        self._observe(events.NodeAddedEvent, self._added)
        self._observe(events.NodeAboutToBeRemovedEvent, self._removed)
        for event in (events.EndImportEvent, events.EndBatchProcessEvent, events.EndRestoreEvent):
            scene.AddObserver(event, self._resolve)

    def _observe(self, event: int, method) -> None:
        @vtk.calldata_type(vtk.VTK_OBJECT)
        def call(caller, name, node) -> None:
            method(node)

        self._scene.AddObserver(event, call)

    def _hierarchy(self):
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def _added(self, node) -> None:
        if not self._scene.IsBatchProcessing():
            self._own(self._hierarchy(), node)

    @staticmethod
    def _own(hierarchy, node) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(owned) for owned in _OWNED):
            return
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _removed(self, node) -> None:
        if self._scene.IsClosing():
            return  # the hierarchy empties itself
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _resolve(self, *_) -> None:
        """Items of the nodes that came in while the scene did not tell of each."""
        hierarchy = self._hierarchy()
        for index in range(self._scene.GetNumberOfNodes()):
            self._own(hierarchy, self._scene.GetNthNode(index))
