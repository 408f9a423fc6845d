"""The inputs of models for dynamic series: which enhancement is wanted, and series that are opened from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from mrstyle.series_times import TimesUnknown
from MRStyleLib.pieces import Pieces
from MRStyleLib.run_folder import RunFolder
from MRStyleLib.series_files import load_series

from .parameters import EnhancementChoice, TransferParameters

_FILES = _("Series (*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd)")
_OF_VOLUMES = (
    "styleSelectorLabel",
    "styleSelector",
    "outputCollapsibleButton",
    "samplesSpinBoxLabel",
    "samplesSpinBox",
    "batchCollapsibleButton",
)
_OF_LIKE = ("likeSelectorLabel", "likeSelector", "likeFrameSpinBoxLabel", "likeFrameSpinBox")


class SeriesSection:
    """Binds the widgets of dynamic series; a model that needs them brings them in the place of those of volumes.

    Args:
        ui: widgets of the .ui file by name.
        scene: the application's scene.
        say: shows a sentence.
    """

    def __init__(self, ui, scene, say: Callable[[str], None]) -> None:
        self._ui, self._scene, self._say = ui, scene, say
        self._pieces = Pieces()
        ui.openSeriesButton.connect("clicked(bool)", self._choose_file)
        ui.openFramesButton.connect("clicked(bool)", self._choose_folder)

    def show(self, is_dynamic: bool, parameters: TransferParameters) -> None:
        """Show what the chosen model needs."""
        self._ui.dynamicCollapsibleButton.visible = is_dynamic
        for name in _OF_VOLUMES:
            getattr(self._ui, name).visible = not is_dynamic
        for name in _OF_LIKE:
            getattr(self._ui, name).visible = parameters.enhancement is EnhancementChoice.LIKE

    def close(self) -> None:
        """End what is being opened."""
        self._pieces.clear()

    def _choose_file(self, _checked: bool) -> None:
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Open a dynamic series"), "", _FILES
        )
        if path:
            self._open(Path(path))

    def _choose_folder(self, _checked: bool) -> None:
        path = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder with one file for each frame, in the order of their names")
        )
        if path:
            self._open(Path(path))

    def _open(self, path: Path, interval_s: float | None = None) -> None:
        self._say(_("Opening {name}").format(name=path.name))
        self._pieces.add(self._opened(path, interval_s))

    def _opened(self, path: Path, interval_s: float | None) -> Iterator[None]:
        folder = RunFolder()
        try:
            proxy = yield from load_series(self._scene, path, folder.path, interval_s)
        except TimesUnknown:
            self._ask_interval(path)
        except (ValueError, OSError) as error:
            self._say("")
            slicer.util.errorDisplay(str(error), _("The series was not opened"))
        else:
            self._say(_("{name} was opened as a sequence.").format(name=proxy.GetName()))
            self._ui.contentSelector.setCurrentNode(proxy)
            slicer.util.setSliceViewerLayers(background=proxy, fit=True)
        finally:
            folder.remove()

    def _ask_interval(self, path: Path) -> None:
        """No frame has a time of 0 s after the one before, so 0 is what canceling gives."""
        self._say("")
        interval_s = qt.QInputDialog.getDouble(
            slicer.util.mainWindow(),
            _("Times of the frames"),
            _("Nothing tells the times of the frames of {name}. Seconds from one frame to the next:").format(
                name=path.name
            ),
            0.0,
            0.0,
            3600.0,
            3,
        )
        if interval_s:
            self._open(path, float(interval_s))
