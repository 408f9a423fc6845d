"""What modules may do with Qt's classes: positional arguments in constructors, unscoped enums, exact isinstance.

These rules sit on the metaclass of all PySide6 classes, and hold only for calls out of modules.
"""

from __future__ import annotations

import enum

from PySide6 import QtCore, QtWidgets

from .caller import module_calls
from .classes import first_cpp, is_cpp, is_stand_in

_Meta = type(QtCore.QObject)
_class_attribute = _Meta.__getattribute__
_construct = _Meta.__call__


class EnumType:
    """`qt.Qt.AlignmentFlag`: converts an int; its values are found on the class around it."""

    def __init__(self, cls: type, values: enum.EnumMeta) -> None:
        self._name = f"qt.{cls.__name__}.{values.__name__}"
        self._outer, self._values = cls, values

    def __call__(self, value=0):
        return self._values(int(value))

    def __getattr__(self, name: str):
        raise AttributeError(f"{self._name} has no values in Slicer: write qt.{self._outer.__name__}.{name}")


def _get_class_attribute(cls, name: str):
    found = _class_attribute(cls, name)
    if isinstance(found, enum.EnumMeta) and is_cpp(cls) and module_calls():
        return EnumType(cls, found)
    return found


def _new_object(cls, *arguments, **named):
    if is_cpp(cls) and module_calls():
        if named:
            raise ValueError(
                f"{cls.__name__}: constructors take no keyword arguments in Slicer ({', '.join(named)})"
            )
        if is_stand_in(cls) and not _is_parent(arguments):
            raise ValueError(f"{cls.__name__}: the constructor takes a parent widget only, not {arguments!r}")
    return _construct(cls, *arguments) if not named else _construct(cls, *arguments, **named)


def _is_parent(arguments: tuple) -> bool:
    parent = arguments[0] if arguments else None
    return len(arguments) < 2 and (parent is None or isinstance(parent, QtWidgets.QWidget | QtCore.QObject))


def _is_instance(cls, item) -> bool:
    """In PythonQt a button is no QAbstractButton: only its exact class matches, and Python classes derived from it."""
    if not type.__instancecheck__(cls, item) or not is_cpp(cls) or not module_calls():
        return type.__instancecheck__(cls, item)
    return not isinstance(item, QtCore.QObject) or first_cpp(type(item)) is cls


def install() -> None:
    _Meta.__getattribute__ = _get_class_attribute
    _Meta.__call__ = _new_object
    _Meta.__instancecheck__ = _is_instance
