"""View widgets: they show an off-screen view in Qt and pass the mouse on to it."""

# ruff: noqa: N801, N802 - the names are Slicer's and Qt's
from __future__ import annotations

import vtk
from PySide6 import QtGui, QtWidgets
from PySide6.QtCore import Qt

from .pythonqt import QObject, cpp_like, register
from .qmrml_base import observe
from .views import SliceView, ThreeDView

_QWidget = QtWidgets.QWidget
_PRESS = {Qt.LeftButton: "LeftButtonPressEvent", Qt.RightButton: "RightButtonPressEvent"}
_RELEASE = {Qt.LeftButton: "LeftButtonReleaseEvent", Qt.RightButton: "RightButtonReleaseEvent"}


@cpp_like
class Canvas(_QWidget):
    """A widget that paints a view's picture; it renders only when it is seen and the picture is stale."""

    def __init__(self, view, parent=None) -> None:
        super().__init__(parent)
        self._view, self._picture, self._stale, self._paused = view, None, True, False
        view.on_change = self.scheduleRender
        _QWidget.setMinimumSize(self, 120, 100)
        _QWidget.setMouseTracking(self, True)
        _QWidget.setFocusPolicy(self, Qt.StrongFocus)

    def scheduleRender(self) -> None:
        self._stale = True
        if not self._paused:
            _QWidget.update(self)

    def forceRender(self) -> None:
        pixels = self._view.image()
        height, width = pixels.shape[:2]
        image = QtGui.QImage(pixels.data, width, height, 3 * width, QtGui.QImage.Format_RGB888)
        self._picture, self._stale = image.copy(), False  # a copy: QImage does not own numpy's buffer
        _QWidget.update(self)

    def renderWindow(self):
        return self._view.render_window

    def interactor(self):
        return self._view.interactor

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        if not paused and self._stale:
            _QWidget.update(self)

    def resizeEvent(self, event) -> None:
        self._view.resize(event.size().width(), event.size().height())
        self._stale = True

    def paintEvent(self, event) -> None:
        if self._picture is None or (self._stale and not self._paused):
            self.forceRender()
        painter = QtGui.QPainter(self)
        painter.drawImage(0, 0, self._picture)
        painter.end()

    def _pass_on(self, event, name: str) -> None:
        control = int(bool(event.modifiers() & Qt.ControlModifier))
        shift = int(bool(event.modifiers() & Qt.ShiftModifier))
        x, y = int(event.position().x()), int(event.position().y())
        self._view.interactor.SetEventInformationFlipY(x, y, control, shift, "\0", 0, None)
        self._view.interactor.InvokeEvent(name)

    def mousePressEvent(self, event) -> None:
        self._pass_on(event, _PRESS.get(event.button(), "MiddleButtonPressEvent"))

    def mouseReleaseEvent(self, event) -> None:
        self._pass_on(event, _RELEASE.get(event.button(), "MiddleButtonReleaseEvent"))

    def mouseMoveEvent(self, event) -> None:
        self._pass_on(event, "MouseMoveEvent")

    def wheelEvent(self, event) -> None:
        forward = event.angleDelta().y() > 0
        self._pass_on(event, "MouseWheelForwardEvent" if forward else "MouseWheelBackwardEvent")

    def enterEvent(self, event) -> None:
        self._view.interactor.InvokeEvent("EnterEvent")


@register
class qMRMLSliceView(Canvas):
    """The picture of a slice view, without its bar."""

    def mrmlSliceNode(self):
        return self._view.node


@register
class qMRMLThreeDView(Canvas):
    """The picture of a 3D view."""

    def mrmlViewNode(self):
        return self._view.node

    def resetFocalPoint(self) -> None:
        self._view.reset_focal_point()


class _ViewWidget(_QWidget):
    """A bar in the view's color with its label, over the picture."""

    def __init__(self, node, canvas: _QWidget, parent=None) -> None:
        super().__init__(parent)
        self._node, self._canvas = node, canvas
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._bar = _QWidget()
        red, green, blue = (round(255 * channel) for channel in node.GetLayoutColor())
        _QWidget.setStyleSheet(self._bar, f"background: rgb({red},{green},{blue}); color: black;")
        self._bar_layout = QtWidgets.QHBoxLayout(self._bar)
        self._bar_layout.setContentsMargins(4, 1, 4, 1)
        self._bar_layout.addWidget(QtWidgets.QLabel(node.GetLayoutLabel()))
        layout.addWidget(self._bar)
        layout.addWidget(canvas, 1)

    def mrmlAbstractViewNode(self):
        return self._node

    def viewWidget(self):
        return self._canvas

    def _set_paused(self, paused: bool) -> None:
        if isinstance(self._canvas, Canvas):
            self._canvas._set_paused(paused)

    def _close(self) -> None:
        if isinstance(self._canvas, Canvas):
            self._canvas._view.on_change = lambda: None
            self._canvas._view.close()


cpp_like(_ViewWidget)


@register
class qMRMLSliceWidget(_ViewWidget):
    """A slice view with its offset slider, in tenths of a millimeter."""

    def __init__(self, node, application_logic, parent=None) -> None:
        self._view = SliceView(node, application_logic)
        super().__init__(node, qMRMLSliceView(self._view), parent)
        self._offset, self._label = QtWidgets.QSlider(Qt.Horizontal), QtWidgets.QLabel()
        self._bar_layout.addWidget(self._offset, 1)
        self._bar_layout.addWidget(self._label)
        self._offset.valueChanged.connect(lambda tenths: self._view.logic.SetSliceOffset(tenths / 10))
        self._observer = observe(node, vtk.vtkCommand.ModifiedEvent, self._follow)
        self._follow()

    def _follow(self) -> None:
        bounds, resolution = [0.0, 0.0], vtk.reference(1.0)
        self._view.logic.GetSliceOffsetRangeResolution(bounds, resolution)
        offset = self._view.logic.GetSliceOffset()
        QObject.blockSignals(self._offset, True)
        QtWidgets.QSlider.setRange(self._offset, int(10 * bounds[0]), int(10 * bounds[1]))
        QtWidgets.QSlider.setValue(self._offset, round(10 * offset))
        QObject.blockSignals(self._offset, False)
        QtWidgets.QLabel.setText(self._label, f"{offset:.2f} mm")

    def sliceView(self) -> qMRMLSliceView:
        return self._canvas

    def sliceLogic(self):
        return self._view.logic

    def mrmlSliceNode(self):
        return self._node

    def mrmlSliceCompositeNode(self):
        return self._view.logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._view.fit()

    def _close(self) -> None:
        self._node.RemoveObserver(self._observer)
        super()._close()


@register
class qMRMLThreeDWidget(_ViewWidget):
    """A 3D view."""

    def __init__(self, node, application_logic, parent=None) -> None:
        super().__init__(node, qMRMLThreeDView(ThreeDView(node, application_logic)), parent)

    def threeDView(self) -> qMRMLThreeDView:
        return self._canvas

    def mrmlViewNode(self):
        return self._node
