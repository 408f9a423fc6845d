"""slicer.parameterNodeWrapper: typed parameters over a vtkMRMLScriptedModuleNode, by its documented behavior.

One rule is stricter than Slicer's: setting an attribute that is no parameter raises.
"""

# ruff: noqa: N802 - the names are Slicer's
from __future__ import annotations

import typing

import qt
import vtk

from .parameter_gui import SlicerParameterNamePropertyName, connector_for
from .parameter_storage import PackStorage, storage_of
from .parameter_types import (
    Choice,
    Decimals,
    Default,
    Exclude,
    FloatRange,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    RangeBounds,
    SingleStep,
    Validator,
    WithinRange,
    first_extra,
    split_annotation,
)

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "isParameterNodeWrapper",
    "isParameterPack",
    "parameterNodeWrapper",
    "parameterPack",
]

_NOT_GIVEN = object()


class Parameter:
    """One declared parameter: its type, extras, storage and default."""

    def __init__(self, name: str, annotation, default=_NOT_GIVEN) -> None:
        self.name, self.annotation = name, annotation
        self.type, self.extras = split_annotation(annotation)
        self.storage = storage_of(annotation)
        self.validators = [extra for extra in self.extras if isinstance(extra, Validator)]
        annotated, choice = first_extra(self.extras, Default), first_extra(self.extras, Choice)
        if default is not _NOT_GIVEN:
            self.default = default
        elif annotated is not None:
            self.default = annotated.value
        else:
            self.default = choice.choices[0] if choice is not None else self.storage.zero()
        if self.default is not None or not any(isinstance(v, NotNone) for v in self.validators):
            self.check(self.default)  # a default that is no allowed value is the author's mistake

    def check(self, value):
        """The value to store; raises TypeError or ValueError, naming the parameter, for one that is not allowed."""
        try:
            value = self.storage.check(value)
            for validator in self.validators:
                validator.validate(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"parameter {self.name}: {error}") from None
        return value


def _parameters(cls: type) -> dict[str, Parameter]:
    hints = typing.get_type_hints(cls, include_extras=True)
    for name in hints:
        if name.startswith("_") or hasattr(_Wrapper, name):
            raise ValueError(f"{cls.__name__}: a parameter cannot be named {name}")
    return {name: Parameter(name, hint, getattr(cls, name, _NOT_GIVEN)) for name, hint in hints.items()}


class _Pack:
    """What parameterPack makes: members that are checked when set, and written back if read from a node."""

    allParameters: dict[str, Parameter]  # noqa: N815

    def __init__(self, *values, **named) -> None:
        object.__setattr__(self, "_write_back", None)
        given = dict(zip(self.allParameters, values, strict=False)) | named
        if len(values) > len(self.allParameters) or set(given) - set(self.allParameters):
            raise TypeError(f"{type(self).__name__} has the members {list(self.allParameters)}")
        for name, parameter in self.allParameters.items():
            setattr(self, name, given.get(name, parameter.default))

    def __setattr__(self, name: str, value) -> None:
        if name == "_write_back":
            object.__setattr__(self, name, value)
            return
        if name not in self.allParameters:
            raise AttributeError(f"{type(self).__name__} has no member {name}")
        value = self.allParameters[name].check(value)
        object.__setattr__(self, name, value)
        if self._write_back is not None:
            self._write_back(name, value)

    def __eq__(self, other) -> bool:
        return isinstance(other, type(self)) and all(
            getattr(self, name) == getattr(other, name) for name in self.allParameters
        )

    __hash__ = None

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.allParameters)
        return f"{type(self).__name__}({members})"


class _Wrapper:
    """What parameterNodeWrapper makes: the declared parameters as properties over `parameterNode`."""

    allParameters: dict[str, Parameter]  # noqa: N815

    def __init__(self, parameterNode, prefix: str | None = None) -> None:  # noqa: N803
        self.parameterNode = parameterNode
        self._prefix = f"{prefix}." if prefix else ""
        self._connections: dict[int, tuple[dict, int]] = {}
        self._next_tag = 0
        self._updating_gui = False
        for name, parameter in self.allParameters.items():
            if not parameter.storage.is_in(parameterNode, self._prefix + name):
                parameter.storage.write(parameterNode, self._prefix + name, parameter.default)

    def __setattr__(self, name: str, value) -> None:
        if not (name == "parameterNode" or name.startswith("_") or hasattr(type(self), name)):
            raise AttributeError(f"{type(self).__name__} has no parameter {name}")
        object.__setattr__(self, name, value)

    def _resolve(self, name: str) -> tuple[Parameter, str]:
        """The parameter of a name, which may lead into packs ("pack.member"), and its key."""
        parameters, parameter = self.allParameters, None
        for part in name.split("."):
            if part not in parameters:
                raise ValueError(f"{type(self).__name__} has no parameter {name}")
            parameter = parameters[part]
            parameters = (
                parameter.storage.pack.allParameters if isinstance(parameter.storage, PackStorage) else {}
            )
        return parameter, self._prefix + name

    def getValue(self, name: str):
        parameter, key = self._resolve(name)
        return parameter.storage.read(self.parameterNode, key)

    def setValue(self, name: str, value) -> None:
        parameter, key = self._resolve(name)
        value = parameter.check(value)
        before = self.parameterNode.StartModify()
        try:
            parameter.storage.write(self.parameterNode, key, value)
        finally:
            self.parameterNode.EndModify(before)

    def default(self, name: str) -> Default:
        return Default(self._resolve(name)[0].default)

    def dataType(self, name: str):
        return self._resolve(name)[0].annotation

    def isCached(self, name: str) -> bool:
        return False

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, before: int) -> int:
        return self.parameterNode.EndModify(before)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event, callback, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui) -> int:
        """Connects all widgets below `gui` (or in the object of childWidgetVariables) that name a parameter."""
        widgets = gui.findChildren(qt.QWidget) if isinstance(gui, qt.QWidget) else vars(gui).values()
        named = {}
        for widget in widgets:
            name = (
                widget.property(SlicerParameterNamePropertyName) if isinstance(widget, qt.QWidget) else None
            )
            if name:
                named[name] = widget
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, widgets: dict) -> int:
        """Connects {parameter name: widget}; raises ValueError for a name and RuntimeError for a pair that does not go."""
        connectors = {name: connector_for(widget, self._resolve(name)[0]) for name, widget in widgets.items()}
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.connect(lambda name=name, connector=connector: self._from_gui(name, connector))
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._to_gui())
        self._connections[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        connectors, observer = self._connections.pop(tag)
        self.RemoveObserver(observer)
        for connector in connectors.values():
            connector.disconnect()

    def _from_gui(self, name: str, connector) -> None:
        if not self._updating_gui:
            self.setValue(name, connector.read())

    def _to_gui(self) -> None:
        if self._updating_gui:
            return
        self._updating_gui = True
        try:
            for connectors, _ in list(self._connections.values()):
                for name, connector in connectors.items():
                    value = self.getValue(name)
                    if connector.read() != value:
                        connector.write(value)
        finally:
            self._updating_gui = False


def _property(name: str) -> property:
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


def _body(cls: type, parameters: dict) -> dict:
    return {k: v for k, v in vars(cls).items() if k not in {"__dict__", "__weakref__", *parameters}}


def parameterNodeWrapper(cls: type) -> type:
    """Class decorator: the annotated names become parameters of the node given to the constructor."""
    parameters = _parameters(cls)
    made = type(cls.__name__, (_Wrapper,), _body(cls, parameters) | {"allParameters": parameters})
    for name in parameters:
        setattr(made, name, _property(name))
    return made


def parameterPack(cls: type) -> type:
    """Class decorator: a group of parameters that is itself the type of a parameter."""
    parameters = _parameters(cls)
    return type(cls.__name__, (_Pack,), _body(cls, parameters) | {"allParameters": parameters})


def isParameterNodeWrapper(thing) -> bool:
    return isinstance(thing, _Wrapper) or (isinstance(thing, type) and issubclass(thing, _Wrapper))


def isParameterPack(thing) -> bool:
    return isinstance(thing, _Pack) or (isinstance(thing, type) and issubclass(thing, _Pack))
