"""connect and disconnect with signatures in words. A signal that does not exist raises; PythonQt only prints that."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QMetaMethod, QMetaObject, QObject, SignalInstance

from .classes import callable_from_python

_get = QObject.__getattribute__
_meta_object = QObject.metaObject
_qt_connect, _qt_disconnect = QObject.connect, QObject.disconnect

# PythonQt keeps a connected callable alive; PySide6 holds bound methods weakly. By address of the C++ object.
_connections: dict[int, list[tuple[str, object, QMetaObject.Connection]]] = {}


def _address(sender: QObject) -> int:
    return shiboken6.getCppPointer(sender)[0]


def _kept(sender: QObject) -> list:
    address = _address(sender)
    if address not in _connections:
        _connections[address] = []
        _qt_connect(sender, "2destroyed()", lambda: _connections.pop(address, None))
    return _connections[address]


def _normalized(signature) -> str:
    text = signature if isinstance(signature, str) else bytes(signature).decode()
    if text[:1] in ("1", "2"):
        text = text[1:]
    return bytes(QMetaObject.normalizedSignature(text).data()).decode()


def _alias(sender: QObject, signature: str) -> str | None:
    """The attribute that stands for a signal with VTK pointers, which PySide6 cannot declare."""
    for cls in type(sender).__mro__:
        found = cls.__dict__.get("_signalAliases", {}).get(signature)
        if found:
            return found
    return None


def _checked(sender: QObject, signature) -> str:
    """The normalized signature; raises AttributeError if `sender` has no such signal."""
    normalized = _normalized(signature)
    name = normalized.partition("(")[0]
    meta_object = _meta_object(sender)
    exists = _alias(sender, normalized) is not None or meta_object.indexOfSignal(normalized) >= 0
    if exists and callable_from_python(type(sender), name):
        return normalized
    methods = (meta_object.method(index) for index in range(meta_object.methodCount()))
    known = sorted(
        bytes(method.methodSignature()).decode()
        for method in methods
        if method.methodType() == QMetaMethod.Signal and bytes(method.name()).decode() == name
    )
    raise AttributeError(
        f"{meta_object.className()} has no signal '{normalized}' (of that name: {known or 'none'}); "
        "in Slicer the connection would silently do nothing"
    )


def _attach(sender: QObject, signature: str, target) -> bool:
    alias = _alias(sender, signature)
    connection = (
        _get(sender, alias).connect(target) if alias else _qt_connect(sender, "2" + signature, target)
    )
    _kept(sender).append((signature, target, connection))
    return True


def connect(sender: QObject, signature, *receiver) -> bool:
    """connect("sig(args)", callable) or connect("sig(args)", receiver, "slot(args)").

    Raises AttributeError for an unknown signal or slot and TypeError for what cannot be called.
    """
    normalized = _checked(sender, signature)
    if len(receiver) == 2:
        return _attach(sender, normalized, _slot(*receiver))
    if len(receiver) != 1 or not callable(receiver[0]):
        raise TypeError(f"connect('{normalized}'): the receiver cannot be called")
    return _attach(sender, normalized, receiver[0])


def _slot(receiver: QObject, signature):
    normalized = _normalized(signature)
    name = normalized.partition("(")[0]
    is_python = callable(getattr(type(receiver), name, None))
    if _meta_object(receiver).indexOfMethod(normalized) < 0 and not is_python:
        raise AttributeError(f"{_meta_object(receiver).className()} has no slot '{normalized}'")
    return _get(receiver, name)


def disconnect(sender: QObject, signature=None, *receiver) -> bool:
    """Ends the connections of a signal (to one callable or slot, if given); False if there were none."""
    wanted = None if signature is None else _checked(sender, signature)
    target = _slot(*receiver) if len(receiver) == 2 else (receiver[0] if receiver else None)
    kept = _kept(sender)
    ended = [entry for entry in kept if wanted in (None, entry[0]) and (target is None or entry[1] == target)]
    for entry in ended:
        _qt_disconnect(entry[2])
        kept.remove(entry)
    return bool(ended)


def _first_signature(sender: QObject, name: str) -> str:
    """PythonQt takes the first overload: for the sender's `clicked` it is clicked(bool)."""
    meta_object = _meta_object(sender)
    for index in range(meta_object.methodCount()):
        method = meta_object.method(index)
        if method.methodType() == QMetaMethod.Signal and bytes(method.name()).decode() == name:
            return bytes(method.methodSignature()).decode()
    raise AttributeError(f"{meta_object.className()} has no signal '{name}'")


class Signal:
    """`widget.clicked` as a module sees it: connect, disconnect, emit or call."""

    def __init__(self, sender: QObject, name: str, instance: SignalInstance) -> None:
        self._sender, self._instance = sender, instance
        self._signature = _first_signature(sender, name)

    def connect(self, target) -> bool:
        if not callable(target):
            raise TypeError(f"connect('{self._signature}'): the receiver cannot be called")
        return _attach(self._sender, self._signature, target)

    def disconnect(self, *target) -> bool:
        return disconnect(self._sender, self._signature, *target)

    def emit(self, *arguments) -> None:
        self._instance.emit(*arguments)

    __call__ = emit
