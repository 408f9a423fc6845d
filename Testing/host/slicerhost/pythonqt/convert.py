"""Values on their way between Python and Qt, as PythonQtConversion.cpp converts them."""

from __future__ import annotations

import enum
import math
import typing


def to_python(value):
    """Lists (QStringList, QList, QVariantList) arrive in Python as tuples."""
    return tuple(value) if isinstance(value, list) else value


class NotConvertible(Exception):
    """PythonQt has no conversion of this value to this type."""


def to_property(value, type_name: str):
    """`value` as a Qt property of `type_name` takes it; raises NotConvertible."""
    if type_name == "bool":
        return bool(value)
    if type_name == "QString":
        return value if isinstance(value, str) else str(value)
    if type_name in ("int", "uint"):
        return _number(value, math.floor)
    if type_name in ("double", "float"):
        return _number(value, float)
    if type_name == "QStringList":
        if not isinstance(value, list | tuple):
            raise NotConvertible
        return [str(item) for item in value]
    return list(value) if isinstance(value, tuple) else value


def _number(value, convert):
    try:
        if isinstance(value, str | bytes) or value is None:
            raise NotConvertible
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        raise NotConvertible from None


def is_text(annotation) -> bool:
    """Whether a parameter is a QString: PySide6 annotates it as str or as str | None."""
    return annotation is str or str in typing.get_args(annotation)


def to_argument(value, annotation):
    """`value` as a method's argument of the annotated PySide6 type takes it; raises NotConvertible."""
    if is_text(annotation):
        return value if isinstance(value, str) else str(value)
    if annotation is bool:
        return bool(value)
    if annotation is int:
        return _number(value, math.floor)
    if annotation is float:
        return _number(value, float)
    if isinstance(annotation, enum.EnumMeta):
        try:
            return annotation(int(value))
        except (TypeError, ValueError):
            raise NotConvertible from None
    return list(value) if isinstance(value, tuple) else value
