"""The file lists that Slicer packages by name every file, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from cmake_lists import ROOT, differences, modules, named_lists, wanted_lists, with_lists

CMAKE = "set(MODULE_PYTHON_SCRIPTS\n  ${MODULE_NAME}.py\n  gone.py\n  )\nset(MODULE_PYTHON_RESOURCES\n  )\nlast()\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that is no git checkout, with one module and lists that are not up to date."""
    for name in (
        "One.py",
        "OneLib/__init__.py",
        "OneLib/card page.j2",
        "Resources/UI/One.ui",
        "Testing/t.py",
    ):
        (tmp_path / "One" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "One" / name).touch()
    (tmp_path / "One" / "CMakeLists.txt").write_text(CMAKE)
    (tmp_path / "CMakeLists.txt").write_text("add_subdirectory(One)\n")
    return tmp_path


@pytest.mark.parametrize("module", modules(ROOT))
def test_the_lists_name_every_file(module: str) -> None:
    assert not differences(ROOT, module), "run `make cmake-lists`"


def test_there_are_modules() -> None:
    assert modules(ROOT)[:3] == ["MRStyleCore", "MRStyleTransfer", "ContrastSynth"]


def test_a_file_too_many_or_too_few_is_told(checkout: Path) -> None:
    assert differences(checkout, "One") == [
        "One/CMakeLists.txt: MODULE_PYTHON_SCRIPTS lacks OneLib/__init__.py",
        "One/CMakeLists.txt: MODULE_PYTHON_SCRIPTS names gone.py, which there is not",
        "One/CMakeLists.txt: MODULE_PYTHON_RESOURCES lacks OneLib/card page.j2",
        "One/CMakeLists.txt: MODULE_PYTHON_RESOURCES lacks Resources/UI/One.ui",
    ]


def test_written_lists_are_up_to_date(checkout: Path) -> None:
    text = with_lists(CMAKE, wanted_lists(checkout, "One"))
    (checkout / "One" / "CMakeLists.txt").write_text(text)
    assert not differences(checkout, "One")
    assert named_lists(text)["MODULE_PYTHON_SCRIPTS"][0] == "${MODULE_NAME}.py"
    assert '"OneLib/card page.j2"' in text
    assert text.endswith("last()\n")
