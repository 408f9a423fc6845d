"""Fixtures of the tests of the commands."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("cli_fixtures", "worker_fixtures", "volume_fixtures")

from cli_fixtures import folder, mrstyle, network  # noqa: E402, F401
