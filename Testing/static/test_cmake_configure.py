"""The extension is configured and installed by CMake, with a stand-in for Slicer's own CMake files.

What is installed is then used: the flat folder of Slicer's scripted modules, in a path with spaces and letters
beyond ASCII.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from cmake_lists import ROOT, SCRIPTS, files_below, modules, named_lists

STAND_IN = ROOT / "Testing" / "static" / "cmake"
CMAKE = shutil.which("cmake")
MODULES_FOLDER = Path("lib", "Slicer-5.12", "qt-scripted-modules")
BUNDLED = sorted(path.parent.name for path in (ROOT / "Resources" / "Models").glob("*/model.json"))

pytestmark = [
    pytest.mark.skipif(CMAKE is None, reason="cmake is not installed"),
    pytest.mark.skipif(not (shutil.which("cc") or shutil.which("cl")), reason="no C compiler for project()"),
]


class Built(NamedTuple):
    source: Path
    build: Path
    modules: Path  # the installed folder of scripted modules


def cmake(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(CMAKE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=120)


def configure(source: Path, build: Path) -> subprocess.CompletedProcess[str]:
    return cmake("-S", source, "-B", build, f"-DSlicer_DIR={STAND_IN.as_posix()}")


def copy_extension(target: Path) -> Path:
    """What a checkout has of the extension, without git, so that the lists and not git decide what is packaged."""
    for folder in (*modules(ROOT), "Resources", "trainer"):
        for name in files_below(ROOT, folder):
            (target / folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / folder / name, target / folder / name)
    for name in ("CMakeLists.txt", "LICENSE", "README.md"):
        shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The extension, configured and installed once for all tests of this file."""
    folder = tmp_path_factory.mktemp("Röntgen Bücher 脳")
    source = copy_extension(folder / "Slicer MRStyle")
    build = folder / "build ö"
    for run in (configure(source, build), cmake("--install", build, "--prefix", folder / "Slicer 5.12 é")):
        assert run.returncode == 0, run.stdout[-500:] + run.stderr
    return Built(source, build, folder / "Slicer 5.12 é" / MODULES_FOLDER)


def description(build: Path) -> dict[str, str]:
    lines = (build / "extension.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def run_python(built: Built, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python as Slicer starts the worker: it knows the packages by PYTHONPATH alone."""
    environment = os.environ | {
        "PYTHONPATH": str(built.modules),
        "MRSTYLE_MODELS": str(built.build / "no models"),
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=built.build, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )


def test_the_description_is_that_of_the_catalog_entry(built: Built) -> None:
    described, entry = description(built.build), json.loads((ROOT / "MRStyle.json").read_text())
    assert described["NAME"] == "MRStyle"
    assert described["DEPENDS"].split() == entry["build_dependencies"]
    assert described["CATEGORY"] == entry["category"]
    assert described["HOMEPAGE"] == entry["scm_url"].removesuffix(".git")
    assert described["MODULES"].split(";") == modules(ROOT)


def test_each_listed_file_is_installed_beside_the_modules(built: Built) -> None:
    for module in modules(ROOT):
        lists = named_lists((ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8"))
        for name in (name for names in lists.values() for name in names):
            name = name.replace("${MODULE_NAME}", module)
            is_from_elsewhere = name.startswith(("Resources/Models/", "trainer/"))
            original = built.source / ("" if is_from_elsewhere else module) / name
            installed = built.modules / name.removeprefix("trainer/")
            assert installed.read_bytes() == original.read_bytes(), name


def test_only_modules_lie_where_slicer_looks_for_modules(built: Built) -> None:
    assert sorted(path.stem for path in built.modules.glob("*.py")) == sorted(modules(ROOT))


def test_tests_and_configurations_are_not_installed(built: Built) -> None:
    installed = [path.relative_to(built.modules) for path in built.modules.rglob("*")]
    unwanted = {"Testing", "CMakeLists.txt", "trainer", "configs", "pyproject.toml"}
    assert not [path for path in installed if unwanted & set(path.parts)]


def test_the_installed_trainer_offers_its_recipes(built: Built) -> None:
    program = "import mrstyle_trainer; print(mrstyle_trainer.__file__)"
    assert Path(run_python(built, "-c", program).stdout.strip()).is_relative_to(built.modules)
    run = run_python(built, "-m", "mrstyle_trainer", "recipes", "--json")
    assert run.returncode == 0, run.stderr
    assert all(Path(entry["config"]).is_relative_to(built.modules) for entry in json.loads(run.stdout))


def test_the_installed_command_finds_the_bundled_models(built: Built) -> None:
    run = run_python(built, "-m", "mrstyle", "models", "--json")
    assert run.returncode == 0, run.stderr
    found = {Path(entry["folder"]).name: Path(entry["folder"]) for entry in json.loads(run.stdout)["models"]}
    assert sorted(found) == BUNDLED
    assert all(built.modules in folder.parents for folder in found.values())


def test_the_installed_panels_find_the_bundled_models(built: Built) -> None:
    # Slicer's modules, as far as importing goes: what is searched here are folders.
    program = (
        "import sys, json; from unittest.mock import MagicMock;"
        "sys.modules.update({name: MagicMock() for name in ('qt', 'ctk', 'slicer', 'slicer.i18n', 'slicer.util')});"
        "from MRStyleLib.models import find_models;"
        "print(json.dumps([[entry.id, str(entry.folder)] for entry in find_models([]) if not entry.fault]))"
    )
    run = run_python(built, "-c", program)
    assert run.returncode == 0, run.stderr
    found = dict(json.loads(run.stdout))
    assert sorted(found) == BUNDLED
    assert all(built.modules in Path(folder).parents for folder in found.values())


def small_extension(folder: Path, listed: str, tail: str = "WITH_GENERIC_TESTS)") -> Path:
    """An extension of one module, MRStyleOne, with other arguments of the macro."""
    (folder / "MRStyleOne").mkdir(parents=True)
    shutil.copy2(ROOT / "CMakeLists.txt", folder)
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("add_subdirectory")]
    text = "\n".join(lines).replace("## NEXT_MODULE", "add_subdirectory(MRStyleOne)")
    text = text.replace("project(MRStyle)", "project(MRStyle NONE)")  # looking for compilers takes seconds
    (folder / "CMakeLists.txt").write_text(text, encoding="utf-8")
    (folder / "LICENSE").touch()
    (folder / "README.md").touch()
    (folder / "MRStyleOne" / "MRStyleOne.py").write_text("class MRStyleOne: pass\n")
    (folder / "MRStyleOne" / "CMakeLists.txt").write_text(
        f"slicerMacroBuildScriptedModule(NAME MRStyleOne SCRIPTS {listed} {tail}\n"
    )
    return folder


def test_a_small_extension_is_accepted(tmp_path: Path) -> None:
    run = configure(small_extension(tmp_path / "source", "MRStyleOne.py"), tmp_path / "build")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("listed", "tail", "fault"),
    [
        ("MRStyleOne.py gone.py", ")", "nonexistent file or directory 'gone.py'"),
        ("MRStyleOne.py", "WITH_GENERIC_TESTS WITH_ICONS)", "nonexistent|Unknown keywords"),
        ("MRStyleOne.py", "RESOURCES ../LICENSE)", "outside the folder"),
        ("MRStyleOne.py MRStyleOne.py", ")", "listed twice"),
        ("", "WITH_GENERIC_TESTS)", "no values after|has no MRStyleOne.py"),
        ("MRStyleOne.py", ")\nslicer_add_python_unittest(SCRIPT MRStyleOne.py)", "has no test case"),
        ("MRStyleOne.py", ")\nset(EXTENSION_SUMMARY x PARENT_SCOPE)", "means nothing to Slicer"),
    ],
    ids=["missing", "keyword", "outside", "twice", "empty", "untested", "variable"],
)
def test_a_faulty_extension_is_refused(tmp_path: Path, listed: str, tail: str, fault: str) -> None:
    run = configure(small_extension(tmp_path / "source", listed, tail), tmp_path / "build")
    assert run.returncode != 0
    assert any(part in " ".join(run.stderr.split()) for part in fault.split("|")), run.stderr


def test_every_script_is_python_of_slicer_5_10(built: Built) -> None:
    for module in modules(ROOT):
        lists = named_lists((ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8"))
        for name in lists[SCRIPTS]:
            path = built.modules / name.replace("${MODULE_NAME}", module)
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 10))
