"""What the card of a model says about its quality and speed, measured on the held-out heads of its training."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mrstyle.engine.device import has_fast_bfloat16

from .data import Samples
from .recipes import Recipe


@dataclass(frozen=True)
class Figures:
    """Mean PSNR over whole slices, data range 1, in dB, and seconds per million voxels on this CPU.

    ``bf16_psnr_db`` is that of the bfloat16 output to the float32 output, the others are to the truth.
    """

    psnr_db: float
    content_psnr_db: float
    bf16_psnr_db: float
    cpu_s_per_mvoxel: float


def measure(recipe: Recipe, pairs: Samples) -> Figures:
    """Measure the main network of ``recipe``, which is in eval mode on the CPU."""
    network = recipe.networks[recipe.main]
    outputs, contents, rounded_outputs = [], [], []
    seconds, voxels = 0.0, 0
    fast_bfloat16 = has_fast_bfloat16(torch.device("cpu"))
    with torch.inference_mode():
        for batch in DataLoader(pairs, batch_size=2):
            exact, rounded = _predict(recipe, network, batch, False), _predict(recipe, network, batch, True)
            started = time.perf_counter()
            _predict(recipe, network, batch, fast_bfloat16)
            seconds += time.perf_counter() - started
            voxels += batch["target"].numel()
            content = batch["content"][:, [batch["content"].shape[1] // 2]]
            outputs.append(_psnr_db(exact, batch["target"]))
            contents.append(_psnr_db(content, batch["target"]))
            rounded_outputs.append(_psnr_db(rounded, exact))
    return Figures(
        psnr_db=torch.cat(outputs).mean().item(),
        content_psnr_db=torch.cat(contents).mean().item(),
        bf16_psnr_db=torch.cat(rounded_outputs).mean().item(),
        cpu_s_per_mvoxel=seconds / voxels * 1e6,
    )


def _predict(recipe: Recipe, network: nn.Module, batch: dict[str, Tensor], bfloat16: bool) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        return recipe.predict(network, batch)


def _psnr_db(image: Tensor, reference: Tensor) -> Tensor:
    return -10 * torch.log10((image - reference).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))
