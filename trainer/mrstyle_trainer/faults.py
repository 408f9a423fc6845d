"""What pydantic found wrong in a file, in a user's words."""

from __future__ import annotations

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """The first fault as "entry: what is wrong", without a period."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "file"
    return f"{where}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}"
