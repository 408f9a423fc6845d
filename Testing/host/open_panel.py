"""Opens a module of this repository in the test host: make panel PANEL=MRStyleTransfer.

With a display the window stays open until it is closed. Without one (and then in Xvfb, or off screen where there is
no Xvfb) a picture of the window is written and the program ends.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTLE_S = 1.0  # time for the panel's own timers before a picture is taken


def module_files() -> dict[str, Path]:
    """The repository's modules by name: each in a folder of its name, the shared hidden one among them."""
    return {file.stem: file for file in sorted(ROOT.glob("*/*.py")) if file.stem == file.parent.name}


def choose_display() -> subprocess.Popen | None:
    """Sets the environment so that Qt finds a display; returns the Xvfb that was started for it, if any."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin"):
        return None
    if shutil.which("Xvfb") is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        return None
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x1000x24"], stdout=subprocess.PIPE, text=True
    )
    os.environ["DISPLAY"] = f":{server.stdout.readline().strip()}"
    return server


def start_host():
    """The started host with all modules of the repository loaded; returns slicer.app."""
    for folder in (ROOT / "Testing" / "host", ROOT / "Testing" / "panels", ROOT / "MRStyleCore"):
        sys.path.insert(0, str(folder))
    import slicerhost

    application = slicerhost.start()
    slicerhost.app.loadModules(module_files().values())
    application.startupCompleted.emit()
    return application


def settle(application, seconds: float) -> None:
    """Lets the application answer for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.01)


def grab(widget, path: Path) -> None:
    """Writes a picture of a widget with its slice views; raises OSError if the file cannot be written."""
    if not widget.grab().save(str(path)):
        raise OSError(f"the picture {path} cannot be written")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("panel", help=f"one of: {', '.join(module_files())}")
    parser.add_argument("--picture", type=Path, help="write a picture of the window here and end")
    arguments = parser.parse_args()
    if arguments.panel not in module_files():
        parser.error(f"there is no module {arguments.panel}; there are: {', '.join(module_files())}")
    server = choose_display()
    seen = server is None and os.environ.get("QT_QPA_PLATFORM") != "offscreen"
    try:
        application = start_host()
        import slicerhost

        window = slicerhost.app.showModule(arguments.panel)
        if seen and arguments.picture is None:
            return application.exec()
        picture = arguments.picture or Path("demo", f"{arguments.panel}.png")
        picture.parent.mkdir(exist_ok=True)
        settle(application, SETTLE_S)
        grab(window, picture)
        print(f"{picture} shows the panel" + ("" if seen else " (there is no display to open it on)"))
        return 0
    finally:
        if server is not None:
            server.terminate()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # VTK's and Qt's own ends crash in whatever order they come
