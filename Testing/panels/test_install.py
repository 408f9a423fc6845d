"""What is installed when, and what a user reads who declines or has no network."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import types
from pathlib import Path

import pytest
import slicer

from MRStyleLib import install
from MRStyleLib.environment import package_folder, trainer_folder

OFFERED_BY_SLICER = {"numpy", "scipy", "SimpleITK", "pydicom", "vtk"}
# Large, and for thickness and tables of regions alone: who asks for those is told what to install.
ON_DEMAND = {"antspyx", "neuroCombat"}


class Computer:
    """Packages that are installed here, and how this Slicer installs more."""

    def __init__(self, monkeypatch) -> None:
        self.versions = {re.split(r"[>=<]", text)[0]: "99.0" for text in ["torch", *install._requirements()]}
        self.calls: list[str] = []
        self.torch_installs = self.pip_installs = True
        monkeypatch.setattr(importlib.metadata, "version", self._version)
        logic = type(
            "PyTorchUtilsLogic", (), {"installTorch": lambda _self, **options: self._install_torch(options)}
        )
        monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=logic))
        monkeypatch.setattr(
            slicer, "packaging", types.SimpleNamespace(pip_ensure=self._pip_ensure), raising=False
        )
        monkeypatch.setattr(slicer.util, "pip_install", self._pip_install)

    def _version(self, name: str) -> str:
        if name not in self.versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return self.versions[name]

    def _install_torch(self, options: dict):
        assert options == {"askConfirmation": False, "torchVersionRequirement": ">=2.1"}
        self.calls.append("torch")
        if not self.torch_installs:
            return None
        self.versions["torch"] = "2.2.2"
        return types.SimpleNamespace()

    def _pip_ensure(self, requirements: list[str], prompt_install: bool, requester: str) -> None:
        assert (prompt_install, requester) == (False, "MRStyle")
        self._install("pip_ensure", requirements)

    def _pip_install(self, requirements: list[str]) -> None:
        self._install("pip_install", requirements)

    def _install(self, how: str, requirements: list[str]) -> None:
        self.calls.append(f"{how} {' '.join(requirements)}")
        if not self.pip_installs:
            raise OSError("no network")
        self.versions.update({re.split(r"[>=<]", text)[0]: "99.0" for text in requirements})


@pytest.fixture
def computer(host, monkeypatch) -> Computer:
    return Computer(monkeypatch)


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def test_the_requirements_are_those_of_the_package_that_slicer_lacks() -> None:
    from packaging.requirements import Requirement

    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((package_folder().parent / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    wanted = project["dependencies"] + project["optional-dependencies"]["qa"]
    left_out = OFFERED_BY_SLICER | ON_DEMAND | {"torch"}
    assert sorted(install._requirements()) == sorted(
        text for text in wanted if Requirement(text).name not in left_out
    )
    torch = next(Requirement(text) for text in wanted if Requirement(text).name == "torch")
    assert str(torch.specifier) == install.TORCH_VERSIONS


def test_the_requirements_of_the_trainer_are_those_of_its_package() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((trainer_folder() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set(project["dependencies"]) - {"mrstyle"}
    assert set(install._requirements(install.TRAINER)) == wanted


def test_nothing_happens_where_nothing_is_missing(computer: Computer) -> None:
    assert install.missing_requirements() == []
    install.ensure_requirements(never)
    assert computer.calls == []


@pytest.mark.parametrize(
    ("version", "is_met"), [("2.0.1", False), ("2.1.0", True), ("2.2.2+cu118", True), ("2.14.0a0+git1", True)]
)
def test_which_torch_is_new_enough(computer: Computer, version: str, is_met: bool) -> None:
    computer.versions["torch"] = version
    assert install.missing_requirements() == ([] if is_met else ["torch>=2.1"])


def test_torch_comes_from_its_extension_and_the_rest_from_slicer(computer: Computer) -> None:
    for name in ("torch", "pydantic", "nibabel"):
        del computer.versions[name]
    questions = []
    install.ensure_requirements(lambda question: bool(questions.append(question)) or True)
    assert len(questions) == 1
    assert "torch>=2.1, nibabel>=5.2, pydantic>=2.6" in questions[0]
    assert computer.calls == ["torch", "pip_ensure nibabel>=5.2 pydantic>=2.6"]


def test_slicer_5_10_has_no_packaging_module(computer: Computer, monkeypatch) -> None:
    monkeypatch.delattr(slicer, "packaging")
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    del computer.versions["rich"]
    install.ensure_requirements(lambda question: True)
    assert computer.calls == ["pip_install rich>=13"]


def test_who_declines_reads_what_to_do(computer: Computer) -> None:
    del computer.versions["torch"]
    with pytest.raises(RuntimeError, match=r"torch>=2\.1.*Press Apply again"):
        install.ensure_requirements(lambda question: False)
    assert computer.calls == []


def test_a_computer_without_a_network(computer: Computer) -> None:
    del computer.versions["pydantic"]
    computer.pip_installs = False
    with pytest.raises(RuntimeError, match=r"^pydantic>=2\.6 could not be installed"):
        install.ensure_requirements(lambda question: True)


def test_torch_that_does_not_install(computer: Computer) -> None:
    del computer.versions["torch"]
    computer.torch_installs = False
    with pytest.raises(RuntimeError, match=r"^torch could not be installed"):
        install.ensure_requirements(lambda question: True)


@pytest.mark.parametrize(("installs", "words"), [(True, "Restart Slicer"), (False, "Extensions Manager")])
def test_the_extension_for_torch_is_missing(
    computer: Computer, host, monkeypatch, installs: bool, words: str
) -> None:
    del computer.versions["torch"]
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    requests = []

    class Manager:
        interactive = True

        def isExtensionInstalled(self, name: str) -> bool:  # noqa: N802 - Slicer's name
            return False

        def installExtensionFromServer(self, name: str, restart: bool) -> bool:  # noqa: N802
            requests.append((name, restart, self.interactive))
            return installs

    app = types.SimpleNamespace(extensionsManagerModel=Manager)
    monkeypatch.setattr(install.slicer, "app", app)
    with pytest.raises(RuntimeError, match=words):
        install.ensure_requirements(lambda question: True)
    assert requests == [("PyTorch", False, False)]


def test_no_module_asks_for_packages_when_it_is_loaded() -> None:
    """Only `ensure_requirements`, which Apply calls, installs anything."""
    calls = re.compile(r"pip_install\(|pip_ensure\(|installTorch\(|installExtensionFromServer\(")
    files = [
        path for path in package_folder().rglob("*.py") if calls.search(path.read_text(encoding="utf-8"))
    ]
    assert files == [Path(install.__file__)]
