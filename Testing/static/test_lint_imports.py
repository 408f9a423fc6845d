"""What the code inside Slicer imports: nothing that Slicer has not, at start-up, and never torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cmake_lists import ROOT, modules
from slicer_lint.import_rules import BUNDLED, HEAVY, LIGHT, lint, reachable
from slicer_lint.sources import gui_files, relative

PACKAGES = frozenset({"MRStyleLib"} | {f"{module}Lib" for module in modules(ROOT)} | set(modules(ROOT)))
PATH = tuple(ROOT / module for module in modules(ROOT))  # as Slicer's sys.path has them
BAD = [
    ("not_bundled", "import requests_toolbelt"),
    ("not_bundled", "if True:\n    import pandas"),
    ("not_bundled", "class A:\n    import PyTorchUtils"),
    ("heavy", "import torch"),
    ("heavy", "def f():\n    import torch.nn as nn"),
    ("heavy", "def f():\n    from pydantic import BaseModel"),
    ("worker_only", "def f():\n    from mrstyle.translate import translate"),
    ("worker_only", "import mrstyle.models.card"),
    ("worker_only", "from mrstyle import translate"),
    ("worker_only", "from mrstyle.physics import phantom"),
    ("worker_only", "from mrstyle.synthesize import encode"),
    ("other_binding", "from PySide6 import QtCore"),
    ("gone", "def f():\n    import imp"),
]
GOOD = [
    "import json, numpy, vtk, SimpleITK as sitk",
    "from slicer.i18n import tr as _",
    "import mrstyle",
    "from mrstyle import __version__",
    "from mrstyle import presets",
    "from mrstyle.encoding import Encoding",
    "def f():\n    from mrstyle.acquisition_origin import read_acquisition",
    "from MRStyleLib import install",
    "from . import logic",
    "def f():\n    import PyTorchUtils",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
]


def package_of(path: Path) -> str:
    names = path.relative_to(ROOT).parts[1:-1]  # below the module's folder
    return ".".join(names)


@pytest.mark.parametrize(("rule", "source"), BAD, ids=[source for _, source in BAD])
def test_a_bad_import_is_found(rule: str, source: str) -> None:
    assert [finding.rule for finding in lint(source, own=PACKAGES)] == [rule]


@pytest.mark.parametrize("source", GOOD)
def test_a_good_import_passes(source: str) -> None:
    assert not lint(source, package="MRStyleTransferLib", own=PACKAGES)


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_the_panels_import_what_slicer_has(path: Path) -> None:
    assert not lint(path.read_text(encoding="utf-8"), package_of(path), PACKAGES)


def test_an_import_is_followed_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("")
    (tmp_path / "lib" / "a.py").write_text("from . import b\n")
    (tmp_path / "lib" / "b.py").write_text("from .c import d\ndef f():\n    import pydantic\n")
    (tmp_path / "lib" / "c.py").write_text("import torch.nn\n")
    found = set(reachable("lib.a", (tmp_path,)))
    assert {"lib", "lib.b", "lib.c", "torch"} <= found
    assert "pydantic" not in found


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_no_import_leads_to_torch(path: Path) -> None:
    names = path.relative_to(ROOT).with_suffix("").parts[1:]
    start = ".".join(name for name in names if name != "__init__")
    found = {name.split(".")[0] for name in reachable(start, PATH)}
    assert not found & HEAVY


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_what_panels_use_of_the_core_leads_to_nothing_that_slicer_has_not(module: str) -> None:
    found = {name.split(".")[0] for name in reachable(module, PATH)}
    assert not found & HEAVY
    # pydicom comes with Slicer, too, but is imported where it is used.
    assert found <= BUNDLED | {"mrstyle", "pydicom"}


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_importing_what_panels_use_of_the_core_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "MRStyleCore")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert not set(done.stdout.split()) & HEAVY


def test_the_worker_does_lead_to_torch() -> None:
    assert "torch" in {name.split(".")[0] for name in reachable("mrstyle.translate", PATH)}
