"""What the tests of the ContrastSynth panel share: the module in the host, a patient, a worker that knows the truth."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import slicer
import slicerhost
from transfer_panel_helpers import load_with_core, run_of, settle, wait_for_end, wait_until
from worker_helpers import offer_python

from mrstyle.physics.signal import signal
from mrstyle.presets import preset_acquisition
from MRStyleLib import settings

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "ContrastSynth" / "ContrastSynth.py"
RELAXOMETRY, CRL = "tiny-relaxometry@1.2.3", "tiny-crl@1.2.3"
SHAPE = (24, 30, 28)
GAIN = 800.0

_SEEN = (
    {"name": "T2w", "family": "spin_echo", "repetition_time_ms": (2500, 9000), "echo_time_ms": (70, 130)},
    {
        "name": "MPRAGE",
        "family": "mprage",
        "repetition_time_ms": (1600, 2700),
        "echo_time_ms": (2, 5),
        "inversion_time_ms": (750, 1150),
        "flip_angle_deg": (7, 12),
    },
    {
        "name": "FLAIR",
        "family": "inversion_recovery",
        "repetition_time_ms": (4800, 11000),
        "echo_time_ms": (80, 160),
        "inversion_time_ms": (1600, 2900),
    },
)
_CARD = {
    "schema_version": 1,
    "version": "1.2.3",
    "description": "For tests.",
    "accepts": {"body_part": "brain", "contrasts": [], "skull": "any", "spacing_mm": [0.5, 6.0]},
    "target_kinds": ["acquisition"],
    "sequences": _SEEN,
    "training": {"description": "None.", "data": []},
    "license": "Apache-2.0",
    "citation": "None.",
    "weights_sha256": "ab" * 32,
}

# Answers as the worker does, but with the maps that the sources were made from, and without loading torch.
_TRUTHFUL_WORKER = """
import json, os, sys
from pathlib import Path
import numpy as np
sys.path[:0] = {paths!r}
from mrstyle.acquisition import Acquisition, missing
from mrstyle.encoding import Encoding
from mrstyle.sequence_range import SequenceRange
from synth_truth import tissue_maps

def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")

job = json.loads(Path(sys.argv[sys.argv.index("--job") + 1]).read_text(encoding="utf-8"))
Path({seen!r}).write_text(json.dumps(job), encoding="utf-8")
say(type="hello", protocol=1, torch="2.13", device="cpu", name="CPU", vram_free_mb=None, reason="")
say(type="progress", case=1, cases=1, stage="encoding", fraction=0.5, eta_s=1.0)
case = job["cases"][0]
sources = []
for source in case["sources"]:
    known = dict(source["acquisition"])
    origins = {{}}
    if case["estimate"]:
        for name, value in dict(family="spin_echo", repetition_time_ms=600.0, echo_time_ms=10.0).items():
            if known.get(name) is None:
                known[name], origins[name] = value, "estimated"
    sources.append(dict(volume=source["volume"], acquisition=known, origins=origins))
outputs = dict(sources=sources, encoding=None, maps={{}}, targets=[], notes=[])
if case["encoding"]:
    pd, t1_ms, t2_ms = tissue_maps({shape!r})
    residual = np.zeros((0, *pd.shape), np.int8)
    Encoding(
        pd=(pd * {gain!r}).astype(np.float32),
        r1_per_s=(1000 / t1_ms).astype(np.float32),
        r2_per_s=(1000 / t2_ms).astype(np.float32),
        log_sd=np.full((3, *pd.shape), 0.05, np.float16),
        residual=residual, gain=None, greatest_residual=0.3, affine=np.eye(4),
        sources=tuple(Acquisition(**each["acquisition"]) for each in sources),
        model_name="tiny-relaxometry@1.2.3",
    ).save(case["encoding"])
    outputs["encoding"] = case["encoding"]
say(type="result", case=1, name=case["name"], outputs=outputs, seconds=0.1)
"""


def load_module() -> None:
    """Load the modules into the host, unchanged; once per process."""
    if not hasattr(slicer.modules, "contrastsynth"):
        load_with_core(MODULE)


def open_panel(models: Path | None = None):
    """Show the module and return its widget object, with both small models installed and their licenses accepted."""
    load_module()
    settings.set_model_folder(models or tiny_models())
    for name in (RELAXOMETRY, CRL):
        settings.accept_license(name, "Apache-2.0")
    slicerhost.app.showModule("ContrastSynth")
    settle()
    widget = slicer.modules.ContrastSynthWidget
    widget._panel._models.refresh("")
    choose_model(widget, RELAXOMETRY)
    return widget


def close_panel(widget) -> None:
    """End what the panel still does, and leave the models of this computer as they were."""
    if widget.logic.runner.is_busy:
        widget.logic.runner.run.cancel()
        wait_for_end(widget)
    settings.set_model_folder(None)


def choose_model(widget, name: str) -> None:
    """Choose a model in the list."""
    rows = [row for row, entry in enumerate(widget._panel._models._entries) if entry.name == name]
    widget.ui.modelList.setCurrentRow(rows[0])
    settle()


@functools.cache
def tiny_models() -> Path:
    """A model folder with a card of each method; the weights are empty, as the truthful worker does not read them."""
    folder = Path(tempfile.mkdtemp(prefix="synth-models-"))
    for method in ("relaxometry", "crl"):
        package = folder / method
        package.mkdir()
        (package / "weights.safetensors").write_bytes(b"")
        card = _CARD | {"id": f"tiny-{method}", "title": f"Tiny {method}", "method": method}
        (package / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def real_models(folder: Path) -> Path:
    """A model folder with small random models of both methods; made in a process of its own, which loads torch."""
    code = (
        "import sys; from pathlib import Path; from synthesis_fixtures import save_model\n"
        "for method in ('relaxometry', 'crl'): save_model(Path(sys.argv[1]) / method, method)"
    )
    paths = [str(ROOT / "MRStyleCore"), str(ROOT / "Testing" / "core")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=True, timeout=300)
    return folder


def offer_truthful_worker(monkeypatch, folder: Path) -> Path:
    """A worker that answers at once with the truth; returns the file in which it leaves its job."""
    seen = folder / "job_seen.json"
    script = folder / "truthful.py"
    paths = [str(ROOT / "MRStyleCore"), str(ROOT / "Testing" / "panels")]
    script.write_text(
        _TRUTHFUL_WORKER.format(paths=paths, seen=str(seen), shape=SHAPE, gain=GAIN), encoding="utf-8"
    )
    offer_python(monkeypatch, folder, f'exec "{sys.executable}" "{script}" "$@"')
    return seen


def job_seen(path: Path) -> dict:
    """The only case of the job that the truthful worker was given."""
    return json.loads(path.read_text(encoding="utf-8"))["cases"][0]


def truth(target) -> np.ndarray:
    """What a scanner would see of the patient with this sequence, without noise; float64 `SHAPE`."""
    from synth_truth import tissue_maps

    pd, t1_ms, t2_ms = tissue_maps(SHAPE)
    return GAIN * signal(pd, t1_ms, t2_ms, target)


def add_scan(preset: str, name: str, *, known: bool = True, seed: int = 0):
    """The patient as a preset's sequence sees them, at 3 T, on a grid of 2 x 2 x 3 mm, with noise.

    What is known about it is kept as if it had been read from a sidecar.
    """
    from ContrastSynthLib.acquisitions import Known, keep

    target = preset_acquisition(preset)
    noise = np.random.default_rng(seed).normal(0, 2, SHAPE)
    node = slicer.util.addVolumeFromArray(np.abs(truth(target) + noise).astype(np.float32), name=name)
    node.SetSpacing(2, 2, 3)
    if known:
        values = {field: value for field, value in target.as_dict().items() if value is not None}
        keep(node, Known(values, dict.fromkeys(values, "sidecar")))
    return node


def choose_source(widget, node) -> None:
    """Choose the source as a user does."""
    widget.ui.sourceSelector.setCurrentNode(node)
    settle()


def move(slider, value: float) -> None:
    """Move a slider as a hand does."""
    slider.value = value


def type_into(edit, text: str) -> None:
    """Type into a field and leave it."""
    edit.text = text
    edit.editingFinished.emit()
    settle()


def wait_for_preview(widget) -> None:
    """Wait until the live preview shows its target in the whole volume."""
    wait_for_end(widget)
    assert run_of(widget).state.name == "FINISHED", (run_of(widget).message, run_of(widget).log)
    wait_until(lambda: widget._panel._live.is_whole, "the whole preview", timeout_s=20)


def preview_of(widget):
    """The volume of the live preview."""
    return widget._panel._live.node
