"""Connections of parameters and widgets. As in Slicer, only a widget of exactly a known class can be connected."""

from __future__ import annotations

import enum
import pathlib

from .parameter_storage import NodeStorage
from .parameter_types import (
    Choice,
    Decimals,
    FloatRange,
    Maximum,
    Minimum,
    RangeBounds,
    SingleStep,
    WithinRange,
    first_extra,
)

SlicerParameterNamePropertyName = "SlicerParameterName"
_INT_LIMIT = 2**31 - 1


class Connector:
    """Reads and writes one property of a widget and hears one of its signals."""

    def __init__(self, widget, name: str, signal: str) -> None:
        self.widget, self.name, self._signal = widget, name, signal
        self._slot = None

    def read(self):
        return getattr(self.widget, self.name)

    def write(self, value) -> None:
        setattr(self.widget, self.name, value)

    def connect(self, changed) -> None:
        self._slot = lambda *_: changed()  # the same object again for disconnect
        if self._signal:
            self.widget.connect(self._signal, self._slot)

    def disconnect(self) -> None:
        if self._signal and self._slot is not None:
            self.widget.disconnect(self._signal, self._slot)
        self._slot = None


class _Path(Connector):
    def __init__(self, widget, name: str, signal: str, type_: type) -> None:
        super().__init__(widget, name, signal)
        self._type = type_

    def read(self):
        return self._type(super().read())

    def write(self, value) -> None:
        super().write(str(value))


class _Node(Connector):
    def read(self):
        return self.widget.currentNode()

    def write(self, value) -> None:
        self.widget.setCurrentNode(value)


class _Range(Connector):
    def read(self):
        return FloatRange(self.widget.minimumValue, self.widget.maximumValue)

    def write(self, value) -> None:
        self.widget.setValues(value.minimum, value.maximum)


class _Items(Connector):
    """A combo box filled with the allowed values."""

    def __init__(self, widget, values: list, texts: list[str]) -> None:
        super().__init__(widget, "currentIndex", "currentIndexChanged(int)")
        self._values = values
        widget.clear()
        for text in texts:
            widget.addItem(text)

    def read(self):
        index = super().read()
        return self._values[index] if index >= 0 else None

    def write(self, value) -> None:
        super().write(self._values.index(value))


# Class of the widget -> its property and its signal, for the types whose value is that property.
_FLAGS = {
    "QCheckBox": ("checked", "toggled(bool)"),
    "ctkCheckBox": ("checked", "toggled(bool)"),
    "QPushButton": ("checked", "toggled(bool)"),
    "ctkCheckablePushButton": ("checked", "toggled(bool)"),
}
_INTEGERS = {"QSlider": ("value", "valueChanged(int)"), "QSpinBox": ("value", "valueChanged(int)")}
_NUMBERS = {
    "QDoubleSpinBox": ("value", "valueChanged(double)"),
    "ctkDoubleSpinBox": ("value", "valueChanged(double)"),
    "qMRMLSpinBox": ("value", "valueChanged(double)"),
    "ctkSliderWidget": ("value", "valueChanged(double)"),
    "qMRMLSliderWidget": ("value", "valueChanged(double)"),
    "ctkDoubleSlider": ("value", "valueChanged(double)"),
}
_TEXTS = {
    "QLineEdit": ("text", "textChanged(QString)"),
    "QTextEdit": ("plainText", "textChanged()"),
    "QLabel": ("text", ""),
}
_PATHS = {
    "ctkPathLineEdit": ("currentPath", "currentPathChanged(QString)"),
    "ctkDirectoryButton": ("directory", "directoryChanged(QString)"),
}
_RANGES = ("ctkRangeWidget", "qMRMLRangeWidget", "ctkDoubleRangeSlider")
_SLIDERS = ("QSlider", "ctkSliderWidget", "qMRMLSliderWidget", "ctkDoubleSlider")


def connector_for(widget, parameter) -> Connector:
    """Raises RuntimeError if a widget of this class cannot show a parameter of this type."""
    kind, type_ = type(widget).__name__, parameter.type
    choice = first_extra(parameter.extras, Choice)
    if isinstance(parameter.storage, NodeStorage) and kind == "qMRMLNodeComboBox":
        return _Node(widget, "", "currentNodeChanged(vtkMRMLNode*)")
    if kind in ("QComboBox", "ctkComboBox"):
        if isinstance(type_, type) and issubclass(type_, enum.Enum):
            texts = [member.label() if hasattr(member, "label") else member.name for member in type_]
            return _Items(widget, list(type_), texts)
        if choice is not None:
            return _Items(widget, choice.choices, [str(value) for value in choice.choices])
    if type_ is FloatRange and kind in _RANGES:
        return _range(widget, parameter)
    if isinstance(type_, type) and issubclass(type_, pathlib.PurePath) and kind in _PATHS:
        return _Path(widget, *_PATHS[kind], type_)
    if type_ is bool and kind in _FLAGS:
        if not widget.checkable:
            raise RuntimeError(f"parameter {parameter.name}: the button {widget.objectName} is not checkable")
        return Connector(widget, *_FLAGS[kind])
    if type_ is str and kind in _TEXTS:
        return Connector(widget, *_TEXTS[kind])
    if (type_ is int and kind in _INTEGERS) or (type_ in (int, float) and kind in _NUMBERS):
        return _number(widget, parameter, kind)
    raise RuntimeError(f"parameter {parameter.name}: a {kind} cannot show {parameter.annotation}")


def _number(widget, parameter, kind: str) -> Connector:
    low, high = _bounds(parameter)
    if kind in _SLIDERS and (low is None or high is None):
        raise RuntimeError(f"parameter {parameter.name}: a {kind} needs bounds: add WithinRange to its type")
    # The parameter's own bounds replace those of the .ui file, as in Slicer.
    widget.minimum = -_INT_LIMIT if low is None else low
    widget.maximum = _INT_LIMIT if high is None else high
    for extra, name in ((SingleStep, "singleStep"), (Decimals, "decimals")):
        found = first_extra(parameter.extras, extra)
        if found is not None:
            setattr(widget, name, found.value)
    names = _INTEGERS.get(kind) or _NUMBERS[kind]
    return _Whole(widget, *names) if parameter.type is int else Connector(widget, *names)


class _Whole(Connector):
    def read(self):
        return round(super().read())  # a double spin box may show an int parameter


def _bounds(parameter) -> tuple[float | None, float | None]:
    within = first_extra(parameter.extras, WithinRange)
    if within is not None:
        return within.minimum, within.maximum
    low, high = first_extra(parameter.extras, Minimum), first_extra(parameter.extras, Maximum)
    return (low.minimum if low is not None else None), (high.maximum if high is not None else None)


def _range(widget, parameter) -> Connector:
    bounds = first_extra(parameter.extras, RangeBounds)
    if bounds is None:
        raise RuntimeError(f"parameter {parameter.name}: a range widget needs RangeBounds in its type")
    widget.minimum, widget.maximum = bounds.minimum, bounds.maximum
    return _Range(widget, "", "valuesChanged(double,double)")
