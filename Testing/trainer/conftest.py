"""Fixtures of the trainer's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from site_fixtures import write_sites
from small_training import entries, make_heads, write_config

from mrstyle_trainer.cli import ALLOCATOR_ENVIRONMENT
from mrstyle_trainer.config import TrainingConfig, read_config


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four label maps and their table."""
    return make_heads(tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BIDS folder of T1-weighted scans of two sites; tests that change it copy it."""
    return write_sites(tmp_path_factory.mktemp("sites"))


@pytest.fixture
def small_config(heads: Path, tmp_path: Path) -> Callable[..., TrainingConfig]:
    """Make a small training configuration with changes by part."""

    def make(**changes: Any) -> TrainingConfig:
        return read_config(write_config(tmp_path / "config.yaml", entries(heads, **changes)))

    return make


@pytest.fixture(autouse=True)
def no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command restarts itself with these variables; with them set it runs in the process of the test."""
    for name, value in ALLOCATOR_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
