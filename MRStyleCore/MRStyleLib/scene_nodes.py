"""Look-ups in a given scene."""

from __future__ import annotations


def nodes_of_class(scene, class_name: str) -> list:
    """All nodes of a class in ``scene``; slicer.util.getNodesByClass looks in slicer.mrmlScene whatever it is given."""
    return [
        scene.GetNthNodeByClass(number, class_name)
        for number in range(scene.GetNumberOfNodesByClass(class_name))
    ]


def node_with_attribute(scene, class_name: str, attribute: str, value: str):
    """The first node of a class with this attribute value, or None."""
    for node in nodes_of_class(scene, class_name):
        if node.GetAttribute(attribute) == value:
            return node
    return None


def found_or_added(scene, class_name: str, attribute: str, value: str, name: str):
    """The node of a class with this attribute value that an earlier run left in the scene, or a new one of that name."""
    node = node_with_attribute(scene, class_name, attribute, value)
    if node is None:
        node = scene.AddNewNodeByClass(class_name, name)
        node.SetAttribute(attribute, value)
    return node


def remove_whole(scene, node) -> None:
    """Remove a node with its display and storage nodes, which the scene keeps otherwise."""
    parts = [node.GetStorageNode()]
    if node.IsA("vtkMRMLDisplayableNode"):
        # A color legend is the last display node, and complains where the first one is gone.
        parts += [
            node.GetNthDisplayNode(number) for number in reversed(range(node.GetNumberOfDisplayNodes()))
        ]
    # The node comes first: a view that shows it would give it a new display node.
    for part in (node, *parts):
        if part is not None:
            scene.RemoveNode(part)
