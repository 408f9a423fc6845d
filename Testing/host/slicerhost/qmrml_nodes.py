"""Node selectors on the real scene: qMRMLNodeComboBox and the selectors derived from it."""

# ruff: noqa: N801, N802, N815 - the names are Slicer's
from __future__ import annotations

import slicer
import vtk
from PySide6 import QtWidgets
from PySide6.QtCore import Property, Qt, Signal

from .pythonqt import register
from .qmrml_base import observe
from .widget_parts import kept

_Combo = QtWidgets.QComboBox


@register
class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A combo box with the scene's nodes of `nodeTypes`, in the scene's order, and the actions on them.

    Without `noneEnabled` the first node becomes current by itself, as in Slicer.
    """

    currentNodeChanged = Signal(object)
    _currentNodeChangedBool = Signal(bool)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAddedByUser = Signal(object)
    _signalAliases = {  # noqa: RUF012
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_currentNodeChangedBool",
        "currentNodeIDChanged(QString)": "currentNodeIDChanged",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
    }

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene, self._observers = None, []
        self._node_observers: dict[str, int] = {}
        self._types: list[str] = []
        self._attributes: list[tuple[str, str, str | None]] = []
        self._ids: list[str] = []
        self._current, self._filling = "", False
        self._combo = _Combo()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._combo.activated.connect(self._activated)
        self._fill()

    nodeTypes = Property("QStringList", lambda self: self._types, lambda self, types: self._set_types(types))
    noneEnabled = kept(bool, "none_enabled", False, "_fill")
    noneDisplay = kept(str, "none_display", "None", "_fill")
    addEnabled = kept(bool, "add_enabled", True, "_fill")
    removeEnabled = kept(bool, "remove_enabled", True, "_fill")
    editEnabled = kept(bool, "edit_enabled", False)
    renameEnabled = kept(bool, "rename_enabled", False)
    showHidden = kept(bool, "show_hidden", False, "_fill")
    showChildNodeTypes = kept(bool, "show_children", True, "_fill")
    hideChildNodeTypes = kept("QStringList", "hidden_types", [], "_fill")
    selectNodeUponCreation = kept(bool, "select_new", True)
    baseName = kept(str, "base_name", "")
    interactionNodeSingletonTag = kept(str, "interaction_tag", "")
    currentNodeID = Property(str, lambda self: self._current, lambda self, node_id: self._select(node_id))
    currentNodeId = Property(str, lambda self: self._current, lambda self, node_id: self._select(node_id))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._stop_following()
        self._scene, self._observers = scene, []
        if scene is not None:
            events = slicer.vtkMRMLScene
            for event in (
                events.NodeAddedEvent,
                events.NodeRemovedEvent,
                events.EndImportEvent,
                events.EndBatchProcessEvent,
            ):
                self._observers.append(observe(scene, event, self._scene_changed))
            self._observers.append(observe(scene, events.EndCloseEvent, self._scene_closed))
        QtWidgets.QWidget.setEnabled(self, scene is not None)
        self._fill()

    def currentNode(self):
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node) -> None:
        self._select(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        self._select(node_id)

    def setCurrentNodeIndex(self, index: int) -> None:
        nodes = self._node_ids()
        self._select(nodes[index] if 0 <= index < len(nodes) else "")

    def nodeCount(self) -> int:
        return len(self._node_ids())

    def nodeFromIndex(self, index: int):
        return self._scene.GetNodeByID(self._node_ids()[index])

    def addAttribute(self, node_type: str, name: str, value=None) -> None:
        """Only nodes of `node_type` with this attribute (and value, if given) are listed; new nodes get it."""
        self._attributes.append((node_type, name, None if value is None else str(value)))
        self._fill()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (node_type, name)]
        self._fill()

    def addNode(self, node_type: str | None = None):
        """What "Create new..." does: a node named by baseName, with the attributes, made current."""
        node_type = node_type or self._types[0]
        base = getattr(self, "_base_name", "") or _tag_of(self._scene, node_type)
        node = slicer.vtkMRMLScene.CreateNodeByClass(self._scene, node_type)
        node.UnRegister(None)
        node.SetName(self._scene.GenerateUniqueName(base))
        for wanted, name, value in self._attributes:
            if node.IsA(wanted):
                node.SetAttribute(name, value or "")
        node = self._scene.AddNode(node)
        if getattr(self, "_select_new", True):
            self._select(node.GetID())
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self.currentNode() is not None:
            self._scene.RemoveNode(self.currentNode())

    def _node_ids(self) -> list[str]:
        return [node_id for node_id in self._ids if node_id]

    def _set_types(self, types) -> None:
        self._types = [types] if isinstance(types, str) else list(types)
        self._fill()

    def _accepts(self, node) -> bool:
        if getattr(self, "_show_children", True):
            fits = any(node.IsA(wanted) for wanted in self._types)
        else:
            fits = node.GetClassName() in self._types
        if not fits or node.GetClassName() in getattr(self, "_hidden_types", ()):
            return False
        if node.GetHideFromEditors() and not getattr(self, "_show_hidden", False):
            return False
        for wanted, name, value in self._attributes:
            if node.IsA(wanted) and (
                node.GetAttribute(name) is None or (value is not None and node.GetAttribute(name) != value)
            ):
                return False
        return True

    def _scene_closed(self) -> None:
        self._node_observers.clear()  # new nodes get the IDs of the old ones
        self._scene_changed()

    def _scene_changed(self) -> None:
        if not self._scene.IsBatchProcessing():
            self._fill()

    def _candidates(self) -> list:
        """The scene's nodes of the wanted types, listed or not."""
        nodes = (self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes()))
        return [node for node in nodes if any(node.IsA(wanted) for wanted in self._types)]

    def _follow(self, nodes: list) -> None:
        """Hears of new names and attributes of these nodes, and of no others."""
        self._stop_following({node.GetID() for node in nodes})
        for node in nodes:
            if node.GetID() not in self._node_observers:
                tag = observe(node, vtk.vtkCommand.ModifiedEvent, self._node_changed)
                self._node_observers[node.GetID()] = tag

    def _stop_following(self, except_for: set[str] = frozenset()) -> None:
        for node_id in set(self._node_observers) - except_for:
            tag = self._node_observers.pop(node_id)
            node = self._scene.GetNodeByID(node_id)
            if node is not None:
                node.RemoveObserver(tag)

    def _node_changed(self) -> None:
        listed = [(node.GetID(), _text(node)) for node in self._candidates() if self._accepts(node)]
        if listed != self._listed and not self._scene.IsBatchProcessing():
            self._fill()

    def _fill(self) -> None:
        """Lists the nodes anew and keeps the current one if it is still there."""
        if getattr(self, "_combo", None) is None or self._filling:
            return
        self._filling = True
        _Combo.clear(self._combo)
        self._ids, self._actions, self._listed = [], [], []
        if getattr(self, "_none_enabled", False):
            self._add_item(getattr(self, "_none_display", "None"), "")
        if self._scene is not None:
            candidates = self._candidates()
            self._follow(candidates)
            for node in filter(self._accepts, candidates):
                self._add_item(_text(node), node.GetID())
                self._listed.append((node.GetID(), _text(node)))
            if getattr(self, "_add_enabled", True):
                self._add_action("Create new...", self.addNode)
            if getattr(self, "_remove_enabled", True):
                self._add_action("Delete current", self.removeCurrentNode)
        self._filling = False
        self._select(self._current if self._current in self._ids else self._default())

    def _default(self) -> str:
        return "" if getattr(self, "_none_enabled", False) else next(iter(self._node_ids()), "")

    def _add_item(self, text: str, node_id: str) -> None:
        _Combo.addItem(self._combo, text)
        self._ids.append(node_id)

    def _add_action(self, text: str, action) -> None:
        _Combo.addItem(self._combo, text)
        self._actions.append(action)

    def _select(self, node_id: str | None) -> None:
        node_id = node_id if node_id in self._ids else ""
        _Combo.setCurrentIndex(self._combo, self._ids.index(node_id) if node_id in self._ids else -1)
        if node_id == self._current:
            return
        self._current = node_id
        node = self.currentNode()
        self.currentNodeChanged.emit(node)
        self._currentNodeChangedBool.emit(node is not None)
        self.currentNodeIDChanged.emit(node_id)

    def _activated(self, index: int) -> None:
        if index >= len(self._ids):
            self._actions[index - len(self._ids)]()
            self._select(self._current)
            return
        self._select(self._ids[index])
        self.nodeActivated.emit(self.currentNode())


def _text(node) -> str:
    return node.GetName() or node.GetID()


def _tag_of(scene, node_type: str) -> str:
    node = scene.CreateNodeByClass(node_type)
    node.UnRegister(None)
    return node.GetNodeTagName()


@register
class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    """Lists the color nodes, the built-in ones included."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._add_enabled = self._remove_enabled = False
        self._show_hidden = True
        self._set_types(["vtkMRMLColorNode"])


@register
class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A node combo box whose nodes have check marks."""

    checkedNodesChanged = Signal()

    def __init__(self, parent=None) -> None:
        self._checked: set[str] = set()
        super().__init__(parent)

    def checkState(self, node):
        return Qt.Checked if node.GetID() in self._checked else Qt.Unchecked

    def setCheckState(self, node, state) -> None:
        """`state` is qt.Qt.Checked or qt.Qt.Unchecked."""
        (self._checked.add if int(state) else self._checked.discard)(node.GetID())
        names = ", ".join(_text(checked) for checked in self.checkedNodes())
        _Combo.setPlaceholderText(self._combo, names)  # shown, as no node is current
        self.checkedNodesChanged.emit()

    def check(self, node) -> None:
        self.setCheckState(node, 2)

    def uncheck(self, node) -> None:
        self.setCheckState(node, 0)

    def checkedNodes(self) -> tuple:
        return tuple(self._scene.GetNodeByID(i) for i in self._node_ids() if i in self._checked)

    def uncheckedNodes(self) -> tuple:
        return tuple(self._scene.GetNodeByID(i) for i in self._node_ids() if i not in self._checked)

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def _default(self) -> str:
        return ""
