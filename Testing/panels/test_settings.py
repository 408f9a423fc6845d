"""What a user chose on this computer outlives the session."""

from __future__ import annotations

from pathlib import Path

import pytest

from MRStyleLib import settings


@pytest.fixture(autouse=True)
def clean(host):
    yield
    for key in list(host.userSettings().allKeys()):
        if key.startswith("MRStyle/"):
            host.userSettings().remove(key)


def test_the_device_is_automatic_until_one_is_chosen() -> None:
    assert settings.device() == "auto"
    settings.set_device("cuda:1")
    assert settings.device() == "cuda:1"


@pytest.mark.parametrize("name", ["", "CPU", "cuda:", "cuda:1; rm", "cpu\n"])
def test_a_device_that_there_is_not(host, name: str) -> None:
    with pytest.raises(ValueError, match="is no device"):
        settings.set_device(name)
    host.userSettings().setValue("MRStyle/Device", name)
    assert settings.device() == "auto"


def test_the_model_folder(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MRSTYLE_MODELS", str(tmp_path / "variable"))
    assert settings.model_folder() == tmp_path / "variable"
    settings.set_model_folder(tmp_path / "gewählt")
    assert settings.model_folder() == tmp_path / "gewählt"
    settings.set_model_folder(None)
    monkeypatch.delenv("MRSTYLE_MODELS")
    assert settings.model_folder().parts[-2:] == ("mrstyle", "models")


def test_a_license_is_accepted_for_one_model_and_one_license() -> None:
    assert not settings.is_license_accepted("a@1.0.0", "CC-BY-NC-4.0")
    settings.accept_license("a@1.0.0", "CC-BY-NC-4.0")
    assert settings.is_license_accepted("a@1.0.0", "CC-BY-NC-4.0")
    assert not settings.is_license_accepted("a@1.0.0", "proprietary")
    assert not settings.is_license_accepted("a@1.0.1", "CC-BY-NC-4.0")
