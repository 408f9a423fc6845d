"""How quick the panels are, in the test host with a real worker process and software rendering.

    python benchmarks/panel.py [--model histogram-matching] > result.json

The volumes are noise on a 182 x 218 x 182 grid of 1 mm: what a panel does with them takes as long as with a head. Gaps are
those of a 10 ms timer in the application's event loop; what is above 10 ms is how long the loop was held. The figures of
ContrastSynth's live preview are those of benchmarks/live_preview.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (182, 218, 182)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="histogram-matching", help="id of a bundled model")
    model = parser.parse_args().model
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path[:0] = [str(ROOT / folder) for folder in ("MRStyleCore", "Testing/host", "Testing/panels")]
    import slicerhost

    slicerhost.start()
    print(json.dumps(measure(model), indent=2), flush=True)
    os._exit(0)  # VTK and Qt do not end in an order that both survive


def measure(model: str) -> dict[str, object]:
    """All figures; times in seconds or milliseconds of wall time."""
    import live_preview
    import numpy as np
    import slicer
    import slicerhost
    import transfer_panel_helpers as helpers

    from MRStyleLib import settings
    from MRStyleLib.models import find_models

    helpers.load_module()
    slicerhost.app.showModule("MRStyleCore")  # the window and the views are not ours
    helpers.settle(0.5)
    started = time.perf_counter()
    panel = helpers.open_panel()
    opened_s = time.perf_counter() - started

    entry = next(entry for entry in find_models() if entry.id == model)
    settings.accept_license(entry.name, entry.card["license"])
    random = np.random.default_rng(0)
    content, style = (
        slicer.util.addVolumeFromArray(random.gamma(2, 100, SHAPE).astype(np.float32), name=name)
        for name in ("content", "style")
    )
    helpers.choose(panel, content, style, model)
    started = time.perf_counter()
    with helpers.timer_gaps() as gaps_ms:
        helpers.click(panel.ui.applyButton)
        helpers.wait_for_worker(panel)
        hello_s = time.perf_counter() - started
        run = helpers.run_of(panel)
        helpers.wait_until(lambda: run._outcome is not None, "the worker's end", 600)
        while_running = len(gaps_ms)
        ended = time.perf_counter()
        helpers.wait_for_end(panel)
        helpers.settle(0.5)
    shown_s = time.perf_counter() - ended - 0.7  # the two waits of this script
    return {
        "model": entry.name,
        "panel_opens_s": opened_s,
        "worker_ready_s": hello_s,
        "longest_gap_while_running_ms": max(gaps_ms[:while_running]),
        "longest_gap_while_showing_ms": max(gaps_ms[while_running:], default=0.0),
        "result_shown_after_worker_end_s": shown_s,
        "opacity_change_ms": opacity_change_ms(panel, helpers),
        "live_preview": live_preview.measure(),
    }


def opacity_change_ms(panel, helpers) -> float:
    """Median time from a move of the slider to the three redrawn views."""
    import statistics

    import slicer

    views = slicer.app.layoutManager().sliceViewNames()
    windows = [slicer.app.layoutManager().sliceWidget(name).sliceView().renderWindow() for name in views]
    times = []
    for step in range(15):
        started = time.perf_counter()
        panel.ui.opacitySlider.value = 0.2 + 0.05 * step
        slicer.app.processEvents()
        for window in windows:
            window.Render()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


if __name__ == "__main__":
    main()
