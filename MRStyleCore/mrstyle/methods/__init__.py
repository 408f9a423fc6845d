"""The methods by name. A method encodes a content, turns a target into a style, and decodes both into an image."""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import ValidationError
from torch import nn

from ..errors import PackageError

_MODULES = {
    "anatomy_basis": "anatomy_basis",
    "brain_mask": "brain_mask",
    "content_style": "content_style",
    "crl": "crl",
    "histogram_matching": "histogram",
    "light3d": "light3d",
    "nyul": "histogram",
    "relaxometry": "relaxometry",
    "site_classifier": "site_classifier",
    "spatiotemporal": "spatiotemporal",
    "starganv2": "starganv2",
    "white_stripe": "histogram",
}


def names() -> list[str]:
    """Names of the methods that a model card may ask for."""
    return list(_MODULES)


def build(name: str, config: dict[str, Any]) -> nn.Module:
    """The method of that name, with random weights where it has any.

    Raises:
        PackageError: there is no such method, or it does not accept the configuration.
    """
    if name not in _MODULES:
        raise PackageError(f"Unknown method {name!r}; this version of MRStyle knows {', '.join(_MODULES)}.")
    module = importlib.import_module(f".{_MODULES[name]}", __package__)
    try:
        return module.METHODS[name](config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PackageError(
            f"The method {name} does not accept its configuration: {where}: {first['msg']}."
        ) from error
