"""The house rules of `mrstyle` and the trainer that a reader of one file cannot see."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mrstyle.models.card import ModelCard
from mrstyle.models.package import load_package

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "MRStyleCore" / "mrstyle").rglob("*.py"))
TRAINER = sorted((ROOT / "trainer").rglob("*.py"))
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


def attributes(path: Path) -> Iterator[str]:
    """Dotted names such as ``torch.load`` in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


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
    assert MODELS


def test_the_core_imports_no_panel_and_no_trainer() -> None:
    forbidden = SLICER | {"mrstyle_trainer", "lightning", "pytorch_lightning"}
    assert not {f"{path.name}: {name}" for path in CORE for name in imported(path) if name in forbidden}


def test_the_trainer_imports_no_panel() -> None:
    assert not {f"{path.name}: {name}" for path in TRAINER for name in imported(path) if name in SLICER}


def test_nothing_reads_a_pickle() -> None:
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib"}
    assert not {
        f"{path.name}: {name}" for path in CORE + TRAINER for name in imported(path) if name in modules
    }
    calls = {"torch.load", "torch.save", "numpy.load", "np.load"}
    assert not {
        f"{path.name}: {name}" for path in CORE + TRAINER for name in attributes(path) if name in calls
    }


@pytest.mark.parametrize("path", CORE + TRAINER, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_a_bundled_model_is_usable_and_small(path: Path) -> None:
    card = ModelCard.model_validate_json(path.read_bytes())
    assert card.id == path.parent.name
    assert load_package(path.parent).card == card
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 8 * MEGABYTE


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
