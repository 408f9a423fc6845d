"""Which classes stand for C++ classes, and the widgets that .ui files and the modules `ctk` and `slicer` offer."""

from __future__ import annotations

from .. import api_list

WIDGETS: dict[str, type] = {}
"""Class name -> Python class of every ctk and qMRML widget."""

_STAND_INS: set[type] = set()


def cpp_like(cls: type) -> type:
    """Class decorator: `cls` stands for a C++ class, so modules see it as PythonQt would show that class."""
    _STAND_INS.add(cls)
    return cls


def register(cls: type) -> type:
    """Class decorator: a C++ class that .ui files may name and that `ctk` or `slicer` offers."""
    WIDGETS[cls.__name__] = cls
    return cpp_like(cls)


def is_stand_in(cls: type) -> bool:
    return cls in _STAND_INS


def stand_in_names() -> set[str]:
    """Names of all classes that stand for a C++ class."""
    return {cls.__name__ for cls in _STAND_INS}


def is_cpp(cls: type) -> bool:
    """Whether modules take `cls` for a C++ class: PySide6's own, or one that stands for a ctk or Slicer class."""
    return cls in _STAND_INS or cls.__module__.partition(".")[0] in (
        "PySide6",
        "Shiboken",
        "shiboken6",
        "builtins",
    )


def first_cpp(cls: type) -> type:
    """The C++ class that `cls` is, or that a Python class is derived from."""
    return next(base for base in cls.__mro__ if is_cpp(base))


def callable_from_python(cls: type, name: str) -> bool:
    """False where Slicer's headers say that Python cannot see the member `name`, though the host's class has it."""
    for base in cls.__mro__:
        if not is_stand_in(base):
            if base.__module__.startswith("PySide6") and hasattr(base, name):
                return True
            continue
        entry = api_list.members(base.__name__)
        if entry is None or name in entry:
            if entry is not None or name in base.__dict__:
                return True
        elif isinstance(base.__dict__.get(name), int):
            return True  # an enum value: the list has methods, properties and signals only
    return False
