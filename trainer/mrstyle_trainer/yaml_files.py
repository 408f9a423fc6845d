"""YAML files that people write: read, checked, and their first fault told in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from mrstyle.errors import InputError

T = TypeVar("T")


def read_yaml(path: str | Path, content: TypeAdapter[T], what: str) -> T:
    """The content of a YAML file; ``what`` names the file to the user, for instance "label table".

    Raises:
        InputError: the file cannot be read, is no YAML, or does not hold such content.
    """
    try:
        return content.validate_python(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"Cannot read the {what} {path}: {error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"Cannot read the {what} {path}: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        if not fault["loc"] and fault["type"] in ("model_type", "dict_type"):
            raise InputError(
                f"The {what} {path} is not usable: it needs lines like `name: value`."
            ) from error
        where = ".".join(str(part) for part in fault["loc"]) or "file"
        why = fault["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(f"The {what} {path} is not usable: {where}: {why}.") from error
