"""Parts of Slicer that reach out of the process: they record what they are asked for and do nothing else.

`slicer.packaging`, `PyTorchUtils` and `SampleData` of a real Slicer install packages and download data. A test reads
`CALLS` and may fill `PACKAGES_MISSING`.
"""

# ruff: noqa: N802, N803 - the names are Slicer's
from __future__ import annotations

import re
import sys
import types
from importlib import metadata
from pathlib import Path

CALLS: list[tuple[str, tuple, dict]] = []
PACKAGES_MISSING: set[str] = set()
"""Names of packages that pip_check is to find missing, installed or not."""


def _record(name: str):
    def call(*arguments, **named) -> None:
        CALLS.append((name, arguments, named))

    return call


def _names(requirements) -> list[str]:
    if isinstance(requirements, str | Path):
        requirements = [requirements]
    return [re.split(r"[\s<>=!~;\[]", str(one).strip(), maxsplit=1)[0] for one in requirements]


def load_requirements(path) -> list[str]:
    """The requirement lines of a requirements file, comments left out."""
    lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def pip_check(requirements) -> bool:
    """Whether the named packages are installed; unlike Slicer's, this one looks at no version."""
    for name in _names(requirements):
        if name in PACKAGES_MISSING:
            return False
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            return False
    return True


def packaging_module() -> types.ModuleType:
    """slicer.packaging of 5.12."""
    module = types.ModuleType("slicer.packaging")
    module.load_requirements = load_requirements
    module.pip_check = pip_check
    for name in ("pip_ensure", "pip_install", "pip_uninstall"):
        setattr(module, name, _record(name))
    module.isPipInstallInProgress = lambda: False
    return module


class PyTorchUtilsLogic:
    """The logic of the extension PyTorch."""

    def installTorch(
        self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None, **named
    ):
        """Records the call; returns the module torch's stand-in."""
        named.update(askConfirmation=askConfirmation, torchVersionRequirement=torchVersionRequirement)
        CALLS.append(("installTorch", (), named))
        return types.SimpleNamespace(__name__="torch")

    def torchInstalled(self) -> bool:
        return pip_check("torch")


class SampleDataLogic:
    """Keeps the registered sample data sources by category."""

    sources: list[dict] = []  # noqa: RUF012 - one list for the application, as in Slicer
    categories: dict[str, str] = {}  # noqa: RUF012

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str | None = None) -> None:
        SampleDataLogic.categories[category] = title or category

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom", sampleName=None, uris=None, fileNames=None, **named
    ) -> None:
        if not sampleName or not uris:
            raise ValueError("a sample data source needs sampleName and uris")
        SampleDataLogic.sources.append(
            {"category": category, "sampleName": sampleName, "uris": uris, "fileNames": fileNames, **named}
        )


def install() -> None:
    """Puts the stand-ins where modules import them from, and SimpleITK's bridge with them."""
    import slicer

    from . import sitk_utils

    slicer.packaging = sys.modules["slicer.packaging"] = packaging_module()
    sys.modules["PyTorchUtils"] = types.ModuleType("PyTorchUtils")
    sys.modules["PyTorchUtils"].PyTorchUtilsLogic = PyTorchUtilsLogic
    sys.modules["SampleData"] = types.ModuleType("SampleData")
    sys.modules["SampleData"].SampleDataLogic = SampleDataLogic
    sys.modules["sitkUtils"] = sitk_utils
