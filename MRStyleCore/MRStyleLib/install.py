"""What the worker needs and Slicer does not bring: looked up without importing it, installed when the user agrees."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable

import slicer
from slicer.i18n import tr as _

from .environment import package_folder

TORCH_VERSIONS = ">=2.1"
TRAINER = "requirements-trainer.txt"
_WORKER = "requirements.txt"
_REQUESTER = "MRStyle"


def missing_requirements(more: str = "") -> list[str]:
    """The requirements that no installed package meets, such as "torch>=2.1"; torch comes first.

    Args:
        more: a file beside requirements.txt, such as `TRAINER`.
    """
    from packaging.requirements import Requirement

    importlib.invalidate_caches()
    wanted = ["torch" + TORCH_VERSIONS, *_requirements(), *(_requirements(more) if more else [])]
    return [text for text in wanted if not _is_met(Requirement(text))]


def ensure_requirements(ask: Callable[[str], bool], more: str = "") -> None:
    """Install what is missing, for a minute or more; nothing happens where nothing is.

    Args:
        ask: shows a question to the user; whether they agree.
        more: see `missing_requirements`.

    Raises:
        RuntimeError: the user declined, something could not be installed, or Slicer must be restarted first.
    """
    missing = missing_requirements(more)
    if not missing:
        return
    button = _("Install") if more else _("Apply")
    if not ask(_question(missing)):
        raise RuntimeError(
            _(
                "MRStyle needs Python packages that are not installed: {names}. Press {button} again to install them."
            ).format(names=", ".join(missing), button=button)
        )
    others = [text for text in missing if not text.startswith("torch")]
    if len(others) < len(missing):
        _install_torch(button)
    try:
        _pip_install(others)
    except Exception as error:
        raise RuntimeError(_not_installed(missing_requirements(more) or others)) from error
    if still := missing_requirements(more):
        raise RuntimeError(_not_installed(still))


def _requirements(name: str = _WORKER) -> list[str]:
    beside = package_folder() / "Resources" / name
    lines = (line.strip() for line in beside.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _is_met(requirement) -> bool:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    # A local label such as +cu130, or a pre-release of a later version, is as good.
    return requirement.specifier.contains(version, prereleases=True)


def _question(missing: list[str]) -> str:
    text = _(
        "MRStyle needs Python packages that are not installed: {names}.\n\nThey are downloaded and added to Slicer's "
        "own Python; torch takes up to several gigabytes of disk space. Install them now?"
    )
    return text.format(names=", ".join(missing))


def _install_torch(button: str) -> None:
    """Through the extension PyTorch, which knows the graphics card; torch is never fetched by us."""
    try:
        import PyTorchUtils
    except ImportError:
        _install_torch_extension(button)
    logic = PyTorchUtils.PyTorchUtilsLogic()
    try:
        torch = logic.installTorch(askConfirmation=False, torchVersionRequirement=TORCH_VERSIONS)
    except Exception as error:
        raise RuntimeError(_not_installed(["torch"])) from error
    if torch is None:
        raise RuntimeError(_not_installed(["torch"]))


def _install_torch_extension(button: str) -> None:
    """Always raises RuntimeError: a new extension is usable after a restart."""
    manager = slicer.app.extensionsManagerModel()
    manager.interactive = False
    if not manager.isExtensionInstalled("PyTorch") and not manager.installExtensionFromServer(
        "PyTorch", False
    ):
        raise RuntimeError(
            _(
                "The extension PyTorch could not be installed. Install it in the Extensions Manager, then press "
                "{button} again."
            ).format(button=button)
        )
    raise RuntimeError(
        _("The extension PyTorch is installed. Restart Slicer, then press {button} again.").format(
            button=button
        )
    )


def _pip_install(requirements: list[str]) -> None:
    if not requirements:
        return
    try:
        from slicer import packaging
    except ImportError:  # Slicer 5.10
        slicer.util.pip_install(requirements)
        return
    # The user has been asked; in Slicer's testing mode nothing is installed.
    packaging.pip_ensure(requirements, prompt_install=False, requester=_REQUESTER)


def _not_installed(names: list[str]) -> str:
    return _("{names} could not be installed; the reason is in Slicer's Python console or log.").format(
        names=", ".join(names)
    )
