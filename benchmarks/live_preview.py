"""How quick the live preview of ContrastSynth is, in the test host with software rendering.

    python benchmarks/live_preview.py [--threads 2] > result.json

The encoding is noise on a 256 x 256 x 128 grid of 1 mm, as large as one of a head, and oblique in the last figure. A move
of a slider counts from the change of its value to changed voxels, and once more with the three views redrawn. The model
has no part in it: the preview runs in the application's process, from the maps that the model has left.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (128, 256, 256)
MOVES = 30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="processor cores that may be used")
    threads = parser.parse_args().threads
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path[:0] = [str(ROOT / folder) for folder in ("MRStyleCore", "Testing/host", "Testing/panels")]
    import slicerhost

    slicerhost.start()
    print(json.dumps(measure(), indent=2), flush=True)
    os._exit(0)  # VTK and Qt do not end in an order that both survive


def measure() -> dict[str, object]:
    """All figures; times in milliseconds of wall time."""
    import numpy as np
    import slicer
    import slicerhost
    import synth_panel_helpers as helpers

    from MRStyleLib.results import add_volume, set_window

    helpers.load_module()
    slicerhost.app.showModule("ContrastSynth")
    helpers.settle(0.5)
    from ContrastSynthLib.live import LivePreview

    source = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), name="source")
    node = add_volume(slicer.mrmlScene, np.zeros(SHAPE, np.float32), source, "preview")
    set_window(node)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    helpers.settle(0.5)
    live = LivePreview(lambda: None)
    live.start(slicer.mrmlScene, noise_encoding(), node)
    figures: dict[str, object] = {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    }
    figures |= moves(live, "aligned")
    angle = np.deg2rad(10)
    node.SetIJKToRASDirections(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    slicer.app.processEvents()
    return figures | moves(live, "oblique")


def moves(live, name: str) -> dict[str, float]:
    """Medians over moves of a slider, each to another echo time."""
    import slicer

    from mrstyle.presets import preset_acquisition

    target = preset_acquisition("FLAIR")
    windows = [
        slicer.app.layoutManager().sliceWidget(view).sliceView().renderWindow()
        for view in ("Red", "Green", "Yellow")
    ]
    voxels, pixels, whole = [], [], []
    for step in range(MOVES):
        started = time.perf_counter()
        live.show(_with_echo(target, 60 + step))
        live.render_visible()
        voxels.append(1000 * (time.perf_counter() - started))
        for window in windows:
            window.Render()
        pixels.append(1000 * (time.perf_counter() - started))
    for step in range(5):
        live.show(_with_echo(target, 20 + step))
        started = time.perf_counter()
        live.finish()
        whole.append(1000 * (time.perf_counter() - started))
    return {
        f"{name}_slider_to_voxels_ms": statistics.median(voxels),
        f"{name}_slider_to_pixels_ms": statistics.median(pixels),
        f"{name}_whole_volume_ms": statistics.median(whole),
    }


def noise_encoding():
    """An encoding with two residual maps, as the bundled model leaves it."""
    import numpy as np

    from mrstyle.encoding import Encoding, ResidualGain
    from mrstyle.presets import preset_acquisition
    from mrstyle.sequence_vector import SEQUENCE_DIM

    random = np.random.default_rng(0)
    maps = [random.random(SHAPE, np.float32) + np.float32(0.5) for _map in range(3)]
    layers = [random.normal(size=size).astype(np.float32) for size in ((16, SEQUENCE_DIM), 16, (2, 16), 2)]
    return Encoding(
        pd=500 * maps[0],
        r1_per_s=maps[1],
        r2_per_s=10 * maps[2],
        log_sd=np.zeros((3, *SHAPE), np.float16),
        residual=random.integers(-127, 128, (2, *SHAPE), np.int8),
        gain=ResidualGain(*layers),
        greatest_residual=0.3,
        affine=np.eye(4),
        sources=(preset_acquisition("MPRAGE"),),
        model_name="noise@1.0.0",
    )


def _with_echo(target, echo_time_ms: float):
    from dataclasses import replace

    return replace(target, echo_time_ms=echo_time_ms)


if __name__ == "__main__":
    main()
