"""Published networks to compare ours with.

pGAN, ResViT and PTNet draw one contrast from one other: one forward pass from slices (B, 2 context + 1, H, W) of the source
contrast to slices (B, 1, H, W) of the target contrast. A new pair of contrasts takes a new training.

MUNIT, CycleGAN and StyleGAN3 take enhancement from frames of dynamic series, or add it, each frame for itself:
``draw(encode(frames, is_enhanced), style, enhancement)``, with frames (N, 1, H, W) of one series, of which ``is_enhanced``
(N,) says which show contrast agent, style frames (N or 1, 1, H, W), and "baseline" or "enhanced". A new body takes a
new training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from torch import nn

from mrstyle.errors import InputError

from .cyclegan import CycleGAN, CycleGANConfig
from .munit import MUNIT, MUNITConfig
from .pgan import PGAN, PGANConfig
from .ptnet import PTNet, PTNetConfig
from .resvit import ResViT, ResViTConfig
from .stylegan3 import StyleGAN3, StyleGAN3Config

_BUILDERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "cyclegan": lambda config: CycleGAN(CycleGANConfig.model_validate(config)),
    "munit": lambda config: MUNIT(MUNITConfig.model_validate(config)),
    "pgan": lambda config: PGAN(PGANConfig.model_validate(config)),
    "resvit": lambda config: ResViT(ResViTConfig.model_validate(config)),
    "ptnet": lambda config: PTNet(PTNetConfig.model_validate(config)),
    "stylegan3": lambda config: StyleGAN3(StyleGAN3Config.model_validate(config)),
}


def build(name: str, config: dict[str, Any]) -> Any:
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
