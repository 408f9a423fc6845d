"""Calls of Qt methods: positional arguments only, PythonQt's loose conversions, tuples as results."""

from __future__ import annotations

import inspect

from PySide6 import QtCore, QtWidgets
from shibokensupport.signature import get_signature

from .caller import module_calls
from .convert import NotConvertible, is_text, to_argument, to_python

_WRONG_ARGUMENTS = (
    "called with wrong argument",
    "takes exactly",
    "takes at most",
    "not enough arguments",
    "too many",
)
_DELETED = "already deleted"


def wrapped(name: str, method):
    """`method` of a C++ object as PythonQt offers it. Wrong arguments raise ValueError."""

    def call(*arguments, **named):
        if named and module_calls():
            raise ValueError(
                f"{name}: Qt methods take no keyword arguments in Slicer (given: {', '.join(named)})"
            )
        if name in ("findChild", "findChildren"):
            arguments = _with_class(arguments)
        if any(argument is None for argument in arguments):
            arguments = _none_as_text(method, arguments)
        try:
            return to_python(method(*arguments, **named))
        except TypeError as error:
            if not any(text in str(error) for text in _WRONG_ARGUMENTS):
                raise
            return to_python(_called_loosely(name, method, arguments, error))
        except RuntimeError as error:
            if _DELETED in str(error):
                raise ValueError(
                    f"{name}: the Qt object has been deleted (did its last Python name die?)"
                ) from error
            raise

    call.__name__ = call.__qualname__ = name
    return call


def _with_class(arguments: tuple) -> tuple:
    """findChild takes a class name, too."""
    if arguments and isinstance(arguments[0], str):
        return (getattr(QtWidgets, arguments[0], QtCore.QObject), *arguments[1:])
    return arguments


def _signatures(method) -> list[list]:
    """The annotated types of the positional parameters of every overload."""
    owner = next((cls for cls in type(method.__self__).__mro__ if method.__name__ in cls.__dict__), None)
    found = get_signature(owner.__dict__[method.__name__]) if owner is not None else None
    return [
        [parameter.annotation for parameter in signature.parameters.values() if parameter.name != "self"]
        for signature in (found if isinstance(found, list) else [found])
        if isinstance(signature, inspect.Signature)
    ]


def _none_as_text(method, arguments: tuple) -> tuple:
    """None for a text becomes "None", as in Slicer; PySide6 would take it for an empty text."""
    for types in _signatures(method):
        if len(types) >= len(arguments) and all(
            a is not None or is_text(t) for a, t in zip(arguments, types, strict=False)
        ):
            return tuple("None" if argument is None else argument for argument in arguments)
    return arguments


def _called_loosely(name: str, method, arguments: tuple, error: TypeError):
    for types in _signatures(method):
        if len(types) < len(arguments):
            continue
        try:
            return method(*(to_argument(a, t) for a, t in zip(arguments, types, strict=False)))
        except (NotConvertible, TypeError):
            continue
    raise ValueError(f"{name}: no overload takes {arguments!r}") from error
