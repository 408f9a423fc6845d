"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

# The tests' networks are tiny: one thread is as fast, and does not wait for others on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real MR data; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("MRSTYLE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real MR data at {folder} (set MRSTYLE_TEST_DATA)")
    return folder
