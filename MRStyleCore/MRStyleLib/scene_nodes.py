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
