"""Takes the screenshots of the README and the catalog: make screenshots.

A panel offers `scenario(grab)` in Testing/panels/scenario_<module>.py: it works with the panel as a user would and calls
`grab(name)` where a picture is due, `grab(name, widget)` for a part of the window. The pictures of a scenario replace
the old ones only when all of it has run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from open_panel import ROOT, grab, settle, start_host

PANELS = ROOT / "Testing" / "panels"
SETTLE_S = 0.3  # time for the views to draw what the scenario has just changed


def scenarios() -> list[str]:
    """The modules that offer a scenario."""
    return [file.stem.removeprefix("scenario_") for file in sorted(PANELS.glob("scenario_*.py"))]


def take(application, module: str, output: Path) -> list[Path]:
    """Runs one scenario; returns the pictures, which are in `output` only if all went well."""
    import slicerhost

    scenario = importlib.import_module(f"scenario_{module}").scenario
    window = slicerhost.app.showModule(module)
    with tempfile.TemporaryDirectory() as folder:
        made: list[Path] = []

        def picture(name: str, widget=None) -> None:
            settle(application, SETTLE_S)
            made.append(Path(folder) / f"{name}.png")
            grab(widget or window, made[-1])

        scenario(picture)
        output.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.move(file, output / file.name)) for file in made]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "modules", nargs="*", help="modules to take; all that offer a scenario if none is given"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # the same pictures on every machine
    application = start_host()
    swallowed: list[str] = []
    sys.excepthook = lambda *error: swallowed.append("".join(traceback.format_exception(*error)))
    for module in arguments.modules or scenarios():
        for file in take(application, module, arguments.output):
            print(file)
    print("".join(swallowed), end="", file=sys.stderr)
    return 1 if swallowed else 0


if __name__ == "__main__":
    try:
        status = main()
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # VTK's and Qt's own ends crash in whatever order they come
