"""The preview that follows the sliders: visible slices at once, the whole volume when the slider rests.

Everything is on the GUI thread: slices take a few ms, and the whole volume is rendered in pieces between which the
application answers. No Qt or MRML object may be touched from another thread; the formula's own threads touch arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import qt
import slicer

from mrstyle.acquisition import Acquisition
from mrstyle.encoding import Encoding
from MRStyleLib.pieces import Pieces
from MRStyleLib.visible_slices import Region, visible_regions

REST_MS = 250
_PIECE_S = 0.015
_WINDOW_VOXELS = 20_000


class LivePreview:
    """Renders an encoding into a volume node of the scene.

    Args:
        on_rest: called when the whole volume shows the last target.
    """

    def __init__(self, on_rest: Callable[[], None]) -> None:
        self.node = None
        self.target: Acquisition | None = None
        self._on_rest = on_rest
        self._encoding: Encoding | None = None
        self._scene = None
        self._window: tuple[float, float] | None = None
        self._is_done = False
        self._soon = _single_shot(0, self.render_visible)
        self._rest = _single_shot(REST_MS, self._start_whole)
        self._pieces = Pieces()

    def start(self, scene, encoding: Encoding, node) -> None:
        """Render from now on this encoding into this node, on whose grid it is."""
        self.stop()
        self._scene, self._encoding, self.node = scene, encoding, node
        self._window = None

    def stop(self) -> None:
        """Render no more."""
        self._soon.stop()
        self._rest.stop()
        self._pieces.clear()
        self._encoding = self.node = self.target = None

    @property
    def encoding(self) -> Encoding | None:
        """What is rendered; None without a preview."""
        return self._encoding if self._is_there() else None

    @property
    def is_whole(self) -> bool:
        """Whether all of the volume shows the target."""
        return self.target is not None and not self._rest.active and not self._soon.active and self._is_done

    def show(self, target: Acquisition) -> None:
        """Show a target, which is complete; moves that come before the event loop's next turn count as one."""
        if not self._is_there():
            return
        self.target = target
        self._is_done = False
        self._pieces.clear()
        if not self._soon.active:
            self._soon.start()

    def render_visible(self) -> None:
        """Render what the views show now."""
        if not self._is_there():
            return
        self._soon.stop()
        voxels = slicer.util.arrayFromVolume(self.node)
        regions = visible_regions(self._scene, self.node)
        for region in regions:
            self._encoding.render(self.target, region, out=voxels[region])
        if regions:
            self._set_window(voxels, regions)
            slicer.util.arrayFromVolumeModified(self.node)
        self._rest.start()

    def finish(self) -> None:
        """Render the whole volume now."""
        if self._is_there() and not self.is_whole:
            self._soon.stop()
            self._rest.stop()
            self._pieces.clear()
            for _piece in self._whole():
                pass

    def _is_there(self) -> bool:
        return self._encoding is not None and bool(self._scene.IsNodePresent(self.node))

    def _start_whole(self) -> None:
        self._pieces.clear()
        self._pieces.add(self._whole())

    def _whole(self) -> Iterator[None]:
        """A few slices at a time; how many is learned on the way."""
        voxels, first, count = slicer.util.arrayFromVolume(self.node), 0, 4
        while first < len(voxels):
            started = time.perf_counter()
            region = (slice(first, first + count), slice(None), slice(None))
            self._encoding.render(self.target, region, out=voxels[region])
            first += count
            seconds = max(time.perf_counter() - started, 1e-4)
            count = int(np.clip(count * _PIECE_S / seconds, 1, 2 * count))
            yield
            if not self._is_there():
                return
        if self._window is None:
            self._set_window(voxels, [(slice(None), slice(None), slice(None))])
        slicer.util.arrayFromVolumeModified(self.node)
        self._is_done = True
        self._on_rest()

    def _set_window(self, voxels: np.ndarray, regions: list[Region]) -> None:
        """Fit the gray levels to what is visible, as a scanner does for each sequence, until the user sets them."""
        display = self.node.GetDisplayNode()
        if self._window is not None and (display.GetWindow(), display.GetLevel()) != self._window:
            return
        values = np.concatenate([_sample(voxels[region], len(regions)) for region in regions])
        low, high = np.percentile(values, (0.5, 99.8))
        self._window = (max(float(high - low), 1e-6), float(high + low) / 2)
        with slicer.util.NodeModify(display):
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(*self._window)


def _sample(values: np.ndarray, parts: int) -> np.ndarray:
    """Some of the values, evenly spread; a slice along i is not contiguous, and a copy of it is small."""
    step = (values.size * parts // _WINDOW_VOXELS) | 1
    return values.ravel()[::step]


def _single_shot(milliseconds: int, function: Callable[[], None]):
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(function)
    return timer
