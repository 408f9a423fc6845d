"""Attributes of QObjects in PythonQt's order, whatever created the object.

Python member, Qt property, method or signal, dynamic property, child by object name. PySide6's own `true_property`
is per importing module and removes setters, so unchanged module files would not see it.
"""

from __future__ import annotations

import types

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QObject, SignalInstance

from . import signals
from .caller import module_calls
from .classes import callable_from_python, is_cpp, is_stand_in
from .convert import NotConvertible, to_property, to_python
from .methods import wrapped

_get = QObject.__getattribute__
_meta_object, _property, _set_property = QObject.metaObject, QObject.property, QObject.setProperty
_SPECIAL = ("connect", "disconnect", "className", "delete")

# QProcess, QMenu and a few more look up names themselves (static and instance methods of one name).
_own_lookup: dict[type, object] = {}
_found: dict[tuple[type, str], tuple] = {}
_in_getter: set[tuple[int, str]] = set()


def _classified(cls: type, item: QObject, name: str) -> tuple:
    for base in cls.__mro__:
        if not is_cpp(base) and name in base.__dict__:
            return ("python",)
    if _hidden(cls, name):
        return ("hidden",)
    if name in _SPECIAL:
        return (name,)
    key = "objectName" if name == "name" else name
    if name == "singleShot" and issubclass(cls, QtCore.QTimer):
        return ("member",)  # the static method wins over the property
    meta_object = _meta_object(item)
    index = meta_object.indexOfProperty(key)
    if index < 0:
        return ("member",)
    if any(
        isinstance(base.__dict__.get(name), types.FunctionType) for base in cls.__mro__ if is_stand_in(base)
    ):
        return ("python",)  # a stand-in overrides a virtual getter such as sizeHint
    found = meta_object.property(index)  # not to be kept: PySide6 rebuilds dynamic meta objects
    return "property", key, found.isWritable(), found.typeName()


def _hidden(cls: type, name: str) -> bool:
    return any(
        name in base.__dict__ for base in cls.__mro__ if is_stand_in(base)
    ) and not callable_from_python(cls, name)


def _classify(item: QObject, name: str) -> tuple:
    cls = type(item)
    found = _found.get((cls, name))
    if found is None:
        found = _found[cls, name] = _classified(cls, item, name)
    return found


def get_attribute(self, name: str):
    """QObject.__getattribute__ of every QObject."""
    if name[0] == "_":
        return _get(self, name)
    kind, *details = _classify(self, name)
    if kind == "property":
        return _read(self, name, details[0])
    if kind == "python":
        return _get(self, name)
    if kind in _SPECIAL:
        return _special(self, kind)
    if kind == "hidden" and module_calls():
        raise AttributeError(
            f"{_meta_object(self).className()}.{name} is no slot, property or invokable method: Python cannot reach it "
            "in Slicer (set the property instead of calling its setter)"
        )
    return _member(self, name, module_calls())


def _read(item: QObject, name: str, key: str):
    guard = (id(item), name)
    if guard in _in_getter:  # C++ is looking for a Python override of a virtual getter (sizeHint ...)
        return _get(item, name)
    _in_getter.add(guard)
    try:
        return to_python(_property(item, key))
    finally:
        _in_getter.discard(guard)


def _special(item: QObject, kind: str):
    if kind == "className":
        return lambda: _meta_object(item).className()
    if kind == "delete":
        return lambda: _get(item, "deleteLater")()
    function = getattr(signals, kind)
    # The static form has the sender first.
    return lambda *a: function(*a) if a and isinstance(a[0], QObject) else function(item, *a)


def _member(item: QObject, name: str, for_module: bool):
    look_up = next((_own_lookup[base] for base in type(item).__mro__ if base in _own_lookup), _get)
    try:
        found = look_up(item, name)
    except AttributeError:
        if name.endswith("_"):  # exec_ and print_ of PythonQt
            return _member(item, name[:-1], for_module)
        return _dynamic(item, name)
    if isinstance(found, types.BuiltinFunctionType):
        return wrapped(name, found)
    if for_module and isinstance(found, SignalInstance):
        return signals.Signal(item, name, found)
    return found


def _dynamic(item: QObject, name: str):
    value = _property(item, name)
    if value is not None:
        return to_python(value)
    for child in QObject.children(item):
        if QObject.objectName(child) == name:
            return child
    raise AttributeError(f"{_meta_object(item).className()} has no attribute named '{name}'")


def set_attribute(self, name: str, value) -> None:
    """__setattr__ of every QObject."""
    if name[0] == "_":
        if is_cpp(type(self)) and not name.startswith("__") and module_calls():
            raise _no_new_attribute(self, name)
        return _store(self, name, value)
    kind, *details = _classify(self, name)
    if kind == "property":
        return _write(self, name, value, *details)
    # PySide6 keeps signal instances as attributes
    if kind == "python" or not is_cpp(type(self)) or isinstance(value, SignalInstance):
        return _store(self, name, value)
    if isinstance(value, QObject) and QObject.objectName(value) == name:
        return None  # QUiLoader sets children as attributes; they are found as children anyway
    if name in (bytes(known).decode() for known in QObject.dynamicPropertyNames(self)):
        _set_property(self, name, value)
        return None
    if hasattr(type(self), name):
        raise AttributeError(f"Slot '{name}' can not be overwritten on {type(self).__name__} object")
    raise _no_new_attribute(self, name)


def _no_new_attribute(item: QObject, name: str) -> AttributeError:
    cls = type(item).__name__
    return AttributeError(f"Attribute '{name}' does not exist and {cls} objects take no new attributes")


def _write(item: QObject, name: str, value, key: str, writable: bool, type_name: str) -> None:
    if not writable:
        raise AttributeError(f"Property '{name}' of {type(item).__name__} object is not writable")
    try:
        if _set_property(item, key, to_property(value, type_name)):
            return
    except NotConvertible:
        pass
    raise AttributeError(
        f"Property '{name}' of type '{type_name}' does not accept {value!r} ({type(value).__name__})"
    )


def _store(item: QObject, name: str, value) -> None:
    """What object.__setattr__ does; QObject's own refuses to be called once the hook is in place."""
    for base in type(item).__mro__:
        descriptor = base.__dict__.get(name)
        if descriptor is not None and hasattr(type(descriptor), "__set__"):
            descriptor.__set__(item, value)
            return
    _get(item, "__dict__")[name] = value


def install() -> None:
    """Puts the two hooks in place: every PySide6 class has a __setattr__ of its own."""
    from PySide6 import QtUiTools

    QObject.__getattribute__ = get_attribute
    for module in (QtCore, QtGui, QtWidgets, QtUiTools):
        for cls in vars(module).values():
            if not isinstance(cls, type) or not issubclass(cls, QObject):
                continue
            cls.__setattr__ = set_attribute
            if cls is not QObject and "__getattribute__" in cls.__dict__:
                _own_lookup[cls] = cls.__getattribute__
                cls.__getattribute__ = get_attribute
