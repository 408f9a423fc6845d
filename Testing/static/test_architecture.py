"""Which part of the project may use which, and other house rules that a reader of one file cannot see."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cmake_lists import modules
from slicer_lint.sources import gui_files

from mrstyle.models.card import ModelCard, write_schema
from mrstyle.models.package import load_package

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "MRStyleCore" / "mrstyle").rglob("*.py"))
TRAINER = sorted((ROOT / "trainer").rglob("*.py"))
LIBRARY = [path for path in gui_files() if "MRStyleLib" in path.parts]
MODELS = sorted((ROOT / "Resources" / "Models").glob("*/model.json"))
SLICER = {"slicer", "qt", "ctk", "vtk", "MRStyleLib"}
MEGABYTE = 1_000_000


def imported(path: Path) -> Iterator[str]:
    """Top-level names of all modules that a file imports, at its head or later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def tracked() -> list[Path]:
    """The files of the repository, or those beneath its root where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace"
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_there_is_something_to_check() -> None:
    assert len(CORE) > 30
    assert len(TRAINER) > 10
    assert len(LIBRARY) > 10
    assert MODELS


def test_the_core_imports_no_panel_and_no_trainer() -> None:
    forbidden = SLICER | {"mrstyle_trainer", "lightning", "pytorch_lightning"}
    found = {f"{path.name}: {name}" for path in CORE for name in imported(path) if name in forbidden}
    # VTK is not Slicer alone: it makes the surfaces that carry thickness, where it is installed.
    assert found <= {"surfaces.py: vtk"}


def test_the_trainer_imports_no_panel() -> None:
    assert not {f"{path.name}: {name}" for path in TRAINER for name in imported(path) if name in SLICER}


def test_the_library_of_the_panels_imports_no_panel() -> None:
    panels = {
        name for module in modules(ROOT) if module != "MRStyleCore" for name in (module, f"{module}Lib")
    }
    assert not {
        f"{path.name}: {name}"
        for path in LIBRARY
        for name in imported(path)
        if name in panels | {"MRStyleCore"}
    }


def test_no_panel_imports_another_one() -> None:
    for module in modules(ROOT):
        others = {name for other in modules(ROOT) if other != module for name in (other, f"{other}Lib")}
        files = [path for path in gui_files() if path.is_relative_to(ROOT / module)]
        assert not {f"{path.name}: {name}" for path in files for name in imported(path) if name in others}


def test_what_is_shipped_imports_no_test() -> None:
    tests = {"slicerhost", "pytest", "hypothesis", "unittest"}
    shipped = CORE + TRAINER + [path for path in gui_files() if path.parent.parent != ROOT]
    assert not {f"{path.name}: {name}" for path in shipped for name in imported(path) if name in tests}


@pytest.mark.parametrize("path", CORE + TRAINER, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_a_bundled_model_is_usable_and_small(path: Path) -> None:
    card = ModelCard.model_validate_json(path.read_bytes())
    assert card.id == path.parent.name
    assert load_package(path.parent).card == card
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 8 * MEGABYTE


def test_the_schema_beside_the_models_is_that_of_the_code(tmp_path: Path) -> None:
    write_schema(tmp_path / "model.schema.json")
    there = (ROOT / "Resources" / "Models" / "model.schema.json").read_text(encoding="utf-8")
    assert there == (tmp_path / "model.schema.json").read_text(encoding="utf-8")


def test_all_bundled_models_together_are_small() -> None:
    files = [file for path in MODELS for file in path.parent.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 60 * MEGABYTE


def test_no_file_names_a_folder_of_one_machine() -> None:
    machine = re.compile(rb"/(?:work|root|home/\w+|Users/\w+)/[\w.-]")
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content and (match := machine.search(content)):
            found.append(f"{path.relative_to(ROOT)}: {match.group().decode()}")
    assert not found
