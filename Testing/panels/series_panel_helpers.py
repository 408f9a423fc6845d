"""What the tests of dynamic series in the panel share: small digital series, and an untrained model in the user's folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import ROOT, settle

from mrstyle.physics.dce_phantom import Protocol, dce_phantom
from MRStyleLib import settings
from MRStyleLib.images import volume_of
from MRStyleLib.sequences import add_sequence

MODEL = "tiny-dce@0.1.0"
TIMES_S = np.arange(0, 60, 5.0)
# In a process of its own: nothing in the application may load torch.
_MAKE_MODEL = "import sys; from pathlib import Path; from dce_fixtures import tiny; tiny(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory, host) -> Path:
    """A folder of the user's models with the untrained one."""
    folder = tmp_path_factory.mktemp("models")
    install_model(folder)
    return folder


@pytest.fixture
def panel(scene, model_folder, monkeypatch):
    """The panel on an empty scene with the untrained model chosen."""
    monkeypatch.setenv("MRSTYLE_MODELS", str(model_folder))
    widget = open_panel_with_model()
    yield widget
    if helpers.run_of(widget) is not None:
        helpers.run_of(widget).cancel()
    helpers.wait_for_end(widget)


def open_panel_with_model():
    """The panel with the untrained model chosen."""
    widget = helpers.open_panel()
    widget.ui.modelSearchBox.text = ""
    widget._panel._models.refresh("")
    helpers.choose_model(widget, MODEL)
    return widget


def install_model(folder: Path) -> None:
    """Put the model into a folder of the user's models, with its license accepted."""
    subprocess.run(
        [sys.executable, "-c", _MAKE_MODEL, str(folder)], cwd=ROOT / "Testing" / "core", check=True
    )
    settings.accept_license(MODEL, "Apache-2.0")


def kidney_frames(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Frames (t, k, j, i) of a digital kidney under contrast agent, one coronal slice, and voxel index to RAS mm."""
    body = dce_phantom("kidney", seed, (64, 1, 64), 5.4)
    return 1000 * body.series(Protocol(TIMES_S, breathing_mm=0.0)).frames, body.affine


def add_kidney(name: str = "Kidney", seed: int = 1, frames=None, times=TIMES_S, unit: str = "s"):
    """The series as a sequence of the scene; returns the volume that shows its first frame."""
    made, affine = kidney_frames(seed)
    made = made if frames is None else frames
    timed = [(f"{time:g}", volume_of(frame, affine)) for time, frame in zip(times, made, strict=True)]
    proxy = add_sequence(slicer.mrmlScene, name, timed, "time", unit)
    settle()
    return proxy
