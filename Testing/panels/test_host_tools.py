"""The programs behind `make panel` and `make screenshots`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import qt
import slicerhost
from host_module import write_modules
from open_panel import ROOT, module_files
from screenshots import take

SCENARIO = """
import slicer

def scenario(grab):
    grab("window")
    grab("button", slicer.modules.HostPictureWidget.ui.applyButton)
"""


@pytest.fixture
def panel(scene, tmp_path, monkeypatch):
    """A small panel with a scenario file; gives the file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    slicerhost.app.loadModules(write_modules(tmp_path, "HostPicture"))
    file = tmp_path / "scenario_HostPicture.py"
    file.write_text(SCENARIO, encoding="utf-8")
    yield file
    sys.modules.pop("scenario_HostPicture", None)
    for name in ("HostPicture", "HostPictureHelper"):
        slicerhost.app.unloadModule(name)


def test_scenario_leaves_its_pictures(host, panel, tmp_path):
    files = take(host, "HostPicture", tmp_path / "pictures")
    assert [file.name for file in files] == ["window.png", "button.png"]
    window, button = (qt.QImage(str(file)) for file in files)
    assert window.width() > 1000 and button.width() < window.width()


def test_failing_scenario_leaves_no_picture(host, panel, tmp_path):
    panel.write_text(SCENARIO + "    raise RuntimeError('no model')\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="no model"):
        take(host, "HostPicture", tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


def test_every_module_of_the_repository_is_found():
    assert {"MRStyleCore", "MRStyleTransfer"} <= set(module_files())


def test_panel_without_a_display_leaves_a_picture(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, ROOT / "Testing" / "host" / "open_panel.py", "MRStyleTransfer"]
    picture = tmp_path / "panel.png"
    run = subprocess.run(
        [*command, "--picture", picture], env=environment, capture_output=True, encoding="utf-8", timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert picture.stat().st_size > 10_000


def test_unknown_panel_is_named():
    command = [sys.executable, ROOT / "Testing" / "host" / "open_panel.py", "MRStyleTransfr"]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert run.returncode == 2 and "there is no module MRStyleTransfr" in run.stderr
