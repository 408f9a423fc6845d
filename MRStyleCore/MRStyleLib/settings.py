"""What a user has chosen on this computer, in Slicer's settings (keys `MRStyle/...`)."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import slicer

DEVICES = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")
_DEVICE, _MODEL_FOLDER, _LICENSES = "MRStyle/Device", "MRStyle/ModelFolder", "MRStyle/AcceptedLicenses/"
_TRAININGS = "MRStyle/Trainings"


def device() -> str:
    """Where models run: "auto", "cpu", "mps", "cuda" or "cuda:<number>"."""
    stored = _text(_DEVICE)
    return stored if DEVICES.fullmatch(stored) else "auto"


def set_device(name: str) -> None:
    """Remember where models run.

    Raises:
        ValueError: there is no such kind of device.
    """
    if not DEVICES.fullmatch(name):
        raise ValueError(f"{name!r} is no device; it is one of auto, cpu, mps, cuda, cuda:<number>")
    _settings().setValue(_DEVICE, name)


def model_folder() -> Path:
    """The user's own models: this setting, else the environment variable MRSTYLE_MODELS, else as the commands do."""
    chosen = _text(_MODEL_FOLDER) or os.environ.get("MRSTYLE_MODELS")
    return Path(chosen) if chosen else _default_model_folder()


def set_model_folder(folder: Path | None) -> None:
    """Remember the folder of the user's own models; None goes back to the default."""
    if folder is None:
        _settings().remove(_MODEL_FOLDER)
    else:
        _settings().setValue(_MODEL_FOLDER, str(folder))


def is_license_accepted(model: str, license_id: str) -> bool:
    """Whether the user has accepted this license (SPDX identifier) of a model (id@version)."""
    return _text(_LICENSES + model) == license_id


def accept_license(model: str, license_id: str) -> None:
    """Remember that the user has accepted this license; a model that changes its license is asked about again."""
    _settings().setValue(_LICENSES + model, license_id)


def trainings() -> list[Path]:
    """The folders of trainings that panels have started, the newest first; a folder may be gone."""
    try:
        listed = json.loads(_text(_TRAININGS) or "[]")
    except ValueError:
        return []
    return [Path(each) for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def remember_training(folder: Path) -> None:
    """Put a training's folder first."""
    _set_trainings([folder, *(each for each in trainings() if each != folder)])


def forget_training(folder: Path) -> None:
    """Take a training's folder from the list; its files stay."""
    _set_trainings([each for each in trainings() if each != folder])


def trainings_folder() -> Path:
    """Where new trainings are put."""
    return _data_folder() / "trainings"


def _set_trainings(folders: list[Path]) -> None:
    _settings().setValue(_TRAININGS, json.dumps([str(folder) for folder in folders], ensure_ascii=False))
    # A crash of the application must not lose what runs without it.
    _settings().sync()


def _default_model_folder() -> Path:
    """The same folder as `mrstyle.models.catalogue.user_models_folder`, which needs pydantic to be imported."""
    return _data_folder() / "models"


def _data_folder() -> Path:
    if sys.platform == "win32":
        data = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "mrstyle"


def _settings():
    return slicer.app.userSettings()


def _text(key: str) -> str:
    value = _settings().value(key)
    return value if isinstance(value, str) else ""
