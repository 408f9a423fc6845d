"""ctk's range widgets: a lower and an upper value within limits."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from .pythonqt.classes import register
from .widget_parts import kept, row_of

_Spin, _Widget = QtWidgets.QDoubleSpinBox, QtWidgets.QWidget


@register
class ctkRangeWidget(_Widget):
    """Two spin boxes; values given the wrong way round are put in order."""

    valuesChanged = Signal(float, float)
    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    rangeChanged = Signal(float, float)

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._limits, self._values = (0.0, 99.0), (0.0, 99.0)
        self._lower, self._upper = _Spin(), _Spin()
        row_of(self, self._lower, self._upper)
        self._lower.valueChanged.connect(lambda value: self.setMinimumValue(value))
        self._upper.valueChanged.connect(lambda value: self.setMaximumValue(value))
        self._show()

    minimum = Property(
        float, lambda self: self._limits[0], lambda self, v: self.setRange(v, max(v, self._limits[1]))
    )
    maximum = Property(
        float, lambda self: self._limits[1], lambda self, v: self.setRange(min(v, self._limits[0]), v)
    )
    minimumValue = Property(float, lambda self: self._values[0], lambda self, v: self.setMinimumValue(v))
    maximumValue = Property(float, lambda self: self._values[1], lambda self, v: self.setMaximumValue(v))
    decimals = Property(
        int, lambda self: _Spin.decimals(self._lower), lambda self, count: self.setDecimals(count)
    )
    singleStep = Property(
        float,
        lambda self: _Spin.singleStep(self._lower),
        lambda self, v: self._on_both(_Spin.setSingleStep, v),
    )
    suffix = Property(
        str, lambda self: _Spin.suffix(self._lower), lambda self, v: self._on_both(_Spin.setSuffix, v)
    )
    prefix = Property(
        str, lambda self: _Spin.prefix(self._lower), lambda self, v: self._on_both(_Spin.setPrefix, v)
    )
    tickInterval = kept(float, "tick_interval", 0.0)
    tracking = kept(bool, "tracking", True)
    symmetricMoves = kept(bool, "symmetric_moves", False)

    def _on_both(self, setter, value) -> None:
        for spin in (self._lower, self._upper):
            setter(spin, value)

    def _show(self) -> None:
        for spin, value in zip((self._lower, self._upper), self._values, strict=True):
            blocked = QtCore.QSignalBlocker(spin)
            _Spin.setRange(spin, *self._limits)
            _Spin.setValue(spin, value)
            blocked.unblock()

    def setRange(self, minimum: float, maximum: float) -> None:
        limits = (float(minimum), float(maximum))
        changed, self._limits = limits != self._limits, limits
        if changed:
            self.rangeChanged.emit(*limits)
        self.setValues(*self._values)

    def setValues(self, lower: float, upper: float) -> None:
        low, high = self._limits
        values = tuple(min(max(value, low), high) for value in sorted((float(lower), float(upper))))
        before, self._values = self._values, values
        self._show()
        if values[0] != before[0]:
            self.minimumValueChanged.emit(values[0])
        if values[1] != before[1]:
            self.maximumValueChanged.emit(values[1])
        if values != before:
            self.valuesChanged.emit(*values)

    def setMinimumValue(self, value: float) -> None:
        self.setValues(value, max(value, self._values[1]))

    def setMaximumValue(self, value: float) -> None:
        self.setValues(min(value, self._values[0]), value)

    def setDecimals(self, count: int) -> None:
        self._on_both(_Spin.setDecimals, count)
        self._show()
