"""What the tests of the MRHarmonize panel share: the module in the host, small models, a worker that answers at once."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import slicer
import slicerhost
import vtk
from transfer_panel_helpers import (
    HISTOGRAM_MATCHING,
    choose_model,
    click,
    load_with_core,
    run_of,
    settle,
    wait_for_end,
)
from vtk.util.numpy_support import vtk_to_numpy
from worker_helpers import offer_python

from MRStyleLib import settings

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "MRHarmonize" / "MRHarmonize.py"
SITES = "tiny-sites@1.2.3"
SITE = "sim-3T-mprage"

_CARD = {
    "schema_version": 1,
    "version": "1.2.3",
    "description": "For tests.",
    "accepts": {"body_part": "brain", "contrasts": ["T1w"], "skull": "any", "spacing_mm": [0.5, 6.0]},
    "training": {"description": "None.", "data": []},
    "license": "Apache-2.0",
    "citation": "None.",
    "weights_sha256": "ab" * 32,
    "sites": ["sim-1.5T-spgr", SITE],
}

# Answers as the worker does, but without loading torch: brighter by a half, and cortex thicker by a known amount.
_ANSWERING_WORKER = """
import json, os, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import harmonize_answers

def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")

job = json.loads(Path(sys.argv[sys.argv.index("--job") + 1]).read_text(encoding="utf-8"))
seen = Path({seen!r})
seen.write_text(json.dumps([*(json.loads(seen.read_text()) if seen.exists() else []), job]), encoding="utf-8")
say(type="hello", protocol=1, torch="2.13", device="cpu", name="CPU", vram_free_mb=None, reason="")
for number, case in enumerate(job["cases"], start=1):
    count = len(job["cases"])
    say(type="progress", case=number, cases=count, stage=job["task"], fraction=(number - 0.5) / count, eta_s=1.0)
    try:
        outputs = getattr(harmonize_answers, job["task"])(job, case)
    except ValueError as error:
        say(type="error", code="bad_input", message=str(error), case=number)
    else:
        say(type="result", case=number, name=case["name"], outputs=outputs, seconds=0.1)
"""


def load_module() -> None:
    """Load the modules into the host, unchanged; once per process."""
    if not hasattr(slicer.modules, "mrharmonize"):
        load_with_core(MODULE)


def open_panel():
    """Show the module and return its widget object, with small models installed and their licenses accepted."""
    load_module()
    settings.set_model_folder(tiny_models())
    for name in (SITES, HISTOGRAM_MATCHING):
        settings.accept_license(name, "Apache-2.0")
    slicerhost.app.showModule("MRHarmonize")
    settle()
    widget = slicer.modules.MRHarmonizeWidget
    widget._panel._models.refresh("")
    choose_model(widget, SITES)
    return widget


@functools.cache
def tiny_models() -> Path:
    """A model folder with one that takes all kinds of targets, and a classifier; the weights are empty."""
    folder = Path(tempfile.mkdtemp(prefix="harmonize-models-"))
    cards = (
        {
            "id": "tiny-sites",
            "title": "Tiny sites",
            "method": "light3d",
            "target_kinds": ["site", "reference", "sample"],
            "site_descriptions": {SITE: "A simulated 3 T scanner, MPRAGE at 1 mm."},
        },
        {
            "id": "tiny-classifier",
            "title": "Tiny classifier",
            "method": "site_classifier",
            "task": "site_classifier",
            "target_kinds": [],
        },
    )
    for card in cards:
        package = folder / card["id"]
        package.mkdir()
        (package / "weights.safetensors").write_bytes(b"")
        (package / "model.json").write_text(json.dumps(_CARD | card), encoding="utf-8")
    return folder


def offer_answering_worker(monkeypatch, folder: Path) -> Path:
    """A worker that answers at once; returns the file in which it leaves all its jobs."""
    seen, script = folder / "jobs_seen.json", folder / "answering.py"
    paths = [str(ROOT / "Testing" / "panels")]
    script.write_text(_ANSWERING_WORKER.format(paths=paths, seen=str(seen)), encoding="utf-8")
    offer_python(monkeypatch, folder, f'exec "{sys.executable}" "{script}" "$@"')
    return seen


def jobs_seen(path: Path) -> list[dict]:
    """The jobs that the answering worker was given."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def check_volumes(widget, *nodes) -> None:
    """Check volumes in the selector as a user does."""
    for node in nodes:
        widget.ui.volumesSelector.setCheckState(node, 2)
    settle()


def choose_target(widget, kind: str) -> None:
    """Choose the kind of target: the name of a member of `TargetChoice`."""
    box = widget.ui.targetComboBox
    box.currentIndex = ["SITE", "REFERENCE", "SAMPLE"].index(kind)
    settle()


def states(widget) -> list[str]:
    """The column of states of the table."""
    table = widget.ui.inputTable
    return [table.item(row, 1).text() for row in range(table.rowCount)]


def harmonize(widget, *nodes) -> list:
    """Check these volumes besides those that are, and apply; returns the results."""
    check_volumes(widget, *nodes)
    assert widget.ui.applyButton.enabled, widget.ui.applyButton.toolTip
    click(widget.ui.applyButton)
    wait_for_end(widget)
    run = run_of(widget)
    assert run.state.name == "FINISHED", (run.message, run.log)
    return run.results


def close_panel(widget) -> None:
    """End what the panel still does, and leave the models of this computer and the layout as they were."""
    if widget.logic.runner.is_busy:
        widget.logic.runner.run.cancel()
        wait_for_end(widget)
    click(widget.ui.restoreLayoutButton)
    settings.set_model_folder(None)


def picture_of(widget) -> np.ndarray:
    """What a 3D view shows: RGB, float in 0 to 255, top row first."""
    window = widget.threeDView().renderWindow()
    window.Render()
    width, height = window.GetSize()
    pixels = vtk.vtkUnsignedCharArray()
    window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
    return vtk_to_numpy(pixels).reshape(height, width, 4)[::-1, :, :3].astype(float)


def count_by_class() -> Counter:
    """How many nodes of each class the scene has."""
    scene = slicer.mrmlScene
    return Counter(scene.GetNthNode(number).GetClassName() for number in range(scene.GetNumberOfNodes()))


def save_scene(folder: Path) -> None:
    """Save the scene with all that has a file; Connect() then loads it."""
    for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
        if not (
            node.IsA("vtkMRMLScalarVolumeNode")
            or node.IsA("vtkMRMLModelNode")
            or node.IsA("vtkMRMLTableNode")
        ):
            continue
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(str(folder / f"{node.GetID()}.{storage.GetDefaultWriteFileExtension()}"))
        storage.WriteData(node)
    path = str(folder / "scene.mrml")
    slicer.mrmlScene.SetURL(path)
    slicer.mrmlScene.Commit()
