"""What several commands share: options, and how they print for other programs."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer


class Device(str, Enum):
    """Where a model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def print_json(data: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(data, indent=2, allow_nan=False))
