"""Published networks for the synthesis of one contrast from one other, to compare ours with.

Each is one forward pass from slices (B, 2 context + 1, H, W) of the source contrast to slices (B, 1, H, W) of the target
contrast. A new pair of contrasts takes a new training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from mrstyle.errors import InputError

from .pgan import PGAN, PGANConfig
from .ptnet import PTNet, PTNetConfig
from .resvit import ResViT, ResViTConfig

Comparator = PGAN | ResViT | PTNet

_BUILDERS: dict[str, Callable[[dict[str, Any]], Comparator]] = {
    "pgan": lambda config: PGAN(PGANConfig.model_validate(config)),
    "resvit": lambda config: ResViT(ResViTConfig.model_validate(config)),
    "ptnet": lambda config: PTNet(PTNetConfig.model_validate(config)),
}


def build(name: str, config: dict[str, Any]) -> Comparator:
    """The comparator of that name with random weights.

    Raises:
        InputError: it does not accept the configuration.
    """
    try:
        return _BUILDERS[name](config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["network", *(str(part) for part in first["loc"])])
        raise InputError(f"{name} does not accept {where}: {first['msg']}.") from error
