"""ctk's sliders and spin boxes for floating point values."""

# ruff: noqa: N801, N802, N815 - the names are ctk's
from __future__ import annotations

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Qt, Signal

from .pythonqt.classes import cpp_like, register
from .widget_parts import kept, row_of

_Slider, _Spin, _Widget = QtWidgets.QSlider, QtWidgets.QDoubleSpinBox, QtWidgets.QWidget


@cpp_like
class _Number(_Widget):
    """A value within limits; `_show` of the derived classes brings their parts in line with it.

    As in ctk, a limit set beyond the other one takes that with it, and the value follows.
    """

    valueChanged = Signal(float)
    _minimum, _maximum, _value, _step = 0.0, 99.0, 0.0, 1.0

    value = Property(float, lambda self: self._value, lambda self, value: self._set_value(value))
    minimum = Property(float, lambda self: self._minimum, lambda self, value: self._set_minimum(value))
    maximum = Property(float, lambda self: self._maximum, lambda self, value: self._set_maximum(value))
    singleStep = Property(float, lambda self: self._step, lambda self, value: self._set_step(value))

    def setValue(self, value: float) -> None:
        self._set_value(value)

    def _changed(self, value: float) -> None:
        self.valueChanged.emit(value)

    def _set_value(self, value: float) -> None:
        value = min(max(float(value), self._minimum), self._maximum)
        changed, self._value = value != self._value, value
        self._show()
        if changed:
            self._changed(value)

    def _set_minimum(self, value: float) -> None:
        self._minimum, self._maximum = float(value), max(self._maximum, float(value))
        self._set_value(self._value)

    def _set_maximum(self, value: float) -> None:
        self._maximum, self._minimum = float(value), min(self._minimum, float(value))
        self._set_value(self._value)

    def _set_step(self, value: float) -> None:
        self._step = float(value)
        self._show()


def _slider_steps(number: _Number) -> int:
    return max(1, round((number._maximum - number._minimum) / number._step))


def _show_on_slider(slider: _Slider, number: _Number) -> None:
    blocked = QtCore.QSignalBlocker(slider)
    _Slider.setRange(slider, 0, _slider_steps(number))
    _Slider.setValue(slider, round((number._value - number._minimum) / number._step))
    blocked.unblock()


def _show_in_spin_box(spin: _Spin, number: _Number) -> None:
    blocked = QtCore.QSignalBlocker(spin)
    _Spin.setRange(spin, number._minimum, number._maximum)
    _Spin.setSingleStep(spin, number._step)
    _Spin.setValue(spin, number._value)
    blocked.unblock()


@register
class ctkDoubleSlider(_Number):
    sliderMoved = Signal(float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    rangeChanged = Signal(float, float)

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._slider = _Slider(Qt.Horizontal)
        row_of(self, self._slider)
        self._slider.valueChanged.connect(lambda step: self._set_value(self._minimum + step * self._step))
        self._slider.sliderPressed.connect(self.sliderPressed)
        self._slider.sliderReleased.connect(self.sliderReleased)
        self._slider.sliderMoved.connect(
            lambda step: self.sliderMoved.emit(self._minimum + step * self._step)
        )
        self._show()

    pageStep = kept(float, "page_step", 10.0)
    handleToolTip = kept(str, "handle_tool_tip", "")
    orientation = Property(
        int,
        lambda self: int(_Slider.orientation(self._slider)),
        lambda self, value: self.setOrientation(value),
    )
    tracking = Property(
        bool,
        lambda self: _Slider.hasTracking(self._slider),
        lambda self, on: _Slider.setTracking(self._slider, on),
    )

    def _show(self) -> None:
        _show_on_slider(self._slider, self)

    def setOrientation(self, orientation: int) -> None:
        _Slider.setOrientation(self._slider, Qt.Orientation(orientation))


@cpp_like
class _SpinBoxNumber(_Number):
    """A value that the derived classes show in the spin box `_spin`."""

    decimalsChanged = Signal(int)
    _maximum = 99.99

    decimals = Property(
        int, lambda self: _Spin.decimals(self._spin), lambda self, count: self.setDecimals(count)
    )
    suffix = Property(
        str, lambda self: _Spin.suffix(self._spin), lambda self, text: _Spin.setSuffix(self._spin, text)
    )
    prefix = Property(
        str, lambda self: _Spin.prefix(self._spin), lambda self, text: _Spin.setPrefix(self._spin, text)
    )

    def setDecimals(self, count: int) -> None:
        _Spin.setDecimals(self._spin, count)
        self._show()
        self.decimalsChanged.emit(count)


@register
class ctkDoubleSpinBox(_SpinBoxNumber):
    editingFinished = Signal()

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._spin = _Spin()
        row_of(self, self._spin)
        self._spin.valueChanged.connect(self._set_value)
        self._spin.editingFinished.connect(self.editingFinished)
        self._show()

    readOnly = Property(
        bool, lambda self: _Spin.isReadOnly(self._spin), lambda self, on: self.setReadOnly(on)
    )
    cleanText = Property(str, lambda self: _Spin.cleanText(self._spin))
    decimalsOption = kept(int, "decimals_option", 0)

    def _show(self) -> None:
        _show_in_spin_box(self._spin, self)

    def setReadOnly(self, on: bool) -> None:
        _Spin.setReadOnly(self._spin, on)

    def stepUp(self) -> None:
        self._set_value(self._value + self._step)

    def stepDown(self) -> None:
        self._set_value(self._value - self._step)


@register
class ctkSliderWidget(_SpinBoxNumber):
    """Slider and spin box in a row."""

    valueIsChanging = Signal(float)

    def __init__(self, parent: _Widget | None = None) -> None:
        super().__init__(parent)
        self._slider, self._spin = _Slider(Qt.Horizontal), _Spin()
        QtCore.QObject.setObjectName(self._slider, "Slider")
        QtCore.QObject.setObjectName(self._spin, "SpinBox")
        row_of(self, self._slider, self._spin)
        self._slider.valueChanged.connect(lambda step: self._set_value(self._minimum + step * self._step))
        self._slider.sliderReleased.connect(self._released)
        self._spin.valueChanged.connect(self._set_value)
        self._show()

    spinBoxVisible = Property(
        bool, lambda self: not _Widget.isHidden(self._spin), lambda self, on: self.setSpinBoxVisible(on)
    )
    pageStep = kept(float, "page_step", 10.0)
    tickInterval = kept(float, "tick_interval", 0.0)
    tracking = kept(bool, "tracking", True)

    def _show(self) -> None:
        _show_on_slider(self._slider, self)
        _show_in_spin_box(self._spin, self)

    def _changed(self, value: float) -> None:
        dragged = _Slider.isSliderDown(self._slider)
        self.valueIsChanging.emit(value)
        if not dragged or self.tracking:
            self.valueChanged.emit(value)

    def _released(self) -> None:
        if not self.tracking:
            self.valueChanged.emit(self._value)

    def setSpinBoxVisible(self, on: bool) -> None:
        _Widget.setVisible(self._spin, on)
