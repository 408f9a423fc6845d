"""Makes slicerhost/slicer_qt_api.json: the members that Python can reach, of the classes that the host offers.

    python Testing/host/trim_api_list.py API.json QT_NAMES.txt [MORE_CLASSES ...]

API.json lists for every Qt class of Slicer what its header declares ("props", "slots", "invokable", "signals",
"other"); QT_NAMES.txt is `dir(qt)` of Slicer. Classes of the host that API.json does not know are left unchecked.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "slicerhost" / "slicer_qt_api.json"
REACHABLE = ("props", "slots", "invokable", "signals")
# Helpers of PySide6's name or of decorators, which the host hides: Signal, Slot, Property are not used in modules.
HIDDEN = {"Signal", "Slot", "Property", "SIGNAL", "SLOT"}
PRIVATE = {"QObject"}  # in PythonQt.private, from where Slicer's qt takes it


def offered_classes() -> set[str]:
    """Names of the classes that stand for C++ classes, from a host started without a list."""
    sys.path.insert(0, str(HERE))
    host = importlib.import_module("slicerhost")
    host.start()
    return importlib.import_module("slicerhost.pythonqt.classes").stand_in_names()


def reachable_members(headers: dict, name: str) -> set[str]:
    """Members of a class and of those of its base classes that are ctk's or Slicer's."""
    members: set[str] = set()
    while name in headers:
        members.update(*(headers[name][kind] for kind in REACHABLE))
        name = headers[name]["base"]
    return members


def main() -> None:
    source, names = Path(sys.argv[1]), Path(sys.argv[2])
    headers = json.loads(source.read_text(encoding="utf-8"))
    if not OUTPUT.exists():
        OUTPUT.write_text(json.dumps({"qt": names.read_text().split(), "classes": {}}))
    classes = {}
    for name in sorted(offered_classes() & set(headers)):
        classes[name] = sorted(reachable_members(headers, name))
    qt = sorted(set(names.read_text().split()) - HIDDEN | PRIVATE)
    lines = [f"  {json.dumps(name)}: {json.dumps(members)}" for name, members in classes.items()]
    text = f'{{\n"qt": {json.dumps(qt)},\n"classes": {{\n' + ",\n".join(lines) + "\n}}\n"
    OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    importlib.import_module("os")._exit(0)
