"""Annotations and validators of parameter nodes, and FloatRange."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Default:
    """`Annotated[int, Default(3)]`: the value of a parameter that was never set."""

    value: object


@dataclass
class Decimals:
    """Digits that a connected number widget shows."""

    value: int


@dataclass
class SingleStep:
    """Step of a connected number widget."""

    value: float


class Validator:
    """Refuses a value by raising ValueError or TypeError from `validate`."""

    def validate(self, value) -> None:
        raise NotImplementedError


class NotNone(Validator):
    def validate(self, value) -> None:
        if value is None:
            raise ValueError("value must not be None")


class IsInstance(Validator):
    def __init__(self, *types: type) -> None:
        self.types = types

    def validate(self, value) -> None:
        if not isinstance(value, self.types):
            names = " or ".join(type_.__name__ for type_ in self.types)
            raise TypeError(f"value must be {names}, not {type(value).__name__}")


class WithinRange(Validator):
    """Both ends are allowed values."""

    def __init__(self, minimum: float, maximum: float) -> None:
        if maximum < minimum:
            raise ValueError(f"range from {minimum} to {maximum} is empty")
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"value must be within [{self.minimum}, {self.maximum}], not {value}")


class Minimum(Validator):
    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def validate(self, value) -> None:
        if value < self.minimum:
            raise ValueError(f"value must be at least {self.minimum}, not {value}")


class Maximum(Validator):
    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def validate(self, value) -> None:
        if value > self.maximum:
            raise ValueError(f"value must be at most {self.maximum}, not {value}")


class Choice(Validator):
    def __init__(self, choices: Iterable) -> None:
        self.choices = list(choices)

    def validate(self, value) -> None:
        if value not in self.choices:
            raise ValueError(f"value must be one of {self.choices}, not {value!r}")


class Exclude(Validator):
    def __init__(self, excluded: Iterable) -> None:
        self.excluded = list(excluded)

    def validate(self, value) -> None:
        if value in self.excluded:
            raise ValueError(f"value must not be {value!r}")


class RangeBounds(Validator):
    """Bounds of both ends of a FloatRange."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value) -> None:
        if value.minimum < self.minimum or value.maximum > self.maximum:
            raise ValueError(f"range must lie within [{self.minimum}, {self.maximum}], not {value}")


@dataclass
class FloatRange:
    """A range of numbers; `minimum` is at most `maximum`."""

    minimum: float = 0.0
    maximum: float = 0.0

    def __post_init__(self) -> None:
        if self.maximum < self.minimum:
            raise ValueError(f"range from {self.minimum} to {self.maximum} is empty")


def split_annotation(annotation) -> tuple[type, list]:
    """The type and the extras of `Annotated[type, *extras]`."""
    if typing.get_origin(annotation) is typing.Annotated:
        type_, *extras = typing.get_args(annotation)
        return type_, extras
    return annotation, []


def first_extra(extras: list, cls: type):
    """The first extra of a class, or None."""
    return next((extra for extra in extras if isinstance(extra, cls)), None)
